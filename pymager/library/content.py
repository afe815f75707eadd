"""A variant that was found or rendered, and where it came from."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from pymager.ports import Blob, BlobInfo

MEMORY, SHARED, BUCKET, RENDERED = "memory", "shared", "bucket", "rendered"
"""The tiers that a variant can come from."""


class VariantContent:
    """A variant that was found or rendered: its bytes are `body`, or come in `chunks` if it is large.

    Both are None if the caller needs no bytes. `tier` is where it came from. Use it in `async with`, which ends the
    transfer of a large variant. An instance without `chunks` can be shared.
    """

    __slots__ = ("_opening", "body", "chunks", "info", "tier")

    def __init__(
        self,
        info: BlobInfo,
        body: bytes | None,
        tier: str,
        chunks: AsyncIterator[bytes] | None = None,
        opening: AbstractAsyncContextManager[Blob] | None = None,
    ) -> None:
        self.info = info
        self.body = body
        self.tier = tier
        self.chunks = chunks
        self._opening = opening

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            await opening.__aexit__(kind, error, trace)
