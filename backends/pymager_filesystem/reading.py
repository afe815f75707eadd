"""Opens blobs: from the page cache on the event loop, or in a thread."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from stat import S_ISREG
from types import TracebackType
from typing import Self

from pymager.errors import NotFound, Unavailable
from pymager.ports import Blob, BlobInfo
from pymager.threads import Threads
from pymager_filesystem.failures import translate_errors
from pymager_filesystem.layout import Layout, describe
from pymager_filesystem.page_cache import ABSENT, MAX_READ_BYTES, OPEN_FLAGS, PageCache

_CHUNK_BYTES = 128 << 10


def status_of(layout: Layout, key: str) -> os.stat_result:
    """The status of a blob's file. Raises `NotFound`."""
    try:
        status = os.lstat(layout.path(key))
    except (FileNotFoundError, NotADirectoryError):
        raise _absent(layout, key) from None
    return _regular(status, key)


class OpenBlob:
    """A context manager for an open blob. Reads a small range as a whole and closes the file; a large one in chunks.

    Reads nothing before the first chunk is requested, if the file is in the page cache.
    """

    __slots__ = (
        "_body", "_cache", "_fd", "_info", "_is_exited", "_is_reading", "_is_small", "_key", "_layout", "_path",
        "_range", "_slice", "_threads",
    )  # fmt: skip

    def __init__(
        self, layout: Layout, cache: PageCache, threads: Threads, key: str, start: int, stop: int | None
    ) -> None:
        self._layout = layout
        self._cache = cache
        self._threads = threads
        self._key = key
        self._path = layout.path(key)
        self._slice = slice(start, stop)
        self._fd = -1
        self._is_reading = False
        self._is_exited = False
        self._range = (0, 0)
        self._body: bytes | None = None

    async def __aenter__(self) -> Blob:
        try:
            with translate_errors(outcome_known=True):
                if not self._open_from_cache():
                    await self._threads.run(self._open)
        except BaseException:
            self._close()
            raise
        chunks = _SingleChunk(self) if self._is_small else _Chunks(self, *self._range)
        return Blob(self._info, chunks, os.fsdecode(self._path))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_exited = True
        self._close()

    async def read_whole(self) -> bytes:
        """Return a small range, and close the file. Raises `Unavailable` if the file is shorter."""
        if self._body is None:
            self._check_not_exited()
            start, end = self._range
            with translate_errors(outcome_known=True):
                self._body = self._cache.read(self._fd, start, end - start)
                if self._body is None:
                    self._body = await self._in_thread(self._read_all)
            self._close()
        return self._body

    async def read_chunk(self, start: int, size: int) -> bytes:
        """Return 1 to `size` bytes from `start`. Raises `Unavailable` if the file is shorter."""
        self._check_not_exited()
        with translate_errors(outcome_known=True):
            if (cached := self._cache.read(self._fd, start, size)) is not None:
                await asyncio.sleep(0)  # let other tasks run between two chunks
                return cached
            return await self._in_thread(partial(os.pread, self._fd, size, start)) or self._fail_truncated()

    def _check_not_exited(self) -> None:
        if self._is_exited:
            raise RuntimeError(f"blob {self._key!r} was read after it was closed")

    async def _in_thread(self, read: Callable[[], bytes]) -> bytes:
        self._is_reading = True
        try:
            return await self._threads.run(read)
        finally:
            self._is_reading = False
            if self._is_exited:
                self._close()

    def _open_from_cache(self) -> bool:
        fd = self._cache.open(self._path)
        if fd == ABSENT and self._store_exists():
            raise NotFound(self._key)
        if fd < 0:
            return False
        self._fd = fd
        self._measure()
        return True

    def _store_exists(self) -> bool:
        """Whether the kernel knows that the whole store is not gone."""
        fd = self._cache.open(self._layout.blobs)
        if fd < 0:
            return False
        os.close(fd)
        return True

    def _open(self) -> None:
        """Open the file in a thread, and read a small range: it is not in the page cache."""
        try:
            self._fd = os.open(self._path, OPEN_FLAGS)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError) or self._is_link():
                raise _absent(self._layout, self._key) from None
            raise
        self._measure()
        if self._is_small:
            self._body = self._read_all()
            self._close()

    def _is_link(self) -> bool:
        return os.path.islink(self._path)

    def _measure(self) -> None:
        status = _regular(os.fstat(self._fd), self._key)
        self._info: BlobInfo = describe(self._key, status)
        first, last, _ = self._slice.indices(status.st_size)
        self._range = (first, max(first, last))
        self._is_small = last - first <= MAX_READ_BYTES

    def _read_all(self) -> bytes:
        at, end = self._range
        chunks = []
        while at < end:
            chunks.append(os.pread(self._fd, end - at, at) or self._fail_truncated())
            at += len(chunks[-1])
        return b"".join(chunks)

    def _fail_truncated(self) -> bytes:
        raise Unavailable(f"the file of blob {self._key!r} was truncated", outcome_known=True)

    def _close(self) -> None:
        """Close the file, unless a thread reads it: the thread could then read a file that reuses the descriptor."""
        if self._fd >= 0 and not self._is_reading:
            fd, self._fd = self._fd, -1
            os.close(fd)


class _SingleChunk:
    """All the bytes in one chunk."""

    __slots__ = ("_opening",)

    def __init__(self, opening: OpenBlob) -> None:
        self._opening: OpenBlob | None = opening

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        opening, self._opening = self._opening, None
        if opening is None or not (body := await opening.read_whole()):
            raise StopAsyncIteration
        return body


class _Chunks:
    """The bytes from `at` to `end`, in chunks. Not a generator, so there is nothing to finalize when abandoned."""

    def __init__(self, opening: OpenBlob, at: int, end: int) -> None:
        self._opening = opening
        self._at = at
        self._end = end

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._at >= self._end:
            raise StopAsyncIteration
        data = await self._opening.read_chunk(self._at, min(_CHUNK_BYTES, self._end - self._at))
        self._at += len(data)
        return data


def _regular(status: os.stat_result, key: str) -> os.stat_result:
    if not S_ISREG(status.st_mode):
        raise NotFound(key)
    return status


def _absent(layout: Layout, key: str) -> NotFound:
    """The error for a missing file. Raises `OSError` if the whole store is gone."""
    os.stat(layout.blobs)
    return NotFound(key)
