"""The port of blob stores, which keep bytes under keys."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path, PosixPath
from typing import Protocol

from pymager.ports.backend import Backend


class FinalFile(PosixPath):
    """A file that nobody writes again, and that is put once.

    A store on the same file system can keep it with a hard link, instead of a copy of its bytes.
    """


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """Describes a blob: `size` in bytes, `etag` opaque and unquoted, `modified` in UTC and whole seconds."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Blob:
    """An open blob: `info` describes the whole blob, `chunks` yields the bytes of the requested range.

    `file` is the path of the whole blob as a local file, for stores that have one; using it saves a copy. The file can
    vanish when the blob is deleted, but its content never changes. A text costs less than a `Path`, and most blobs are
    opened for their chunks.
    """

    info: BlobInfo
    chunks: AsyncIterator[bytes]
    file: str | PathLike[str] | None = None


class BlobStore(Backend, Protocol):
    """Stores bytes under keys. `check_key` defines what a key is; every method raises `ValueError` for anything else.

    A key is written with one content only, and no key is a folder of another key. Reads see every put and delete that
    has returned.
    """

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        """Open a blob: description and bytes in one round trip. `start` and `stop` are as in a slice.

        Raises `NotFound`. A body that ends early raises `Unavailable` during iteration; it never ends silently.
        """

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob. Raises `NotFound`."""

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Write a blob durably and as a whole, or not at all: no reader can observe a partial blob.

        The source can be read again, so a retry is safe. Putting a key again is allowed and leaves one blob. A file can
        be changed by its owner afterwards, unless it is a `FinalFile`.
        Raises `NoSpace`.
        """

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, in bulk if the store can. Absent keys are ignored."""

    def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """List every blob whose key starts with `prefix`, in any order, in constant memory.

        The prefix can end inside a segment. A blob that exists throughout the listing is listed once.
        """
