"""Which stores on this machine have a SQLite catalog open, as locks on a file beside it.

Locks of open file descriptions (fcntl_locking(2)) belong to a store and not to its process. The kernel releases them
when the store is closed or its process ends, however it ends. They are in memory only.
"""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

_FLOCK = struct.Struct("hhqqi0q")  # struct flock of fcntl(2): type, whence, start, length, pid
_OPEN_BYTE, _HOLDING_BYTE = 0, 1


class Presence:
    """Locks one byte while the catalog is open, and another one while leases are held in memory only.

    If the file system has no such locks, this store is never known to be alone.
    """

    def __init__(self, path: Path) -> None:
        self._fd = -1
        fd = -1
        with suppress(OSError):
            fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            _set(fd, fcntl.F_RDLCK, _OPEN_BYTE)
            self._fd = fd
        if self._fd < 0 <= fd:
            os.close(fd)

    def is_alone(self) -> bool:
        """Whether no other store has the catalog open."""
        return self._fd >= 0 and not self._is_locked_by_others(_OPEN_BYTE)

    def begin_holding(self) -> bool:
        """Tell the others that leases are held in memory. Returns False, and tells nothing, if there are others.

        The order matters: a store that opens at the same time either is seen here, or sees that leases are held.
        """
        if self._fd < 0:
            return False
        try:
            _set(self._fd, fcntl.F_RDLCK, _HOLDING_BYTE)
        except OSError:
            return False
        if self.is_alone():
            return True
        self.end_holding()
        return False

    def end_holding(self) -> None:
        """Tell the others that no lease is held in memory any more."""
        _set(self._fd, fcntl.F_UNLCK, _HOLDING_BYTE)

    def others_hold(self) -> bool:
        """Whether another store holds leases in memory."""
        return self._fd >= 0 and self._is_locked_by_others(_HOLDING_BYTE)

    def close(self) -> None:
        """Release both locks."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _is_locked_by_others(self, byte: int) -> bool:
        request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        return bool(_FLOCK.unpack(fcntl.fcntl(self._fd, fcntl.F_OFD_GETLK, request))[0] != fcntl.F_UNLCK)


def _set(fd: int, kind: int, byte: int) -> None:
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
