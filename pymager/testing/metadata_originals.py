"""What the parts of the metadata store's contract share: originals to write, races and cancellation."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pymager.names import new_revision
from pymager.ports import MAX_PLACEHOLDER_LENGTH, Description, Original

RACERS = 50
ROUNDS = 20

A_DESCRIPTION = Description(
    frames=1_000, alpha=True, dominant="#0a1b2c", thumbhash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w", blurhash="L" * 28
)
"""A description with a distinct value in every field."""
ANOTHER_DESCRIPTION = Description(
    frames=1,
    alpha=False,
    dominant="#ffffff",
    thumbhash="+" * MAX_PLACEHOLDER_LENGTH,
    blurhash="#$%*+,-.:;=?@[]^_{|}".ljust(MAX_PLACEHOLDER_LENGTH, "~"),
)
"""A description whose every value differs from that of `A_DESCRIPTION`, with texts of the maximum length."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """What the calls of a race returned and raised."""

    returned: list[T]
    raised: list[BaseException]


def an_original(id: str = "cat", **changes: Any) -> Original:
    """An original with a new revision and a distinct value in every field. Its size needs more than 32 bits."""
    original = Original(
        id=id,
        revision=new_revision(),
        format="jpeg",
        width=4032,
        height=3024,
        size=5_000_000_000,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        created=datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
    )
    return replace(original.with_description(A_DESCRIPTION), **changes)


def undescribed(original: Original) -> Original:
    """The same row without a description, as earlier versions wrote it."""
    return replace(original, frames=None, alpha=None, dominant=None, thumbhash=None, blurhash=None)


async def race(calls: Iterable[Coroutine[Any, Any, T]]) -> Outcomes[T]:
    """Run all calls concurrently, and wait until every one has ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    returned = [result for result in results if not isinstance(result, BaseException)]
    return Outcomes(returned, [result for result in results if isinstance(result, BaseException)])


async def cancel_after(steps: int, call: Coroutine[Any, Any, Any]) -> None:
    """Start the call, cancel it after that many iterations of the event loop, and ignore its outcome."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
