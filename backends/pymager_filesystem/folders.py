"""The store's own folders: made, and checked before the first blob."""

import os
from contextlib import suppress

from pymager.errors import ConfigurationError
from pymager_filesystem.layout import Layout
from pymager_filesystem.writing import sync_folder


def make(layout: Layout) -> list[str]:
    """Make the folders that are absent, durably; a sentence for each. Raises `ConfigurationError`."""
    done: list[str] = []
    try:
        for folder in (layout.root, layout.blobs, layout.tmp):
            _make(folder, done)
    except OSError as error:
        raise ConfigurationError(f"the folder for blobs can't be made: {error}; {_advice(layout)}") from error
    return done


def check(layout: Layout) -> None:
    """Write, rename and remove a file as every blob is. Raises `ConfigurationError`."""
    temporary = layout.temporary()
    probe = os.path.join(layout.blobs, b".probe")  # no key has this name; a crash leaves one at most
    try:
        try:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            os.rename(temporary, probe)
        finally:
            for path in (temporary, probe):
                with suppress(FileNotFoundError):
                    os.unlink(path)
    except OSError as error:
        raise ConfigurationError(f"the folder for blobs can't be written to: {error}; {_advice(layout)}") from error


def _make(folder: bytes, done: list[str]) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make(parent, done)
    with suppress(FileExistsError):
        os.mkdir(folder)
        done.append(f"made the folder {os.fsdecode(folder)}")
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{os.fsdecode(folder)} is not a folder")
    with suppress(PermissionError):  # a parent that may be entered but not read
        sync_folder(parent)


def _advice(layout: Layout) -> str:
    return (
        f"{os.fsdecode(layout.root)} has to be a folder that this user may write to, with blobs/ and tmp/ "
        "in one file system"
    )
