"""Folders for the data of servers, in memory where there is room."""

import fcntl
import functools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_SHARED_MEMORY_BYTES = 8 << 30
_PREFIX = f"pymager-tests-{os.geteuid()}-"


def new_folder(name: str) -> tuple[Path, int]:
    """A folder, and a descriptor to close when it has been removed. Its lock ends with this process.

    It is in memory if this machine has room there: no test cuts the power, so a disk would only be slow. What a server
    has written outlives it there, however it ends. What killed processes have left is removed first.
    """
    if not _has_room():
        folder = Path(tempfile.mkdtemp(prefix=f"pymager-{name}-"))
        return folder, os.open(folder, os.O_RDONLY)
    with (_SHARED_MEMORY / f"{_PREFIX}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nobody takes a folder that is not locked yet for one that was left
        _clear(_SHARED_MEMORY)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-", dir=_SHARED_MEMORY))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return folder, descriptor


@functools.cache
def _has_room() -> bool:
    try:
        return os.access(_SHARED_MEMORY, os.W_OK) and shutil.disk_usage(_SHARED_MEMORY).free >= _SHARED_MEMORY_BYTES
    except OSError:
        return False


def _clear(parent: Path) -> None:
    """Remove the folders whose process has ended. A mount point belongs to a test that fills a disk."""
    for folder in parent.glob(f"{_PREFIX}*/"):
        with suppress(FileNotFoundError):  # its process has just removed it
            if not folder.is_mount():
                _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
