"""Blobs listed and deleted, and temporary files that a crash left removed."""

import os
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress

from pymager.ports import BlobInfo
from pymager_filesystem.layout import Layout, describe, is_segment

_GONE = (FileNotFoundError, NotADirectoryError)


def walk(layout: Layout, prefix: str) -> Generator[BlobInfo, None, None]:
    """Every blob whose key starts with `prefix`. Holds no more than one open folder for each level."""
    os.stat(layout.blobs)
    match prefix.count("/"):
        case 0:
            yield from _all(layout)
        case 1:
            yield from _fanned(layout.path(prefix[:-1]), prefix)
        case _:
            yield from _below(layout.path(prefix[:-1]), prefix)


def remove(layout: Layout, keys: Iterable[str]) -> None:
    """Delete blobs and the folders that are empty then; what is absent is fine.

    Not synced: a deleted blob that a power cut brings back is one that no row holds, which the sweep removes.
    """
    os.stat(layout.blobs)
    paths = [layout.path(key) for key in keys]
    for path in paths:
        with suppress(*_GONE, IsADirectoryError):
            os.unlink(path)
    for folder in {os.path.dirname(path) for path in paths}:
        _prune(layout, folder)


def tidy(layout: Layout, older_than: float) -> int:
    """Remove temporary files that were not written to for so many seconds; returns how many."""
    limit = time.time() - older_than
    removed = 0
    with os.scandir(layout.tmp) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime <= limit:
                    os.unlink(entry.path)
                    removed += 1
    return removed


def _all(layout: Layout) -> Iterator[BlobInfo]:
    for name, entry in _entries(layout.blobs):
        if entry.is_dir(follow_symlinks=False):
            yield from _fanned(entry.path, f"{name}/")
        else:
            yield from _blob(entry, name)


def _fanned(folder: bytes, prefix: str) -> Iterator[BlobInfo]:
    """The folders between the first and the second segment are no part of a key."""
    for _, entry in _entries(folder):
        yield from _below(entry.path, prefix)


def _below(folder: bytes, prefix: str) -> Iterator[BlobInfo]:
    for name, entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{name}/")
        else:
            yield from _blob(entry, prefix + name)


def _blob(entry: os.DirEntry[bytes], key: str) -> Iterator[BlobInfo]:
    with suppress(FileNotFoundError):
        if entry.is_file(follow_symlinks=False):
            yield describe(key, entry.stat(follow_symlinks=False))


def _entries(folder: bytes) -> Iterator[tuple[str, os.DirEntry[bytes]]]:
    """A folder's entries that can be a part of a key; none where the folder has vanished."""
    with suppress(*_GONE), os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.decode(errors="replace")
            if is_segment(name):
                yield name, entry


def _prune(layout: Layout, folder: bytes) -> None:
    """Remove the folder and those around it as far as they are empty."""
    while folder != layout.blobs:
        try:
            os.rmdir(folder)
        except _GONE:
            pass
        except OSError:
            return
        folder = os.path.dirname(folder)
