"""Deletes blobs, the folders that this leaves empty, and temporary files that a crash left behind."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress

from pymager_filesystem.layout import Layout

_ABSENT = (FileNotFoundError, NotADirectoryError)


def delete_blobs(layout: Layout, keys: Iterable[str]) -> None:
    """Delete blobs and the folders that become empty. Absent blobs are fine.

    Not synced: if a power failure restores a deleted blob, no row refers to it, and the sweep removes it.
    """
    os.stat(layout.blobs)  # raises OSError if the whole store is gone
    paths = [layout.path(key) for key in keys]
    for path in paths:
        with suppress(*_ABSENT, IsADirectoryError):
            os.unlink(path)
    for folder in {os.path.dirname(path) for path in paths}:
        _remove_empty_folders(layout, folder)


def delete_temporary_files(layout: Layout, older_than: float) -> int:
    """Delete temporary files that were last written `older_than` seconds ago or earlier. Returns how many."""
    newest = time.time() - older_than
    deleted = 0
    with os.scandir(layout.tmp) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime <= newest:
                    os.unlink(entry.path)
                    deleted += 1
    return deleted


def _remove_empty_folders(layout: Layout, folder: bytes) -> None:
    """Remove the folder if it is empty, then its parent, up to the first one that is not empty."""
    while folder != layout.blobs:
        try:
            os.rmdir(folder)
        except _ABSENT:
            pass
        except OSError:
            return
        folder = os.path.dirname(folder)
