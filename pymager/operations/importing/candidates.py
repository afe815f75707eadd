"""Candidates: pictures that a source of an import has, and how their ids are made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from pymager import names
from pymager.errors import ImportRefused

T = TypeVar("T")

_THREAD_BATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class Content:
    """An open candidate: `size` in bytes, None if it is unknown; `version` changes with the bytes, empty if unknown."""

    size: int | None
    version: str
    chunks: AsyncIterator[bytes]


class Candidate(Protocol):
    """A picture that can be imported. Every method can raise `ImportRefused`, `OSError` and `Unavailable`."""

    @property
    def name(self) -> str:
        """Names the picture in messages, in the report and in the checkpoint. Without passwords."""

    @property
    def outage_is_shared(self) -> bool:
        """Whether an outage also concerns other candidates, so that many in a row stop the run."""

    def id(self) -> str:
        """The id that it gets. Also raises `InvalidName`."""

    async def size(self) -> int | None:
        """Its size in bytes, None if that cannot be known without reading it."""

    def open(self, known_version: str) -> AbstractAsyncContextManager[Content | None]:
        """Open it, once. Gives None if it still has the version; an empty text stands for no version."""


class Source(Protocol):
    """Lists candidates, in constant memory."""

    def candidates(self) -> AsyncGenerator[Candidate, None]:
        """All candidates. Raises `ConfigurationError` and `Unavailable`."""

    async def count(self) -> int | None:
        """The number of candidates for the progress, None if it takes too long to count them."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a source lists and cannot be imported, such as a malformed line."""

    name: str
    reason: str
    outage_is_shared: bool = False

    def id(self) -> str:
        """Raises `ImportRefused`."""
        raise ImportRefused(self.reason)

    async def size(self) -> int | None:
        """Raises `ImportRefused`."""
        raise ImportRefused(self.reason)

    @asynccontextmanager
    async def open(self, known_version: str) -> AsyncIterator[Content | None]:
        """Raises `ImportRefused`."""
        raise ImportRefused(self.reason)
        yield


def id_of(path: str) -> str:
    """The id for a relative path or a key: `2024/my cat.jpg` becomes `2024-my_cat`.

    Leading `/` and `..` are left out. Raises `InvalidName` and `ImportRefused`.
    """
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    if not parts:
        raise ImportRefused("has no file name that an id could be made of")
    parts[-1] = PurePosixPath(parts[-1]).stem
    return names.parse_id(names.id_like("-".join(parts)))


def is_hidden(path: str) -> bool:
    """Whether a part of a relative path starts with a dot."""
    return any(part.startswith(".") for part in path.split("/"))


def printable(text: str) -> str:
    """The text for messages and files: what is not printable, or not UTF-8, is written as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


async def from_thread(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """The items of a blocking iterator, which is advanced in a thread."""
    while batch := await asyncio.to_thread(lambda: [*islice(items, _THREAD_BATCH_SIZE)]):
        for item in batch:
            yield item
