"""Opens and reads files that are in the kernel's page cache, without ever waiting for a disk.

`preadv2` with RWF_NOWAIT (Linux 4.14) reads only cached bytes, so it is safe on the event loop, as
`pymager.cached_open` is.
"""

import os
from mmap import mmap

from pymager.cached_open import ABSENT, UNKNOWN, UNSUPPORTED_ERRNOS, CachedOpen

__all__ = ["ABSENT", "MAX_READ_BYTES", "OPEN_FLAGS", "UNKNOWN", "PageCache"]

MAX_READ_BYTES = 256 << 10
"""The most bytes that one read returns."""

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How blobs are opened: never through a symbolic link, and without blocking if the path is a pipe."""


class PageCache(CachedOpen):
    """Opens files, and reads from the page cache. Use one per event loop.

    Turns itself off if the kernel, a sandbox or the file system does not support these calls.
    """

    def __init__(self) -> None:
        super().__init__(OPEN_FLAGS)
        # Page-aligned: the kernel copies 5 times slower into memory that is only aligned to 8 or 16 bytes.
        self._buffer = memoryview(mmap(-1, MAX_READ_BYTES))
        self._is_supported = hasattr(os, "RWF_NOWAIT")

    def read(self, fd: int, start: int, size: int) -> bytes | None:
        """Return `size` bytes (up to `MAX_READ_BYTES`) from `start`, or None unless all of them are cached."""
        if not self._is_supported:
            return None
        buffer = self._buffer[:size]
        try:
            return bytes(buffer) if os.preadv(fd, (buffer,), start, os.RWF_NOWAIT) == size else None
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in UNSUPPORTED_ERRNOS:
                raise
            self._is_supported = False
            return None
