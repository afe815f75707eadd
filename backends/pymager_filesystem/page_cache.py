"""Opens and reads files that are in the kernel's page cache, without ever waiting for a disk.

Handing such a read to a thread costs several times the read itself. `openat2` with RESOLVE_CACHED (Linux 5.12) opens a
file only if that needs no disk access, and `preadv2` with RWF_NOWAIT (Linux 4.14) reads only cached bytes, so both are
safe on the event loop.
"""

import ctypes
import errno
import os
from mmap import mmap

_OPENAT2 = 437  # the same number on every architecture
_AT_FDCWD = -100
_RESOLVE_CACHED = 0x20
_UNSUPPORTED_ERRNOS = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG))

MAX_READ_BYTES = 256 << 10
"""The most bytes that one read returns."""

UNKNOWN, ABSENT = -1, -2
"""What `PageCache.open` returns instead of a descriptor."""

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How blobs are opened: never through a symbolic link, and without blocking if the path is a pipe."""


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class PageCache:
    """Reads from the page cache. Use one per event loop.

    Turns itself off if the kernel, a sandbox or the file system does not support these calls.
    """

    def __init__(self) -> None:
        # PyDLL does not release the interpreter's lock, which would cost more than the call: it never waits.
        self._syscall = ctypes.PyDLL(None, use_errno=True).syscall
        self._how = _OpenHow(OPEN_FLAGS, 0, _RESOLVE_CACHED)
        self._arguments_before_path = (ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD))
        self._arguments_after_path = (ctypes.byref(self._how), ctypes.c_size_t(ctypes.sizeof(self._how)))
        # Page-aligned: the kernel copies 5 times slower into memory that is only aligned to 8 or 16 bytes.
        self._buffer = memoryview(mmap(-1, MAX_READ_BYTES))
        self._is_supported = hasattr(os, "RWF_NOWAIT")

    def open(self, path: bytes) -> int:
        """Return a file descriptor, `ABSENT`, or `UNKNOWN` if the kernel would have to wait to find out.

        The kernel also caches that a name does not exist, until it is created.
        """
        if not self._is_supported:
            return UNKNOWN
        fd: int = self._syscall(*self._arguments_before_path, path, *self._arguments_after_path)
        if fd >= 0:
            return fd
        error = ctypes.get_errno()
        if error == errno.ENOENT:
            return ABSENT
        if error in _UNSUPPORTED_ERRNOS:
            self._is_supported = False
        return UNKNOWN

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
            if error.errno not in _UNSUPPORTED_ERRNOS:
                raise
            self._is_supported = False
            return None
