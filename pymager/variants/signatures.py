"""Signatures of URLs: made and verified. Whoever has a key can allow one URL, if needed until a given time.

`pymager.web.access` decides which requests need one.

docs/reference/signing.md has test vectors.

A signature covers the path and the other parameters exactly as they stand in the URL. Nothing is decoded or sorted
first, so that every language signs the same bytes, and no two readings of a URL share a signature.
"""

import base64
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from pymager.errors import SignatureMisused, SignatureRejected

SIGNATURE = "sig"
EXPIRY = "exp"
MIN_KEY_BYTES = 32
_SIGNATURE_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # 32 bytes in base64url without padding
_EXPIRY_PATTERN = re.compile(r"0|[1-9][0-9]{0,11}", re.ASCII)
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
# Also if the name is misspelled, or if a client has encoded what separates it: the value can be right.
_LOGGED_SIGNATURE = re.compile(
    r"((?:[?&]|%3F|%26)(?:s|%[57]3)(?:i|%[46]9)(?:g|%[46]7)(?:=|%3D))[^&#\s]+", re.IGNORECASE
)
_MAX_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Target:
    """A request's target, with the signature taken out. All texts are as received, percent-encoded or not."""

    path: str
    parameters: str
    """The query without `exp` and `sig`."""
    signed_text: str
    """What the signature covers: the path, `?`, and all parameters except `sig`."""
    expiry: str | None
    signature: str | None


def parse_target(raw: str) -> Target:
    """Parse a request's target (RFC 9112 section 3.2), in origin form or absolute form; a fragment is ignored.

    Raises `SignatureMisused`.
    """
    path, _, query = _origin_form(raw).partition("#")[0].partition("?")
    if not query:
        return Target(path, "", f"{path}?", None, None)
    parts = query.split("&")
    found: dict[str, str] = {}
    for index, part in enumerate(parts):
        name, _, value = part.partition("=")
        if (reserved := _reserved_name(name)) is None:
            continue
        if reserved in found:
            raise SignatureMisused(f"the parameter '{reserved}' is repeated; a URL can have it once")
        if reserved == SIGNATURE and index != len(parts) - 1:
            raise SignatureMisused("'sig' must be the last parameter of the URL, with nothing after it")
        found[reserved] = value
    if EXPIRY in found and SIGNATURE not in found:
        raise SignatureMisused("'exp' is only allowed in a signed URL; `pymager sign` makes one")
    others = parts[:-1] if SIGNATURE in found else parts
    unsigned = [part for part in others if part.partition("=")[0] != EXPIRY]
    signed_text = f"{path}?{'&'.join(others)}"
    return Target(path, "&".join(unsigned), signed_text, found.get(EXPIRY), found.get(SIGNATURE))


class Keyring:
    """The keys for signatures, newest first: the first one signs, and all of them verify.

    `now` returns the time in seconds since 1970.
    """

    def __init__(self, keys: Sequence[bytes], now: Callable[[], float] = time.time) -> None:
        self._keys = tuple(keys)
        self._now = now

    def sign(self, target: str) -> str:
        """The target, which is a path with or without a query, with its signature.

        The target must be percent-encoded, and must not have a signature or a fragment.
        """
        path, _, query = target.partition("?")
        signature = _signature(self._keys[0], f"{path}?{query}")
        return f"{path}?{query}{'&' if query else ''}{SIGNATURE}={signature}"

    def verify(self, target: Target) -> int | None:
        """When the target's signature expires, in seconds since 1970; None if it never does.

        Raises `SignatureRejected`. Takes the same time for every key and every wrong signature.
        """
        given = target.signature or ""
        if not _SIGNATURE_PATTERN.fullmatch(given):
            raise SignatureRejected(
                "the signature is malformed: 'sig' must be 43 characters of base64url, an HMAC-SHA256 without padding"
            )
        matches = [hmac.compare_digest(_signature(key, target.signed_text), given) for key in self._keys]
        if not any(matches):
            raise SignatureRejected(
                "the signature is wrong: the path or a parameter was changed after signing, or the key was removed"
            )
        return None if target.expiry is None else self._check_expiry(target.expiry)

    def remaining_seconds(self, expires: int) -> int:
        """Whole seconds until then; 0 if it is over."""
        return max(0, int(expires - self._now()))

    def _check_expiry(self, text: str) -> int:
        if not _EXPIRY_PATTERN.fullmatch(text):
            shown = text[:_MAX_SHOWN_CHARACTERS]
            raise SignatureRejected(f"'exp' must be a time in whole seconds since 1970, got '{shown}'")
        expires = int(text)
        if self._now() >= expires:
            raise SignatureRejected(
                f"the signature expired at {datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}"
            )
        return expires


def without_signature(target: str) -> str:
    """A request's target for logs and traces: until it expires, a signature is as good as a password."""
    return _LOGGED_SIGNATURE.sub(r"\1***", target) if "?" in target or "%" in target else target


def _origin_form(raw: str) -> str:
    """A proxy gets the absolute form, and a server has to accept it (RFC 9112 section 3.2.2)."""
    return raw if raw.startswith("/") else _AUTHORITY.sub("", raw, count=1)


def _reserved_name(name: str) -> str | None:
    """`sig` or `exp`, if the parameter's name is one of them. Raises `SignatureMisused` if it is percent-encoded."""
    decoded = unquote(name) if "%" in name else name
    if decoded not in (SIGNATURE, EXPIRY):
        return None
    if decoded != name:
        raise SignatureMisused(f"the name of the parameter '{decoded}' must not be percent-encoded")
    return decoded


def _signature(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256")
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
