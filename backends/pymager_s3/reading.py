"""Blobs opened: description and bytes in one GET, whatever the range."""

import asyncio
from datetime import UTC
from types import TracebackType
from typing import TYPE_CHECKING, Self

from obstore import get_async, head_async

from pymager.errors import Unavailable
from pymager.ports import Blob, BlobInfo
from pymager_s3.connections import Connections
from pymager_s3.failures import RAISED, asked, failure_of
from pymager_s3.fetching import Fetched
from pymager_s3.wire import Cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from obstore import Bytes, GetOptions, GetResult, ObjectMeta

PIECE = 256 << 10
# Answers to a range that has no byte of the object; to one of an empty object some answer without a range.
_NO_RANGE = ("InvalidRange", "416", "NotPartial")
_PATIENCE = 1.0  # seconds that a reader may take for a piece before its connection is given up


def describe(key: str, meta: "ObjectMeta") -> BlobInfo:
    """A blob's description from its object's. Listings give fractions of seconds, which HTTP has not."""
    modified = meta["last_modified"].replace(microsecond=0, tzinfo=UTC)
    etag = (meta["e_tag"] or "").removeprefix("W/").strip('"')
    return BlobInfo(key, meta["size"], etag or f"{modified.timestamp():.0f}-{meta['size']}", modified)


def options_of(start: int, stop: int | None) -> "GetOptions | None":
    """The least range to ask for that has the slice in it without knowing the size; None where it is empty.

    What is asked for too much is left unread.
    """
    if stop is not None and (stop == 0 or ((start < 0) == (stop < 0) and stop <= start)):
        return None
    if start < 0 and (stop is None or stop < 0):
        return {"range": {"suffix": -start}}
    if stop is None or stop < 0:
        return {"range": {"offset": start}} if start else {}
    return {"range": (max(start, 0), stop)}


class Opening:
    """One opened blob; the bytes come while they are read. Not a generator: nothing is left when abandoned."""

    __slots__ = (
        "_at", "_end", "_etag", "_fetching", "_key", "_name", "_patience", "_result", "_seconds", "_sent", "_slice",
        "_store", "_stream",
    )  # fmt: skip

    def __init__(self, to: Connections, name: str, key: str, slice: slice, seconds: float) -> None:
        self._store = to.reads
        self._fetching = to.fetching
        self._name = name
        self._key = key
        self._slice = slice
        self._seconds = seconds
        self._at = self._end = self._sent = 0
        self._etag: str | None = None
        self._result: GetResult | Fetched | None = None
        self._stream: AsyncIterator[bytes | Bytes] | None = None
        self._patience: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Blob:
        options = options_of(self._slice.start, self._slice.stop)
        async with asked(self._seconds, self._key):
            meta = None if options is None else await self._get(options)
            if meta is None:
                return Blob(await self._nothing(), self)
        first, last, _ = self._slice.indices(meta["size"])
        self._at, self._end = first, max(first, last)
        self._etag = meta["e_tag"]
        return Blob(describe(self._key, meta), self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._be_patient()
        self._let_go()
        self._end = self._at

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes of the range. Raises `Unavailable` where the body ends before it."""
        if self._at >= self._end:
            raise StopAsyncIteration
        self._be_patient()
        async with asked(self._seconds):
            try:
                piece = await self._piece(self._result or await self._resumed())
            except Cut:
                self._let_go()
                piece = await self._piece(await self._resumed())
        self._at += len(piece)
        if self._at < self._end:
            self._patience = asyncio.get_running_loop().call_later(_PATIENCE, self._let_go)
        return piece

    async def _get(self, options: "GetOptions") -> "ObjectMeta | None":
        """Ask for the object. None where the range has no byte of it."""
        try:
            self._result = await self._fetching.get(self._name, options, PIECE) or await get_async(
                self._store, self._name, options=options or None
            )
        except RAISED as error:
            if not options or failure_of(error).code not in _NO_RANGE:
                raise
            return None
        return self._result.meta

    async def _nothing(self) -> BlobInfo:
        """The description, where the range is empty. Raises `Unavailable` where it is not after all."""
        info = describe(self._key, await head_async(self._store, self._name))
        if range(*self._slice.indices(info.size)):
            raise Unavailable("the bucket's server does not answer ranges", outcome_known=True)
        return info

    async def _piece(self, result: "GetResult | Fetched") -> bytes:
        """The next bytes of an answer. Raises `Cut` and `Unavailable`."""
        return await (self._all(result) if self._is_small(result) else self._some(result))

    def _is_small(self, result: "GetResult | Fetched") -> bool:
        """Whether the answer is little, and just what is wanted."""
        return self._end - self._at <= PIECE and self._stream is None and result.range == (self._at, self._end)

    async def _all(self, result: "GetResult | Fetched") -> bytes:
        """A small body in one go, which is half the work of a stream."""
        body = bytes(await result.bytes_async())
        return body if len(body) == self._end - self._at else self._cut_short()

    async def _some(self, result: "GetResult | Fetched") -> bytes:
        """The next piece of the range, without what the server sent before and after it."""
        if self._stream is None:
            self._stream = result.stream(PIECE)
            self._sent = result.range[0]
        async for piece in self._stream:
            begin, self._sent = self._sent, self._sent + len(piece)
            if self._sent > self._at:
                return bytes(memoryview(piece)[self._at - begin : self._end - begin])
        return self._cut_short()

    async def _resumed(self) -> "GetResult":
        """Ask for the rest, of the same content."""
        options: GetOptions = {"range": (self._at, self._end), "if_match": self._etag}
        self._result = result = await get_async(self._store, self._name, options=options)
        return result

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _let_go(self) -> None:
        """End the connection, with what is unread in it.

        Also for a reader that is slow: MinIO lets nobody delete an object while it is being sent, and any server
        ends such a connection some time.
        """
        if isinstance(self._result, Fetched):
            self._result.close()
        self._result = self._stream = None

    def _cut_short(self) -> bytes:
        raise Unavailable(f"the body of {self._key!r} ended early", outcome_known=True)
