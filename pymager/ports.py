"""The ports: what a backend has to implement.

A backend is a class that takes its URL, is entered with `async with` before use, and has every method of its port.
`__init__` only parses the URL, without I/O, and raises `ConfigurationError` if it is wrong. An entry point in the group
`pymager.blobs`, `pymager.metadata` or `pymager.caches` names the class; its own name is the URL's scheme.
`pymager.testing` publishes the contract of each port as test classes.

A method raises what its docstring lists, and every method can raise `Unavailable`; anything else that escapes is a bug
in the backend. Every method can be canceled at any time: it then has its whole effect or none, possibly after the
cancellation.
"""

import re
import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from os import PathLike
from pathlib import Path, PosixPath
from types import TracebackType
from typing import Protocol, Self

from pymager.joiners import JOINER, NON_JOINER, misplaced_joiner, without_open_joiner

REMEMBERED_SECONDS = 3_600
"""How long a metadata store remembers when an id was removed, in seconds. Far more than clocks differ."""

MAX_KEY_BYTES = 700
MAX_KEY_SEGMENT_BYTES = 255
MAX_CACHED_BYTES = 1_000_000
"""The largest value of a cache, in bytes. memcached keeps a little more than this in one item by default."""
MAX_PROPERTY_LENGTH = 200
MAX_PLACEHOLDER_LENGTH = 40
MAX_PURGE_STATE_LENGTH = 1_000
NEW_PURGE_STATE = "new"
_KEY_PUNCTUATION = f"_-.{NON_JOINER}{JOINER}"
_CACHE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ASCII_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*)*")


