"""Blobs written whole and durably, or not at all."""

import errno
import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from pymager.failpoints import reached
from pymager.ports import BlobInfo
from pymager_filesystem.failures import translated
from pymager_filesystem.layout import Layout, describe

_PIECE = 8 << 20
_TRIES = 1_000
_NOT_HERE = frozenset((errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM))


class Stopped(Exception):
    """The writing was called off before its blob was in place."""


def write(layout: Layout, key: str, source: bytes | Path, is_stopped: Callable[[], bool]) -> BlobInfo:
    """Write a temporary file, rename it into its place, and sync both. Raises `NoSpace` and `Stopped`."""
    path, temporary = layout.path(key), layout.temporary()
    try:
        with translated(outcome_known=True):
            status = _fill(temporary, source, is_stopped)
            _stop_if(is_stopped)
            _place(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    with translated(outcome_known=False):
        reached("file.renamed")
        # Of every folder on the way: another writer may have made one and not have synced its parent yet.
        for folder in layout.folders_of(path):
            with suppress(FileNotFoundError):  # the blob was deleted meanwhile, and its folder with it
                sync_folder(folder)
        reached("file.synced")
    return describe(key, status)


def sync_folder(folder: bytes) -> None:
    """Make the entries of a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _fill(temporary: bytes, source: bytes | Path, is_stopped: Callable[[], bool]) -> os.stat_result:
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        if isinstance(source, bytes):
            _write_all(fd, source, is_stopped)
        else:
            _copy_all(fd, source, is_stopped)
        reached("file.written")
        os.fsync(fd)
        return os.fstat(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes, is_stopped: Callable[[], bool]) -> None:
    rest = memoryview(data)
    while rest:
        _stop_if(is_stopped)
        rest = rest[os.write(fd, rest[:_PIECE]) :]


def _copy_all(fd: int, source: Path, is_stopped: Callable[[], bool]) -> None:
    """Copy inside the kernel, and by hand what the kernel can't (from another file system, say)."""
    with closing(source.open("rb", buffering=0)) as file:
        try:
            while os.copy_file_range(file.fileno(), fd, _PIECE):
                _stop_if(is_stopped)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
        while piece := file.read(_PIECE):
            _write_all(fd, piece, is_stopped)


def _place(temporary: bytes, path: bytes) -> None:
    """Rename, and make the folders for it as often as someone who deletes removes them for being empty."""
    folder = os.path.dirname(path)
    for _ in range(_TRIES):
        try:
            return os.rename(temporary, path)
        except FileNotFoundError:
            os.stat(temporary)
        # Either may come from someone who removes folders; a file in a folder's place makes the rename tell.
        with suppress(FileNotFoundError, FileExistsError):
            os.makedirs(folder, exist_ok=True)
    raise OSError(errno.ENOENT, "the folder vanishes as often as it is made", folder)


def _stop_if(is_stopped: Callable[[], bool]) -> None:
    if is_stopped():
        raise Stopped
