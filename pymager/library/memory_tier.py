"""Variants in memory, bounded in bytes. A key is written with one content only, so no entry can be stale.

The cache never decides whether a variant may be served: the catalog is read first, for every request.
"""

from collections import OrderedDict

from pymager.library.content import MEMORY, VariantContent
from pymager.library.recent import remember
from pymager.ports import BlobInfo

_ENTRY_OVERHEAD_BYTES = 1_024
_MAX_VALIDATORS = 32_768
_LARGEST_DIVISOR = 8  # a body can take at most an eighth of the limit


class MemoryTier:
    """Caches the most recently used bodies, up to `limit` bytes, and the descriptions of more variants."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._bodies: OrderedDict[str, VariantContent] = OrderedDict()
        self._validators: OrderedDict[str, VariantContent] = OrderedDict()

    def get(self, key: str) -> VariantContent | None:
        """The variant under a key, without its body if only the description is cached."""
        if (content := self._bodies.get(key)) is not None:
            self._bodies.move_to_end(key)
            return content
        if (content := self._validators.get(key)) is not None:
            self._validators.move_to_end(key)
        return content

    def accepts(self, size: int) -> bool:
        """Whether a body of this many bytes can be cached."""
        return size + _ENTRY_OVERHEAD_BYTES <= self.limit // _LARGEST_DIVISOR

    def put(self, info: BlobInfo, body: bytes | None) -> None:
        """Cache a variant; evicts the ones that were used least recently."""
        remember(self._validators, info.key, VariantContent(info, None, MEMORY), _MAX_VALIDATORS)
        if body is not None and self.accepts(len(body)):
            self._discard_body(info.key)
            self._bodies[info.key] = VariantContent(info, body, MEMORY)
            self.used += len(body) + _ENTRY_OVERHEAD_BYTES
            while self.used > self.limit:
                self._discard_body(next(iter(self._bodies)))

    def discard(self, prefix: str) -> None:
        """Drop every entry whose key starts with `prefix`, to free memory."""
        for key in [key for key in self._bodies if key.startswith(prefix)]:
            self._discard_body(key)
        for key in [key for key in self._validators if key.startswith(prefix)]:
            del self._validators[key]

    def _discard_body(self, key: str) -> None:
        if (content := self._bodies.pop(key, None)) is not None and content.body is not None:
            self.used -= len(content.body) + _ENTRY_OVERHEAD_BYTES
