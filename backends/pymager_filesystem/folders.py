"""The store's own folders: creates them, and checks that they are writable."""

import os
from contextlib import suppress
from pathlib import Path

from pymager.durability import create_folder
from pymager.errors import ConfigurationError
from pymager_filesystem.layout import Layout


def create_folders(layout: Layout) -> list[str]:
    """Create the missing folders, durably. Returns a sentence for each. Raises `ConfigurationError`."""
    created: list[Path] = []
    try:
        for folder in (layout.root, layout.blobs, layout.tmp):
            created += create_folder(Path(os.fsdecode(folder)))
    except OSError as error:
        raise ConfigurationError(f"can't create the blob folder: {error}; {_advice(layout)}") from error
    return [f"created the folder {folder}" for folder in created]


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


def _advice(layout: Layout) -> str:
    return (
        f"{os.fsdecode(layout.root)} must be a folder that this user can write to, with blobs/ and tmp/ "
        "on the same file system"
    )
