"""Signs one URL: `pymager sign`."""

import re
import time
from urllib.parse import quote, unquote

from pymager import composition
from pymager.errors import ConfigurationError, InvalidName, SignatureMisused
from pymager.names import parse_id
from pymager.settings.model import Settings
from pymager.variants.signatures import EXPIRY, SIGNATURE, parse_target

_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_READABLE = re.compile(r"/(?P<kind>derived|original|info)/(?P<name>[^/?]+)(?:\?(?P<query>.*))?", re.DOTALL)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Everything that a path or a query can have unencoded (RFC 3986 sections 3.3 and 3.4), and the escapes themselves.
_KEPT_IN_PATH = "%/:@!$&'()*+,;="
_KEPT_IN_QUERY = f"{_KEPT_IN_PATH}?"
_EXAMPLE = "/derived/cat-800x600.jpg"


def sign(settings: Settings, url: str, seconds: int | None = None) -> str:
    """The URL with a signature, valid for this number of seconds or for ever.

    `url` starts with `PYMAGER_PUBLIC_URL`, or is a path. Characters that a URL cannot have are percent-encoded; all
    others stay as they are. Raises `ConfigurationError`, `InvalidName`, `SignatureMisused`, and what
    `VariantUrls.parse` raises.
    """
    if not settings.signing_keys:
        raise ConfigurationError(
            "PYMAGER_SIGNING_KEYS: must have a key to sign with; make one with: openssl rand -hex 32"
        )
    if settings.signatures == "off":
        raise ConfigurationError("PYMAGER_SIGNATURES: must not be off: a server would refuse the URL")
    base, rest = _split(url, settings.public_url)
    target = _encoded(rest)
    match = _READABLE.fullmatch(target)
    if match is None:
        raise InvalidName(
            f"only URLs of variants, originals and /info can be signed, such as {_EXAMPLE}, got {rest[:100]!r}"
        )
    _check(settings, match["kind"], match["name"], match["query"] or "")
    if seconds is not None:
        target += f"{'&' if '?' in target else '?'}{EXPIRY}={int(time.time()) + seconds}"
    return base + composition.keyring(settings).sign(target)


def _check(settings: Settings, kind: str, name: str, query: str) -> None:
    """Refuse what a server would refuse although it is signed, except pictures that do not exist."""
    decoded = unquote(name)
    if kind == "derived":
        composition.variant_urls(settings).parse(decoded, query, signed=True)
    else:
        parse_id(decoded)


def _split(url: str, public_url: str) -> tuple[str, str]:
    """The base of the URL, which is not signed, and the rest."""
    if public_url and url.startswith(f"{public_url}/"):
        return public_url, url[len(public_url) :]
    match = _ABSOLUTE.match(url)
    if match is None:
        return "", url
    if public_url:
        raise InvalidName(f"must start with {public_url}/ (PYMAGER_PUBLIC_URL), or be a path such as {_EXAMPLE}")
    return match[0], url[match.end() :]


def _encoded(target: str) -> str:
    """Percent-encode what needs it (RFC 3986 section 2.1)."""
    if "#" in target:
        raise InvalidName("must not contain '#': browsers do not send what follows it")
    if _BAD_ESCAPE.search(target):
        raise InvalidName("contains a '%' that is not followed by two hexadecimal digits")
    path, mark, query = target.partition("?")
    encoded = quote(path, safe=_KEPT_IN_PATH) + mark + quote(query, safe=_KEPT_IN_QUERY)
    names = [parameter.partition("=")[0] for parameter in query.split("&")]
    for name in (SIGNATURE, EXPIRY):
        if name in names:
            raise SignatureMisused(
                f"already has the parameter '{name}': remove it, and use --expires to set when it ends"
            )
    parse_target(encoded)
    return encoded
