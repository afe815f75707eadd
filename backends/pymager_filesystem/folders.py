"""The store's own folders: creates them, and checks that they are writable."""

import os
from contextlib import suppress

from pymager.errors import ConfigurationError
from pymager_filesystem.durable_folders import sync_folder
from pymager_filesystem.layout import Layout


def create_folders(layout: Layout) -> list[str]:
    """Create the missing folders, durably. Returns a sentence for each. Raises `ConfigurationError`."""
    created: list[str] = []
    try:
        for folder in (layout.root, layout.blobs, layout.tmp):
            _create(folder, created)
    except OSError as error:
        raise ConfigurationError(f"can't create the blob folder: {error}; {_advice(layout)}") from error
    return created


def check_writable(layout: Layout) -> None:
    """Create, rename and remove a file the way a put and a delete do. Raises `ConfigurationError`."""
    temporary = layout.temporary()
    probe = os.path.join(layout.blobs, b".probe")  # not a valid key; a crash leaves one such file at most
    try:
        try:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            os.rename(temporary, probe)
        finally:
            for path in (temporary, probe):
                with suppress(FileNotFoundError):
                    os.unlink(path)
    except OSError as error:
        raise ConfigurationError(f"can't write to the blob folder: {error}; {_advice(layout)}") from error


def _create(folder: bytes, created: list[str]) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _create(parent, created)
    with suppress(FileExistsError):
        os.mkdir(folder)
        created.append(f"created the folder {os.fsdecode(folder)}")
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{os.fsdecode(folder)} is not a folder")
    with suppress(PermissionError):  # this user may enter the parent but not read it
        sync_folder(parent)


def _advice(layout: Layout) -> str:
    return (
        f"{os.fsdecode(layout.root)} must be a folder that this user can write to, with blobs/ and tmp/ "
        "on the same file system"
    )
