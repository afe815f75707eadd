"""Files whose bytes are in the kernel's memory, opened and read without ever waiting for a disk.

A thread for such a read costs several times the read itself. `openat2` with RESOLVE_CACHED (Linux 5.12) opens only
what needs no disk, `preadv2` with RWF_NOWAIT (Linux 4.14) reads only what is cached: both are safe on the event loop.
"""

import ctypes
import errno
import os
from mmap import mmap

_OPENAT2 = 437  # the same on every architecture that Linux got it on
_AT_FDCWD = -100
_RESOLVE_CACHED = 0x20
_UNSUPPORTED = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG))

LARGEST = 256 << 10
"""The most that is read at once, in bytes."""

READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How blobs are opened: not through a symbolic link, and not waiting where something put a pipe in a blob's place."""


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class PageCache:
    """For one event loop. Gives up for good on a kernel, a sandbox or a file system that has no such calls."""

    def __init__(self) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._how = _OpenHow(READ_ONLY, 0, _RESOLVE_CACHED)
        self._head = (ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD))
        self._tail = (ctypes.byref(self._how), ctypes.c_size_t(ctypes.sizeof(self._how)))
        # Begins with a page: into memory that is aligned by 8 or 16 bytes only, the kernel copies 5 times slower.
        self._buffer = memoryview(mmap(-1, LARGEST))
        self._is_supported = hasattr(os, "RWF_NOWAIT")

    def open(self, path: bytes) -> int:
        """A file descriptor, or -1 where that is not known without waiting, or there is no such file."""
        if not self._is_supported:
            return -1
        fd: int = self._syscall(*self._head, path, *self._tail)
        if fd < 0 and ctypes.get_errno() in _UNSUPPORTED:
            self._is_supported = False
        return fd

    def read(self, fd: int, start: int, size: int) -> bytes | None:
        """`size` bytes (`LARGEST` at most) from `start`; None where they are not all there without waiting."""
        if not self._is_supported:
            return None
        buffer = self._buffer[:size]
        try:
            return bytes(buffer) if os.preadv(fd, (buffer,), start, os.RWF_NOWAIT) == size else None
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self._is_supported = False
            return None
