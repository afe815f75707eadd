"""Where a key's bytes lie.

    blobs/{first}/{fan}/{second}/{...}     a blob; `fan` is 3 hexadecimal digits of the sha256 of the second segment
    blobs/{only}                           a blob whose key has one segment
    tmp/{random}                           a blob that is being written

All that starts with the same two segments lies together, so a listing of one id looks into one folder; and no folder
grows large before there are millions of ids. What else the root holds is nobody's business here. Paths are bytes,
since keys are UTF-8 whatever the locale says.
"""

import hashlib
import os
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pymager.ports import BlobInfo

_SEGMENT_BYTES = 255
_KEY_BYTES = 700
_PLAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*)*")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a store."""

    root: bytes
    blobs: bytes
    tmp: bytes

    @classmethod
    def under(cls, root: Path) -> "Layout":
        """The layout of the store in this folder."""
        path = os.fsencode(root)
        return cls(path, os.path.join(path, b"blobs"), os.path.join(path, b"tmp"))

    def path(self, key: str) -> bytes:
        """Where the blob of this key is. Raises `ValueError` for what is not a key."""
        check_key(key)
        first, *rest = key.encode().split(b"/")
        if not rest:
            return b"%b/%b" % (self.blobs, first)
        return b"%b/%b/%b/%b" % (self.blobs, first, fan(rest[0]), b"/".join(rest))

    def temporary(self) -> bytes:
        """The path of a new temporary file."""
        return b"%b/%b" % (self.tmp, secrets.token_hex(16).encode())

    def folders_of(self, path: bytes) -> list[bytes]:
        """The folders that a blob's path leads through, the innermost first, `blobs` the last."""
        folders = []
        while path != self.blobs:
            path = path[: path.rindex(b"/")]
            folders.append(path)
        return folders


def fan(segment: bytes) -> bytes:
    """The name of the folder that spreads the second segments."""
    return hashlib.sha256(segment).hexdigest()[:3].encode()


def check_key(key: str) -> None:
    """Raises `ValueError` for what is not a key as `BlobStore` describes it; so no key leads out of the store."""
    if len(key) <= _SEGMENT_BYTES and _PLAIN.fullmatch(key):
        return
    for segment in key.split("/"):
        if not is_segment(segment):
            raise ValueError(f"{key!r} is not a blob's key: {segment!r} can't be a segment of one")
    if len(key.encode()) > _KEY_BYTES:
        raise ValueError(f"{key!r} is not a blob's key: it is longer than {_KEY_BYTES} bytes")


def check_prefix(prefix: str) -> None:
    """Raises `ValueError` for what no key can begin with."""
    if prefix:
        check_key(prefix.removesuffix("/"))


def is_segment(text: str) -> bool:
    """Whether a key may have this segment."""
    return (
        text != ""
        and text[0] != "."
        and text[-1] != "."
        and all(map(_is_allowed, text))
        and len(text.encode()) <= _SEGMENT_BYTES
    )


def describe(key: str, status: os.stat_result) -> BlobInfo:
    """A blob's description from its file's status; nothing else is relied on."""
    return BlobInfo(
        key,
        status.st_size,
        f"{status.st_mtime_ns:x}-{status.st_size:x}",
        datetime.fromtimestamp(status.st_mtime_ns // 1_000_000_000, UTC),
    )


def _is_allowed(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in "_-."
