"""Signs URLs: the rule of pymager's page on signed URLs, whose test vectors the tests run."""

import base64
import hmac
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pymager_client.errors import InvalidArgument

Expires = int | datetime | timedelta
"""When a signature expires: Unix time in seconds, a time with a time zone, or a duration from now."""

_MIN_KEY_BYTES = 32
_HEX = re.compile(r"[0-9A-Fa-f]+")
_TARGET = re.compile(r"/(?:derived|original|info)/[!-~]+")
_SIGNATURE, _EXPIRY = "sig", "exp"


class Signer:
    """Signs with a key: bytes, or text as in `PYMAGER_SIGNING_KEYS`, in hexadecimal or base64.

    Its `repr` does not contain the key.
    """

    def __init__(self, key: str | bytes, now: Callable[[], float] = time.time) -> None:
        """Raises `InvalidArgument` if the key is neither, or has less than 32 bytes."""
        self._key = _decoded(key) if isinstance(key, str) else bytes(key)
        self._now = now
        if len(self._key) < _MIN_KEY_BYTES:
            raise InvalidArgument(f"signing_key: must have at least {_MIN_KEY_BYTES} bytes, has {len(self._key)}")

    def __repr__(self) -> str:
        return "Signer(***)"

    def sign(self, target: str, expires: Expires | None = None) -> str:
        """The target, a percent-encoded path with or without a query, with its expiry and signature.

        Raises `InvalidArgument` for a target that a server would refuse although it is signed.
        """
        if not _TARGET.fullmatch(target) or "#" in target:
            raise InvalidArgument(
                "target: must be the path and query of a variant, an original or /info, percent-encoded, such as "
                "/derived/cat-800x600.jpg"
            )
        path, _, query = target.partition("?")
        names = [parameter.partition("=")[0] for parameter in query.split("&")]
        if _SIGNATURE in names or (expires is not None and _EXPIRY in names):
            raise InvalidArgument("target: must not be signed, or have an expiry, already")
        if expires is not None:
            query += f"{'&' if query else ''}{_EXPIRY}={self.unix_time(expires)}"
        digest = hmac.digest(self._key, f"{path}?{query}".encode(), "sha256")
        signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return f"{path}?{query}{'&' if query else ''}{_SIGNATURE}={signature}"

    def unix_time(self, expires: Expires) -> int:
        """The expiry in seconds since 1970. Raises `InvalidArgument` for a time without a time zone."""
        if isinstance(expires, timedelta):
            return int(self._now() + expires.total_seconds())
        if isinstance(expires, datetime):
            if expires.tzinfo is None:
                raise InvalidArgument("expires: must have a time zone")
            return int(expires.timestamp())
        if isinstance(expires, bool) or not isinstance(expires, int) or expires < 0:
            raise InvalidArgument("expires: must be Unix time in whole seconds, a time with a time zone, or a duration")
        return expires


def _decoded(text: str) -> bytes:
    """A key in hexadecimal, or in base64 with either alphabet, with or without padding (RFC 4648).

    What has only hexadecimal digits is not base64: a digit that was lost must not make another key of it.
    """
    try:
        if _HEX.fullmatch(text):
            return bytes.fromhex(text)
        digits = text.rstrip("=").translate(str.maketrans("-_", "+/"))
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:
        raise InvalidArgument("signing_key: must be in hexadecimal or base64") from None
