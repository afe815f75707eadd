"""Hot derived pictures in memory, bounded in bytes. Blobs never change, so nothing here can be stale.

Whether a picture may be served at all is the catalog's to say, before anyone looks here.
"""

from collections import OrderedDict
from dataclasses import dataclass

from pymager.ports import BlobInfo

_ENTRY_COST = 1_024
_KNOWN_VALIDATORS = 32_768


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A derived picture's description, and its bytes where they are kept too."""

    info: BlobInfo
    body: bytes | None


class Cache:
    """Keeps the pictures used last, up to `limit` bytes, and the validators of more than those."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._bodies: OrderedDict[str, CacheEntry] = OrderedDict()
        self._validators: OrderedDict[str, CacheEntry] = OrderedDict()

    def get(self, key: str) -> CacheEntry | None:
        """What is kept under the key."""
        if (kept := self._bodies.get(key)) is not None:
            self._bodies.move_to_end(key)
            return kept
        if (kept := self._validators.get(key)) is not None:
            self._validators.move_to_end(key)
        return kept

    def takes(self, size: int) -> bool:
        """Whether a picture of this many bytes may be kept."""
        return size + _ENTRY_COST <= self.limit // 8

    def put(self, info: BlobInfo, body: bytes | None) -> None:
        """Keep a picture, in the place of those that were not asked for longest."""
        self._validators[info.key] = CacheEntry(info, None)
        self._validators.move_to_end(info.key)
        if len(self._validators) > _KNOWN_VALIDATORS:
            self._validators.popitem(last=False)
        if body is not None and self.takes(len(body)):
            self._forget_body(info.key)
            self._bodies[info.key] = CacheEntry(info, body)
            self.used += len(body) + _ENTRY_COST
            while self.used > self.limit:
                self._forget_body(next(iter(self._bodies)))

    def forget(self, prefix: str) -> None:
        """Let go of everything under a key's prefix, for the room that it takes."""
        for key in [key for key in self._bodies if key.startswith(prefix)]:
            self._forget_body(key)
        for key in [key for key in self._validators if key.startswith(prefix)]:
            del self._validators[key]

    def _forget_body(self, key: str) -> None:
        if (kept := self._bodies.pop(key, None)) is not None and kept.body is not None:
            self.used -= len(kept.body) + _ENTRY_COST
