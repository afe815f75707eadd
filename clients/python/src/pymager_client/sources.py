"""What can be uploaded, and how it is read: in chunks, never as a whole."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pymager_client.errors import InvalidArgument

CHUNK_BYTES = 256 * 1024


@runtime_checkable
class Readable(Protocol):
    """A file that is open in binary mode, or something else that is read like one."""

    def read(self, size: int, /) -> bytes:
        """Up to this many bytes; none at the end."""
        ...


Data = bytes | bytearray | memoryview
SyncInput = str | os.PathLike[str] | Data | Readable | Iterable[bytes]
"""A path, bytes, a file that is open in binary mode, or an iterable of bytes."""
AsyncInput = SyncInput | AsyncIterable[bytes]
"""In addition, an asynchronous iterable of bytes."""


class Reading:
    """One reading of a source, which has `size` bytes if that is known.

    `blocks` says that `next` can wait.
    """

    def __init__(
        self,
        size: int | None,
        read: Callable[[], bytes],
        close: Callable[[], None] = lambda: None,
        *,
        blocks: bool = True,
    ) -> None:
        self.size = size
        self.close = close
        self.blocks = blocks
        self._read = read
        self._left = size

    def next(self) -> bytes:
        """The next chunk, and nothing at the end. Raises `OSError` if the source has become shorter meanwhile."""
        if self._left is None:
            return self._read()
        if not self._left:
            return b""
        chunk = self._read()[: self._left]
        if not chunk:
            raise OSError(f"the source has become shorter while it was read: {self._left} bytes are missing")
        self._left -= len(chunk)
        return chunk


class Source(Protocol):
    """Bytes to upload. `open` begins to read them from the start."""

    @property
    def can_be_read(self) -> bool:
        """Whether all bytes can be read, again or for the first time."""
        ...

    def open(self) -> Reading:
        """Raises what the file system raises."""
        ...


class BytesSource:
    """Bytes in memory."""

    can_be_read = True

    def __init__(self, data: Data) -> None:
        self._data = memoryview(data).cast("B")

    def open(self) -> Reading:
        parts = (bytes(self._data[at : at + CHUNK_BYTES]) for at in range(0, len(self._data), CHUNK_BYTES))
        return Reading(len(self._data), lambda: next(parts, b""), blocks=False)


class PathSource:
    """A file, opened anew for each attempt; a pipe with a name can be read once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self.can_be_read = True

    def open(self) -> Reading:
        file = self._path.open("rb", buffering=0)  # without a lock, so that it can be closed during a read that waits
        status = os.fstat(file.fileno())
        self.can_be_read = stat.S_ISREG(status.st_mode)
        return Reading(status.st_size if self.can_be_read else None, lambda: file.read(CHUNK_BYTES), file.close)


class FileSource:
    """A file that the caller has opened, from its current position on. It is not closed."""

    def __init__(self, file: Readable) -> None:
        self._file: Any = file
        self._start = _position(file)
        self._is_new = True

    @property
    def can_be_read(self) -> bool:
        return self._is_new or self._start is not None

    def open(self) -> Reading:
        size = None
        if self._start is not None:
            size = max(0, self._file.seek(0, os.SEEK_END) - self._start)
            self._file.seek(self._start)
        return Reading(size, self._read)

    def _read(self) -> bytes:
        self._is_new = False
        return _checked(self._file.read(CHUNK_BYTES) or b"")


class IteratorSource:
    """Bytes that an iterable makes; they can be read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = filter(None, map(_checked, chunks))
        self._is_new = True

    @property
    def can_be_read(self) -> bool:
        return self._is_new

    def open(self) -> Reading:
        return Reading(None, self._read)

    def _read(self) -> bytes:
        self._is_new = False
        return next(self._chunks, b"")


class AsyncIteratorSource:
    """Bytes that an asynchronous iterable makes; they can be read once."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self.can_be_read = True

    def open(self) -> Reading:
        raise TypeError("an asynchronous iterable needs AsyncClient")

    async def read(self) -> bytes:
        """The next chunk; nothing at the end."""
        self.can_be_read = False
        async for chunk in self._chunks:
            if _checked(chunk):
                return chunk
        return b""


def source_of(given: SyncInput) -> Source:
    """The source for an argument of `upload`. Raises `InvalidArgument` for a type that has no bytes."""
    if isinstance(given, (bytes, bytearray, memoryview)):
        return BytesSource(given)
    if isinstance(given, (str, os.PathLike)):
        return PathSource(given)
    if isinstance(given, Readable):
        return FileSource(given)
    if isinstance(given, Iterable):
        return IteratorSource(given)
    raise InvalidArgument(
        "source: must be a path, bytes, a file that is open in binary mode, or an iterable of bytes "
        f"(AsyncClient also takes an asynchronous one), got {type(given).__name__}"
    )


def async_source_of(given: AsyncInput) -> Source:
    """As `source_of`, also for asynchronous iterables, which only `AsyncClient` can read."""
    return AsyncIteratorSource(given) if isinstance(given, AsyncIterable) else source_of(given)


def sha256_of(source: Source) -> str:
    """The SHA-256 of a source that can be read, in hexadecimal digits."""
    digest = hashlib.sha256()
    reading = source.open()
    try:
        for chunk in iter(reading.next, b""):
            digest.update(chunk)
    finally:
        reading.close()
    return digest.hexdigest()


def _checked(chunk: bytes) -> bytes:
    if not isinstance(chunk, (bytes, bytearray, memoryview)):
        raise TypeError(f"source: must give bytes, got {type(chunk).__name__}; open files in binary mode")
    return bytes(chunk)


def _position(file: Any) -> int | None:
    """Where a file stands; None if it cannot be read from there again."""
    with suppress(AttributeError, OSError):
        return int(file.tell()) if file.seekable() else None
    return None
