"""What a backend is: all that the author of a plugin has to read.

A backend is a class that takes its URL, is entered with `async with` before use, and has every method of its port.
`__init__` only reads the URL (no I/O) and raises `ConfigurationError` with a sentence where the URL is wrong; an
entry point in the group `pymager.blobs` or `pymager.metadata` names the class, and the entry point's name is the
URL's scheme. `pymager.testing` has the contract of each port as test classes to subclass.

Every method raises what its docstring lists; whatever else escapes from a backend is a bug in it. Every method of
every port may also raise `Unavailable`, and every method may be cancelled at any time, which leaves nothing half
done: the effect is there as a whole, or not at all.
"""

import re
import unicodedata
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

MAX_KEY_BYTES = 700
MAX_KEY_SEGMENT_BYTES = 255
_ASCII_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*)*")


def check_key(key: str) -> None:
    """Check a blob's key against the grammar that every store shares. Raises `ValueError`.

    A key is relative: segments joined by `/`, `MAX_KEY_BYTES` of UTF-8 in all. A segment is 1 to
    `MAX_KEY_SEGMENT_BYTES` bytes of letters, combining marks and decimal digits of any script (Unicode general
    categories L, M and Nd), `_`, `-` and `.`, and neither starts nor ends with a `.`. No key can name a path outside
    the store.
    """
    if len(key) <= MAX_KEY_SEGMENT_BYTES and _ASCII_KEY.fullmatch(key):
        return
    for segment in key.split("/"):
        if not is_key_segment(segment):
            raise ValueError(f"invalid blob key {key!r}: invalid segment {segment!r}")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"invalid blob key {key!r}: longer than {MAX_KEY_BYTES} bytes")


def check_key_prefix(prefix: str) -> None:
    """Check that a key can start with `prefix`. Raises `ValueError`."""
    if prefix:
        check_key(prefix[:-1] if prefix.endswith("/") else prefix.rstrip("."))


def is_key_segment(text: str) -> bool:
    """Whether a key can have this segment."""
    return (
        text != ""
        and text[0] != "."
        and text[-1] != "."
        and all(map(_is_key_character, text))
        and len(text.encode()) <= MAX_KEY_SEGMENT_BYTES
    )


def _is_key_character(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in "_-."


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A blob's description: `size` in bytes, `etag` opaque and unquoted, `modified` in UTC and whole seconds."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Blob:
    """An open blob: `info` describes all of it, `chunks` gives the bytes of the range that was asked for.

    `file` is where the whole blob lies as a local file, for stores that have one: it spares a copy. It may vanish
    when the blob is deleted, but its content never changes.
    """

    info: BlobInfo
    chunks: AsyncIterator[bytes]
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """The row of an original. `width` and `height` in pixels as shown (orientation applied), `size` in bytes.

    `revision` is 32 hexadecimal digits, drawn anew for every upload; `format` is a name of `pymager.formats`;
    `sha256` is in lower-case hexadecimal; `created` is in UTC and whole seconds.
    """

    id: str
    revision: str
    format: str
    width: int
    height: int
    size: int
    sha256: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the listing: `next` is the cursor to go on with, None after the last row."""

    items: tuple[Original, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken: its `token` changes with every renewal."""

    name: str
    token: str


class Backend(Protocol):
    """What both kinds of backend have."""

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open it. Raises `ConfigurationError` where it exists but is not ready for this version."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def prepare(self) -> list[str]:
        """Make or bring up to date what the backend needs: a folder, a bucket, a schema.

        Called on a backend that is not open. Says in sentences what was done; doing it again does nothing.
        """

    async def tidy(self, older_than: float) -> int:
        """Remove what only the backend can see and a crash left behind, if untouched for `older_than` seconds.

        Temporary files, abandoned parts of uploads, dead leases. Returns how many were removed.
        """

    async def ping(self) -> None:
        """Return if the backend answers, within its own time limit."""


class BlobStore(Backend, Protocol):
    """Where bytes are kept. A key is relative, of segments joined by `/`, and holds one content only.

    Segments are letters, digits and combining marks of any script, `_`, `-` and, inside, `.`; up to 255 bytes of
    UTF-8 each, 700 bytes in all. No key is another key's folder. Reads see every put and delete that has returned.
    """

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        """Open a blob, its description and its bytes in one round trip; `start` and `stop` as in a slice.

        Raises `NotFound`. A body that ends early raises `Unavailable` while iterating: it never just ends.
        """

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob. Raises `NotFound`."""

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Write a blob, whole and durably, or not at all; no reader ever sees a part of it.

        The source can be read again, so a retry is safe. Putting the same key again is right and leaves one blob.
        Raises `NoSpace`.
        """

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, in bulk where the store can. Absent keys are fine."""

    def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`, in any order, in flat memory. It need not end at a `/`.

        A blob that is there throughout is listed once.
        """


class Catalog(Protocol):
    """Which originals exist: the only truth about it. Ids are compared byte for byte.

    A mutation is sent once: no retry inside. Where its answer is lost, `Unavailable(outcome_known=False)`.
    """

    async def add(self, original: Original) -> None:
        """Commit a new original, atomically: of many calls for one id exactly one returns.

        Raises `AlreadyExists` where the id has a row, `Fenced` where the revision was fenced or used before, and
        `NoSpace`.
        """

    async def get(self, id: str) -> Original:
        """The row; sees every add, replace and remove that has returned on any node. Raises `NotFound`."""

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """Put another row in the place of the id's, atomically, and return the one that was there.

        Raises `NotFound`, `Fenced`, `NoSpace`, and `RevisionMismatch` where the row is not of `expected_revision`.
        """

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """Remove the row, atomically, and return it: of many calls exactly one returns.

        Raises `NotFound`, and `RevisionMismatch` where the row is not of `expected_revision`.
        """

    async def fence(self, id: str, revision: str) -> bool:
        """False while the row holds the revision; once True, no add or replace with it ever succeeds."""

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """Up to `limit` rows after the opaque `cursor`, in any stable order.

        Every row that exists throughout is listed once. Raises `ValueError` for a cursor that it did not make.
        """


class Leases(Protocol):
    """Leases save work and never guard truth. No clock is compared: who watches a token decides."""

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """Take a lease in one atomic step; with `instead_of`, take it over from the holder of that token.

        Raises `Held` with the standing token. A lease that is free is given also where `instead_of` is not None.
        """

    async def renew(self, lease: Lease) -> Lease:
        """The lease with a new token. Raises `Lost` once it is another's or nobody's."""

    async def release(self, lease: Lease) -> None:
        """Give the lease back; does nothing once it is another's."""


class MetadataStore(Backend, Catalog, Leases, Protocol):
    """What one metadata backend provides."""
