"""Writes blobs: whole and durably, or not at all."""

import errno
import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from pymager.failpoints import reached
from pymager.ports import BlobInfo, FinalFile
from pymager_filesystem.durable_folders import DurableFolders
from pymager_filesystem.failures import translate_errors
from pymager_filesystem.layout import Layout, describe

_CHUNK_BYTES = 8 << 20
_MAX_PLACE_ATTEMPTS = 1_000
# Another file system, one without hard links, a file of another user, or one with too many links.
_NO_LINK_ERRNOS = frozenset((errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))
_NO_KERNEL_COPY_ERRNOS = frozenset((errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM))


class Stopped(Exception):
    """The put was canceled before its blob was in place."""


def write(
    layout: Layout, folders: DurableFolders, key: str, source: bytes | Path, is_stopped: Callable[[], bool]
) -> BlobInfo:
    """Write a temporary file, rename it to the blob's path, and sync both. Raises `NoSpace` and `Stopped`.

    A `FinalFile` on the same file system is linked, not written once more.
    """
    path, temporary = layout.path(key), layout.temporary()
    try:
        with translate_errors(outcome_known=True):
            status = _fill(temporary, source, is_stopped)
            _stop_if(is_stopped)
            _place(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    with translate_errors(outcome_known=False):
        reached("file.renamed")
        folders.sync(layout.parents(path))
        reached("file.synced")
    return describe(key, status)


def _fill(temporary: bytes, source: bytes | Path, is_stopped: Callable[[], bool]) -> os.stat_result:
    is_linked = isinstance(source, FinalFile) and _link(source, temporary)
    creation = 0 if is_linked else os.O_CREAT | os.O_EXCL
    fd = os.open(temporary, os.O_WRONLY | creation | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        if is_linked:
            os.utime(fd)  # a blob has the date of its put
        elif isinstance(source, bytes):
            _write_all(fd, source, is_stopped)
        else:
            _copy_all(fd, source, is_stopped)
        reached("file.written")
        os.fsync(fd)
        return os.fstat(fd)
    finally:
        os.close(fd)


def _link(source: FinalFile, temporary: bytes) -> bool:
    """Whether the file has got this name too. A file with another link is copied: a blob shares its date with none."""
    if source.stat().st_nlink != 1:
        return False
    try:
        os.link(source, temporary)
    except OSError as error:
        if error.errno not in _NO_LINK_ERRNOS:
            raise
        return False
    return True


def _write_all(fd: int, data: bytes, is_stopped: Callable[[], bool]) -> None:
    rest = memoryview(data)
    while rest:
        _stop_if(is_stopped)
        rest = rest[os.write(fd, rest[:_CHUNK_BYTES]) :]


def _copy_all(fd: int, source: Path, is_stopped: Callable[[], bool]) -> None:
    """Copy inside the kernel, or through this process where the kernel can't, for example between file systems."""
    with closing(source.open("rb", buffering=0)) as file:
        try:
            while os.copy_file_range(file.fileno(), fd, _CHUNK_BYTES):
                _stop_if(is_stopped)
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY_ERRNOS:
                raise
        while chunk := file.read(_CHUNK_BYTES):
            _write_all(fd, chunk, is_stopped)


def _place(temporary: bytes, path: bytes) -> None:
    """Rename the file, and create its folders again each time a concurrent delete removes them as empty."""
    folder = os.path.dirname(path)
    for _ in range(_MAX_PLACE_ATTEMPTS):
        try:
            return os.rename(temporary, path)
        except FileNotFoundError:
            os.stat(temporary)
        # A concurrent delete can cause this error. If a file has the name of a folder, the next rename reports it.
        with suppress(FileNotFoundError):
            _create(folder)
    raise OSError(errno.ENOENT, "concurrent deletes keep removing the folder", folder)


def _create(folder: bytes) -> None:
    """Create a folder and those above it. Tries the folder first: `os.makedirs` looks at every one before."""
    with suppress(FileExistsError):
        try:
            os.mkdir(folder)
        except FileNotFoundError:
            _create(os.path.dirname(folder))
            os.mkdir(folder)


def _stop_if(is_stopped: Callable[[], bool]) -> None:
    if is_stopped():
        raise Stopped
