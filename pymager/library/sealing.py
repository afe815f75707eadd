"""How a variant is written as one value of a cache, so that a wrong value is never served.

A value is a tag, the headers that a hit needs, and the bytes. The tag is an HMAC-SHA256 (RFC 2104) of the blob's key,
of these headers, and of the SHA-256 of the bytes. With a secret, nobody who can write to the cache can make a value
that opens. Without one, the tag is a checksum: it finds what is damaged, cut off or of another key, but not what
somebody forged. Either way a value that opens is one that was put under this key, and a key has only one content.
"""

import base64
import hashlib
import hmac
import struct
from datetime import UTC, datetime

from pymager.ports import BlobInfo

_FORMAT = b"pymager cache 1"
_TAG_BYTES = 32
_HEAD = struct.Struct(">qHI")  # the time of `modified`, the length of the etag, and the number of bytes
_MAX_ETAG_BYTES = 1_024
_NAME_BYTES = 24
OVERHEAD_BYTES = _TAG_BYTES + _HEAD.size + _MAX_ETAG_BYTES


class SealBroken(Exception):
    """A value that was not put under this key, or is damaged."""


class Seal:
    """Seals and opens values with a key that is made from `secret`; empty: from a constant."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _FORMAT, "sha256")

    def name(self, key: str) -> str:
        """The key in the cache of the blob with this key. It says nothing about the blob to those without the secret.

        Another secret or format has other names, so what it wrote is not found instead of found to be broken.
        """
        digest = hashlib.blake2b(key.encode(), digest_size=_NAME_BYTES, key=self._key).digest()
        return base64.urlsafe_b64encode(digest).decode()

    def seal(self, info: BlobInfo, body: bytes) -> bytes:
        """A variant as a value."""
        etag = info.etag.encode()
        head = _HEAD.pack(int(info.modified.timestamp()), len(etag), len(body)) + etag
        return b"".join((self._tag(info.key, head, body), head, body))

    def open(self, key: str, value: bytes) -> tuple[BlobInfo, bytes]:
        """The variant with this key of a value. Raises `SealBroken`."""
        try:
            modified, etag_length, size = _HEAD.unpack_from(value, _TAG_BYTES)
        except struct.error:
            raise SealBroken("the value is too short") from None
        body_start = _TAG_BYTES + _HEAD.size + etag_length
        view = memoryview(value)
        if len(value) != body_start + size:
            raise SealBroken("the value does not have the length that it names")
        body = view[body_start:]
        head = bytes(view[_TAG_BYTES:body_start])
        if not hmac.compare_digest(view[:_TAG_BYTES], self._tag(key, head, body)):
            raise SealBroken("the tag of the value does not match")
        etag = head[_HEAD.size :].decode()
        return BlobInfo(key, size, etag, datetime.fromtimestamp(modified, UTC)), bytes(body)

    def _tag(self, key: str, head: bytes, body: bytes | memoryview) -> bytes:
        encoded = key.encode()
        message = b"".join((len(encoded).to_bytes(4), encoded, head, hashlib.sha256(body).digest()))
        return hmac.digest(self._key, message, "sha256")


def fits(info: BlobInfo, limit: int) -> bool:
    """Whether the sealed variant has at most `limit` bytes."""
    return info.size + OVERHEAD_BYTES <= limit and len(info.etag) <= _MAX_ETAG_BYTES