def check_key(key: str) -> None:
    """Check a blob's key against the grammar that every store shares. Raises `ValueError`.

    A key is relative: segments joined by `/`, `MAX_KEY_BYTES` of UTF-8 in all. A segment is 1 to
    `MAX_KEY_SEGMENT_BYTES` bytes of letters, combining marks and decimal digits of any script (Unicode general
    categories L, M and Nd), `_`, `-` and `.`, and neither starts nor ends with a `.`. U+200C and U+200D are allowed
    where a script needs them (`pymager.joiners`). No key can name a path outside the store.
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
    whole = without_open_joiner(prefix)
    if whole != prefix:
        check_key(whole)
    elif prefix:
        check_key(prefix[:-1] if prefix.endswith("/") else prefix.rstrip("."))


def check_cache_key(key: str) -> None:
    """Check a key of a cache: 1 to 64 letters and digits of ASCII, `_` and `-`. Raises `ValueError`."""
    if not _CACHE_KEY.fullmatch(key):
        raise ValueError(f"invalid key of a cache: {key[:100]!r}")


def is_key_segment(text: str) -> bool:
    """Whether a key can have this segment."""
    return (
        text != ""
        and text[0] != "."
        and text[-1] != "."
        and all(map(_is_key_character, text))
        and len(text.encode()) <= MAX_KEY_SEGMENT_BYTES
        and misplaced_joiner(text) is None
    )


def _is_key_character(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _KEY_PUNCTUATION


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


@dataclass(frozen=True, slots=True)
class Description:
    """What the pixels of an original say about it. All but `frames` describe its first frame, as it is shown.

    `frames` counts the frames of an animation and the pages of a TIFF; it is 1 for other pictures. `alpha` says whether
    a pixel is not opaque. `dominant` is the most frequent color, `#rrggbb` in sRGB. `thumbhash` and `blurhash` are
    placeholders: a ThumbHash in Base64 with padding (RFC 4648 section 4), and a BlurHash of 4x3 components (3x4 for a
    portrait) over the background color. Texts have at most `MAX_PLACEHOLDER_LENGTH` characters of ASCII.
    """

    frames: int
    alpha: bool
    dominant: str
    thumbhash: str
    blurhash: str


@dataclass(frozen=True, slots=True)
class Original:
    """The row of an original. `width` and `height` are in pixels with the orientation applied, `size` is in bytes.

    `revision` is 32 hexadecimal digits, random for every upload; `format` is a name of `pymager.formats`;
    `sha256` is in lowercase hexadecimal; `created` is in UTC and whole seconds. The fields of `Description` are all
    None until the original is described: earlier versions wrote rows without them.
    """

    id: str
    revision: str
    format: str
    width: int
    height: int
    size: int
    sha256: str
    created: datetime
    frames: int | None = None
    alpha: bool | None = None
    dominant: str | None = None
    thumbhash: str | None = None
    blurhash: str | None = None

    @property
    def description(self) -> Description | None:
        """The description, or None if a field of it is missing."""
        frames, alpha, dominant = self.frames, self.alpha, self.dominant
        thumbhash, blurhash = self.thumbhash, self.blurhash
        if frames is None or alpha is None or dominant is None or thumbhash is None or blurhash is None:
            return None
        return Description(frames, alpha, dominant, thumbhash, blurhash)

    def with_description(self, description: Description) -> "Original":
        """The same row with a description."""
        return replace(self, **asdict(description))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the listing: `next` is the cursor of the next page, None after the last row."""

    items: tuple[Original, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is held; its `token` changes with every renewal."""

    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Purge:
    """An entry of the outbox: caches in front have to forget an original, whose row was removed or replaced.

    `revision` is the one that the row had; no two purges have the same. `recorded` and `due` are in UTC and whole
    seconds: when it was recorded, and from when on any process delivers it. `attempts` counts the processes that took
    it over. `state` says which caches have forgotten the original: 1 to `MAX_PURGE_STATE_LENGTH` characters of ASCII
    that a store only keeps.
    """

    id: str
    revision: str
    recorded: datetime
    due: datetime
    attempts: int = 0
    state: str = NEW_PURGE_STATE


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """That a purge has to be recorded with a mutation, and its dates."""

    recorded: datetime
    due: datetime

    def of(self, original: Original) -> Purge:
        """The purge of the row that is removed or replaced."""
        return Purge(original.id, original.revision, self.recorded, self.due)


@dataclass(frozen=True, slots=True)
class PurgePage:
    """A page of the outbox: `next` is the cursor of the next page, None after the last purge."""

    items: tuple[Purge, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many purges the outbox has, and when the oldest was recorded; None if there is none."""

    pending: int
    oldest: datetime | None


class Backend(Protocol):
    """What both ports have in common."""

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the backend. Raises `ConfigurationError` if it exists, but this version cannot use it."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def prepare(self) -> list[str]:
        """Create or upgrade what the backend needs: a folder, a bucket, a schema. Safe to run more than once.

        Called on a backend that is not open. Returns one sentence for each thing that was done.
        """

    async def tidy(self, older_than: float) -> int:
        """Remove leftovers of crashes that only the backend can see, if untouched for `older_than` seconds.

        Examples are temporary files, parts of incomplete uploads and abandoned leases. Returns how many were removed.
        """

    async def ping(self) -> None:
        """Return if the backend answers within its own time limit."""


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


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a tree: `name` below the tree's root, any text; `size` in bytes; `version` changes with the bytes."""

    name: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class OpenTreeFile:
    """An open file of a tree: its description, and its bytes."""

    file: TreeFile
    chunks: AsyncIterator[bytes]


class Tree(Protocol):
    """Files that something other than pymager wrote, which `import` reads. Names are not keys of a `BlobStore`.

    A class that takes its URL, is entered with `async with` before use, and only reads. An entry point in the group
    `pymager.sources` names it. Every method can raise `Unavailable`.
    """

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the tree. Raises `ConfigurationError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def list(self) -> AsyncIterator[TreeFile]:
        """Every file, in any order, in constant memory."""

    async def stat(self, name: str) -> TreeFile:
        """Describe a file. Raises `NotFound`."""

    def open(self, name: str) -> AbstractAsyncContextManager[OpenTreeFile]:
        """Open a file. Raises `NotFound`. A body that ends early raises `Unavailable` during iteration."""


class Catalog(Protocol):
    """The only truth about which originals exist. Ids are compared byte for byte.

    A mutation is sent once, without any retry. If its answer is lost: `Unavailable(outcome_known=False)`.
    """

    async def add(self, original: Original) -> Original:
        """Commit a new original atomically, and return its row: of many calls for one id, exactly one succeeds.

        If the id was removed less than `REMEMBERED_SECONDS` ago, the row's `created` is at least a second later than
        the removal and than `created` of the removed row: HTTP dates have no fractions, and two originals of one id
        must not share a date. This is decided atomically with the commit.

        Raises `AlreadyExists` if the id has a row, `Fenced` if the revision was fenced or used before, and `NoSpace`.
        """

    async def get(self, id: str) -> Original:
        """The row. Sees every add, replace and remove that has returned on any node. Raises `NotFound`."""

    async def replace(
        self, original: Original, expected_revision: str | None = None, purge: PurgeOrder | None = None
    ) -> Original:
        """Replace the row of the id atomically, and return the old row.

        With `purge`, a purge of the old row is recorded in the same atomic step. It is only given if caches have to be
        purged.

        Raises `NotFound`, `Fenced`, `NoSpace`, and `RevisionMismatch` if the row does not have `expected_revision`.
        """

    async def remove(self, id: str, expected_revision: str | None = None, purge: PurgeOrder | None = None) -> Original:
        """Remove the row atomically, and return it: of many calls, exactly one succeeds.

        The store remembers the date of the removal by its own clock, for at least `REMEMBERED_SECONDS`. `purge` as for
        `replace`.

        Raises `NotFound`, and `RevisionMismatch` if the row does not have `expected_revision`.
        """

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description of the row in one atomic step if it has this revision; else return False.

        Changes nothing else, and never creates a row. Safe to repeat. A row has only the description that it was
        written with, or that was set for its own revision: not that of the row that it replaced, also if an earlier
        version of the backend, which does not know descriptions, has replaced it. Raises `NoSpace`.
        """

    async def fence(self, id: str, revision: str) -> bool:
        """Fence a revision: after True, no add or replace with it ever succeeds. False if the row has it."""

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """Up to `limit` rows after the opaque `cursor`, in any stable order; only those whose id starts with `prefix`.

        Every such row that exists throughout the listing is listed once. A page can have fewer rows than `limit`, or
        none, although it has a `next`. A cursor is used with the prefix that it was made with. Raises `ValueError` for
        an invalid cursor.
        """


class Leases(Protocol):
    """Leases only avoid duplicate work; correctness never depends on them.

    No clocks are compared: a token that does not change can be replaced.
    """

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """Take a lease in one atomic step; with `instead_of`, take it over from the holder of that token.

        Raises `LeaseHeld` with the current token. With `instead_of`, a free lease can be taken too.
        """

    async def renew(self, lease: Lease) -> Lease:
        """Renew the lease: the same lease with a new token. Raises `LeaseLost` if it has another holder, or none."""

    async def release(self, lease: Lease) -> None:
        """Release the lease; a lease that has another holder by now is left alone."""


class Properties(Protocol):
    """A few short texts by name, such as the id of the deployment. They are as durable as rows, and never removed.

    Names and values are 1 to `MAX_PROPERTY_LENGTH` characters of ASCII.
    """

    async def get_property(self, name: str) -> str | None:
        """The value, or None. Sees every change that has returned on any node."""

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        """Set the property in one atomic step if its value is `instead_of`, or if it has none and that is None.

        Returns the value that the property has afterwards, which differs from `value` if nothing was set.
        """


class Outbox(Protocol):
    """The purges that `replace` and `remove` have recorded, until they are delivered. They are as durable as rows.

    Reads see every change that has returned on any node.
    """

    async def due_purges(self, now: datetime, limit: int) -> list[Purge]:
        """Up to `limit` purges whose `due` is not later than `now`, in any order.

        No purge is left out forever, however many others are due.
        """

    async def list_purges(self, cursor: str | None, limit: int) -> PurgePage:
        """Up to `limit` purges after the opaque `cursor`, in any stable order.

        Every purge that exists throughout the listing is listed once. A page can have fewer purges than `limit`, or
        none, although it has a `next`. Raises `ValueError` for an invalid cursor.
        """

    async def count_purges(self) -> Backlog:
        """Count the purges."""

    async def update_purge(self, purge: Purge, changed: Purge) -> bool:
        """Change `due`, `attempts` and `state` in one atomic step if they are as in `purge`; else return False.

        Both have the same id and revision. Never creates a purge.
        """

    async def finish_purge(self, purge: Purge) -> None:
        """Remove the purge of this revision, whatever its state is. An absent one is ignored."""


class MetadataStore(Backend, Catalog, Leases, Properties, Outbox, Protocol):
    """Everything that a metadata backend provides."""


class Cache(Protocol):
    """Values that replicas share, by keys that `check_cache_key` defines. Each method raises `ValueError` for others.

    It can lose any value at any time, and it is not trusted: the caller verifies what it gets, limits how long a call
    can take, and stops asking a node that fails. So a backend has no retries and no time limits of its own for calls.
    A key is written with one value only. Opening connects to nothing that can be down.
    """

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the cache. Raises `ConfigurationError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def node(self, key: str) -> str:
        """The name of the part of the cache that has this key, such as a server: what fails alone has its own name.

        Always the same for a key. No I/O.
        """

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Can be canceled at any time, which leaves no connection in the middle of a response."""

    async def put(self, key: str, value: bytes) -> None:
        """Store a value of up to `MAX_CACHED_BYTES` bytes as a whole or not at all. Raises `NoSpace`."""


@dataclass(frozen=True, slots=True)
class PurgeTarget:
    """What caches have to forget: all responses about an original.

    `tag` is in the header that a purger names in `tag_header`, if the response has any, and `paths` are the paths of
    its URLs, percent-encoded, each with a `*` at its end for any further characters, as in `/derived/cat-*`.
    `revision` is the one that the row had.
    """

    id: str
    revision: str
    tag: str
    paths: tuple[str, ...]


class Purger(Protocol):
    """Makes one cache, or one service of a CDN, forget originals.

    A class that takes its URL and is entered with `async with` before use. `__init__` only parses the URL, without
    I/O, and raises `ConfigurationError` if it is wrong, without the secrets in it. An entry point in the group
    `pymager.purgers` names the class; its own name is the URL's scheme.

    `name` is 1 to 100 printable characters of ASCII without spaces and commas; it says which cache this is, differs
    between caches, stays the same from start to start, and has no secret in it. `max_batch` is the number of targets
    that one call can have. `tag_header` is the response header with the tags that the cache has to see, in lower case:
    `cache-tag`, `surrogate-key` or `xkey`, or None if it needs none.
    """

    name: str
    max_batch: int
    tag_header: str | None

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the purger. Raises `ConfigurationError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """Make the cache forget 1 to `max_batch` targets. Can be repeated. Ends within a time limit of its own.

        Returns after the cache has confirmed all of them, and otherwise raises `PurgeFailed`. Follows no redirect.
        """
