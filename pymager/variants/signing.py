"""Signs the URLs of pictures, and refuses those that a server would refuse although they are signed."""

import re
import time
from urllib.parse import quote, unquote

from pymager.errors import InvalidName, SignatureMisused
from pymager.names import parse_id
from pymager.variants.signatures import EXPIRY, SIGNATURE, Keyring, parse_target
from pymager.variants.urls import VariantUrls

_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_READABLE = re.compile(r"/(?P<kind>derived|original|info)/(?P<name>[^/?]+)(?:\?(?P<query>.*))?", re.DOTALL)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Everything that a path or a query can have unencoded (RFC 3986 sections 3.3 and 3.4), and the escapes themselves.
_KEPT_IN_PATH = "%/:@!$&'()*+,;="
_KEPT_IN_QUERY = f"{_KEPT_IN_PATH}?"
_EXAMPLE = "/derived/cat-800x600.jpg"


class UrlSigner:
    """Signs URLs with the first of the keys. `public_url` is `PYMAGER_PUBLIC_URL`."""

    def __init__(self, keys: Keyring, urls: VariantUrls, public_url: str) -> None:
        self._keys = keys
        self._urls = urls
        self._public_url = public_url

    def sign(self, url: str, seconds: int | None = None) -> tuple[str, int | None]:
        """The URL with a signature, and when that expires in seconds since 1970: after `seconds`, or never.

        `url` starts with `PYMAGER_PUBLIC_URL`, or is a path. Characters that a URL cannot have are percent-encoded; all
        others stay as they are. Raises `InvalidName`, `SignatureMisused`, and what `VariantUrls.parse` raises.
        """
        base, rest = self._split(url)
        target = _encoded(rest)
        match = _READABLE.fullmatch(target)
        if match is None:
            raise InvalidName(
                f"only URLs of variants, originals and /info can be signed, such as {_EXAMPLE}, got {rest[:100]!r}"
            )
        self._check(match["kind"], match["name"], match["query"] or "")
        if seconds is None:
            return base + self._keys.sign(target), None
        expires = int(time.time()) + seconds
        return base + self._keys.sign(f"{target}{'&' if '?' in target else '?'}{EXPIRY}={expires}"), expires

    def _check(self, kind: str, name: str, query: str) -> None:
        """Refuse what a server would refuse although it is signed, except pictures that do not exist."""
        decoded = unquote(name)
        if kind == "derived":
            self._urls.parse(decoded, query, signed=True)
        else:
            parse_id(decoded)

    def _split(self, url: str) -> tuple[str, str]:
        """The base of the URL, which is not signed, and the rest."""
        if self._public_url and url.startswith(f"{self._public_url}/"):
            return self._public_url, url[len(self._public_url) :]
        match = _ABSOLUTE.match(url)
        if match is None:
            return "", url
        if self._public_url:
            raise InvalidName(
                f"must start with {self._public_url}/ (PYMAGER_PUBLIC_URL), or be a path such as {_EXAMPLE}"
            )
        return match[0], url[match.end() :]


def _encoded(target: str) -> str:
    """Percent-encode what needs it (RFC 3986 section 2.1)."""
    try:
        target.encode()
    except UnicodeEncodeError:  # an argument of the command line can have any bytes
        raise InvalidName("must be UTF-8") from None
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
                f"already has the parameter '{name}': remove it; --expires, or expires_in of POST /sign, says when the "
                "signature expires"
            )
    parse_target(encoded)
    return encoded
