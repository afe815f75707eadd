"""Opens files that the kernel has in its caches, without ever waiting for a disk.

Handing an open to a thread costs several times the call itself. `openat2` with RESOLVE_CACHED (Linux 5.12) opens a file
only if that needs no disk access, so it is safe on the event loop.
"""

import ctypes
import errno

_OPENAT2 = 437  # the same number on every architecture
_AT_FDCWD = -100
_RESOLVE_CACHED = 0x20
UNSUPPORTED_ERRNOS = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG))
"""The errors of a kernel, a sandbox or a file system without these calls."""

UNKNOWN, ABSENT = -1, -2
"""What `CachedOpen.open` returns instead of a descriptor."""


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class CachedOpen:
    """Opens files with these flags, from the kernel's caches. Turns itself off where the system cannot do that."""

    def __init__(self, flags: int) -> None:
        # PyDLL does not release the interpreter's lock, which would cost more than the call: it never waits.
        self._syscall = ctypes.PyDLL(None, use_errno=True).syscall
        self._how = _OpenHow(flags, 0, _RESOLVE_CACHED)
        self._arguments_before_path = (ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD))
        self._arguments_after_path = (ctypes.byref(self._how), ctypes.c_size_t(ctypes.sizeof(self._how)))
        self._is_supported = True

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
        if error in UNSUPPORTED_ERRNOS:
            self._is_supported = False
        return UNKNOWN
