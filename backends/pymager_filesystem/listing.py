"""Lists blobs."""

import os
from collections.abc import Generator, Iterator
from contextlib import suppress

from pymager.ports import BlobInfo, is_key_segment
from pymager_filesystem.layout import Layout, describe


def list_blobs(layout: Layout, folder: str) -> Generator[BlobInfo, None, None]:
    """Every blob whose key starts with `folder`, which is empty or ends with `/`.

    Holds one open folder per level at most.
    """
    os.stat(layout.blobs)  # raises OSError if the whole store is gone
    match folder.count("/"):
        case 0:
            yield from _list_root(layout)
        case 1:
            yield from _list_shards(layout.path(folder[:-1]), folder)
        case _:
            yield from _list_below(layout.path(folder[:-1]), folder)


def _list_root(layout: Layout) -> Iterator[BlobInfo]:
    for name, entry in _entries(layout.blobs):
        if entry.is_dir(follow_symlinks=False):
            yield from _list_shards(entry.path, f"{name}/")
        else:
            yield from _blob(entry, name)


def _list_shards(folder: bytes, prefix: str) -> Iterator[BlobInfo]:
    """The shard folders between the first and the second segment are not part of a key."""
    for _, entry in _entries(folder):
        yield from _list_below(entry.path, prefix)


def _list_below(folder: bytes, prefix: str) -> Iterator[BlobInfo]:
    for name, entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _list_below(entry.path, f"{prefix}{name}/")
        else:
            yield from _blob(entry, prefix + name)


def _blob(entry: os.DirEntry[bytes], key: str) -> Iterator[BlobInfo]:
    with suppress(FileNotFoundError):
        if entry.is_file(follow_symlinks=False):
            yield describe(key, entry.stat(follow_symlinks=False))


def _entries(folder: bytes) -> Iterator[tuple[str, os.DirEntry[bytes]]]:
    """The folder's entries whose names can be key segments. Empty if the folder was removed."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.decode(errors="replace")
            if is_key_segment(name):
                yield name, entry
