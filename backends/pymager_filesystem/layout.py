"""The path of each blob's file.

    blobs/{first}/{shard}/{second}/{...}   a blob; `shard` is 3 hexadecimal digits of the sha256 of the second segment
    blobs/{only}                           a blob whose key has one segment
    tmp/{random}                           a blob that is being written

All blobs that share the first two segments are below one folder, so listing one id reads one folder, and no folder
grows large until there are millions of ids. The store ignores everything else in the root. Paths are bytes, because
keys are UTF-8 whatever the locale is.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pymager.ports import BlobInfo, check_key

_REMEMBERED_SHARDS = 4_096
_REMEMBERED_BLOBS = 4_096


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
        """The path of this key's file. Raises `ValueError` for an invalid key."""
        return b"%b/%b" % (self.blobs, _path_below_blobs(key))

    def temporary(self) -> bytes:
        """The path of a new temporary file."""
        return b"%b/%b" % (self.tmp, secrets.token_hex(16).encode())

    def parents(self, path: bytes) -> list[bytes]:
        """The folders above a blob's file, from the innermost one to `blobs`."""
        folders = []
        while path != self.blobs:
            path = path[: path.rindex(b"/")]
            folders.append(path)
        return folders


def describe(key: str, status: os.stat_result) -> BlobInfo:
    """Describe a blob from its file's status alone."""
    return _described(key, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_REMEMBERED_BLOBS)
def _described(key: str, size: int, modified_ns: int) -> BlobInfo:
    modified = datetime.fromtimestamp(modified_ns // 1_000_000_000, UTC)
    return BlobInfo(key, size, f"{modified_ns:x}-{size:x}", modified)


@lru_cache(maxsize=_REMEMBERED_BLOBS)
def _path_below_blobs(key: str) -> bytes:
    """Raises `ValueError` for an invalid key."""
    check_key(key)
    first, *rest = key.encode().split(b"/")
    return b"%b/%b/%b" % (first, _shard(rest[0]), b"/".join(rest)) if rest else first


@lru_cache(maxsize=_REMEMBERED_SHARDS)
def _shard(segment: bytes) -> bytes:
    return hashlib.sha256(segment).hexdigest()[:3].encode()
