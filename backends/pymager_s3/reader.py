"""Opened blobs: description and bytes in one GET, for any range."""

import asyncio
from datetime import UTC
from types import TracebackType
from typing import TYPE_CHECKING, Self

from obstore import get_async, head_async

from pymager.errors import Unavailable
from pymager.ports import Blob, BlobInfo
from pymager_aws.http_connection import ConnectionBroken
from pymager_s3.clients import Clients
from pymager_s3.errors import CLIENT_ERRORS, BucketCall, error_details
from pymager_s3.fast_get import FastGetResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from obstore import Bytes, GetOptions, GetResult, ObjectMeta

CHUNK_BYTES = 256 << 10
# Responses to a range outside the object; some servers ignore a range of an empty object.
_EMPTY_RANGE_CODES = ("InvalidRange", "416", "NotPartial")
_SLOW_READER_SECONDS = 1.0


def describe(key: str, meta: "ObjectMeta") -> BlobInfo:
    """A blob's description. Listings have fractions of seconds, which HTTP dates lack."""
    modified = meta["last_modified"].replace(microsecond=0, tzinfo=UTC)
    etag = (meta["e_tag"] or "").removeprefix("W/").strip('"')
    return BlobInfo(key, meta["size"], etag or f"{modified.timestamp():.0f}-{meta['size']}", modified)


def options_of(start: int, stop: int | None) -> "GetOptions | None":
    """The smallest range that contains the slice, whatever the object's size; None if the slice is empty.

    The reader skips what a response has before and after the slice.
    """
    if stop is not None and (stop == 0 or ((start < 0) == (stop < 0) and stop <= start)):
        return None
    if start < 0 and (stop is None or stop < 0):
        return {"range": {"suffix": -start}}
    if stop is None or stop < 0:
        return {"range": {"offset": start}} if start else {}
    return {"range": (max(start, 0), stop)}


class BlobReader:
    """One opened blob, read while the caller iterates. Not a generator: an abandoned reader leaves nothing behind."""

    __slots__ = (
        "_etag", "_fast_get", "_key", "_name", "_position", "_result", "_seconds", "_slice", "_slow_timer", "_stop",
        "_store", "_stream", "_stream_position",
    )  # fmt: skip

    def __init__(self, clients: Clients, name: str, key: str, slice: slice, timeout: float) -> None:
        self._store = clients.reads
        self._fast_get = clients.fast_get
        self._name = name
        self._key = key
        self._slice = slice
        self._seconds = timeout
        self._position = self._stop = self._stream_position = 0
        self._etag: str | None = None
        self._result: GetResult | FastGetResult | None = None
        self._stream: AsyncIterator[bytes | Bytes] | None = None
        self._slow_timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Blob:
        options = options_of(self._slice.start, self._slice.stop)
        async with BucketCall(self._seconds, self._key):
            meta = None if options is None else await self._get(options)
            if meta is None:
                return Blob(await self._describe_empty_range(), self)
        start, stop, _ = self._slice.indices(meta["size"])
        self._position, self._stop = start, max(start, stop)
        self._etag = meta["e_tag"]
        return Blob(describe(self._key, meta), self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancel_slow_timer()
        self._disconnect()
        self._stop = self._position

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes of the range. Raises `Unavailable` if the body ends early."""
        if self._position >= self._stop:
            raise StopAsyncIteration
        self._cancel_slow_timer()
        async with BucketCall(self._seconds):
            try:
                chunk = await self._read(self._result or await self._resume())
            except ConnectionBroken:
                self._disconnect()
                chunk = await self._read(await self._resume())
        self._position += len(chunk)
        if self._position < self._stop:
            self._slow_timer = asyncio.get_running_loop().call_later(_SLOW_READER_SECONDS, self._disconnect)
        return chunk

    async def _get(self, options: "GetOptions") -> "ObjectMeta | None":
        """Request the object. None if the range has no byte of it."""
        try:
            self._result = await self._fast_get.get(self._name, options, CHUNK_BYTES) or await get_async(
                self._store, self._name, options=options or None
            )
        except CLIENT_ERRORS as error:
            if not options or error_details(error).code not in _EMPTY_RANGE_CODES:
                raise
            return None
        return self._result.meta

    async def _describe_empty_range(self) -> BlobInfo:
        """The description, when the range is empty. Raises `Unavailable` if it is not."""
        info = describe(self._key, await head_async(self._store, self._name))
        if range(*self._slice.indices(info.size)):
            raise Unavailable("the bucket's server does not support range requests", outcome_known=True)
        return info

    async def _read(self, result: "GetResult | FastGetResult") -> bytes:
        """The next bytes of a response. Raises `ConnectionBroken` and `Unavailable`."""
        return await (self._read_all(result) if self._is_one_chunk(result) else self._read_chunk(result))

    def _is_one_chunk(self, result: "GetResult | FastGetResult") -> bool:
        """Whether the response is small and exactly the rest of the range."""
        is_small = self._stop - self._position <= CHUNK_BYTES
        return is_small and self._stream is None and result.range == (self._position, self._stop)

    async def _read_all(self, result: "GetResult | FastGetResult") -> bytes:
        """A small body at once, which is half the work of a stream."""
        body = bytes(await result.bytes_async())
        return body if len(body) == self._stop - self._position else self._raise_ended_early()

    async def _read_chunk(self, result: "GetResult | FastGetResult") -> bytes:
        """The next chunk of the range, without what the server sent before and after it."""
        if self._stream is None:
            self._stream = result.stream(CHUNK_BYTES)
            self._stream_position = result.range[0]
        async for chunk in self._stream:
            begin, self._stream_position = self._stream_position, self._stream_position + len(chunk)
            if self._stream_position > self._position:
                return bytes(memoryview(chunk)[self._position - begin : self._stop - begin])
        return self._raise_ended_early()

    async def _resume(self) -> "GetResult":
        """Request the rest of the range, of the same content."""
        options: GetOptions = {"range": (self._position, self._stop), "if_match": self._etag}
        self._result = result = await get_async(self._store, self._name, options=options)
        return result

    def _cancel_slow_timer(self) -> None:
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None

    def _disconnect(self) -> None:
        """Release the connection, or abort it if it has unread body; reading resumes with a new request.

        Also called for a slow reader: MinIO does not delete an object while it sends it, and every server closes such a
        connection after some time.
        """
        if isinstance(self._result, FastGetResult):
            self._result.close()
        self._result = self._stream = None

    def _raise_ended_early(self) -> bytes:
        raise Unavailable(f"the body of {self._key!r} ended early", outcome_known=True)
