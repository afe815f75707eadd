"""Folders that survive a power failure.

A file's own `fsync` says nothing about its name, nor about the folders above it (fsync(2)).
"""

import errno
import os
from contextlib import suppress
from pathlib import Path


def create_folder(folder: Path) -> list[Path]:
    """Create a folder and those above it, durably, and return the created ones from the top down.

    A folder that exists is made durable too, because the process that created it may have been killed before it could
    do this. Those above it are durable by then: each is, before anything is created in it. Raises `OSError`.
    """
    if folder.is_dir():
        if not folder.is_mount():  # the root, or a volume: no folder stores its name
            with suppress(OSError):  # it was there before: not every file system can do this, nor may every user
                sync_folder(folder.parent)
        return []
    created = create_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        created.append(folder)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    with suppress(PermissionError):  # this user may enter the parent but not read it
        sync_folder(folder.parent)
    return created


def sync_folder(folder: Path | bytes) -> None:
    """Make the entries of a folder durable. Raises `OSError`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
