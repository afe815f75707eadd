"""The URLs of pictures: what a page contains, made without a request."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pymager_client.errors import InvalidArgument
from pymager_client.signing import Expires, Signer
from pymager_client.variants import VariantOptions, variant_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

_MAX_ID_BYTES = 200
_ASCII_OF_IDS = re.compile(r"[A-Za-z0-9_-]")
_BASE_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)


class PictureUrls:
    """Makes the URLs of pictures on a server, and signs them if it has a key. Sends nothing.

    `base_url` is the server's, with its path prefix if it has one, such as `https://img.example.org/pictures`.
    `signing_key` is bytes, or text as in `PYMAGER_SIGNING_KEYS`.
    """

    def __init__(self, base_url: str, *, signing_key: str | bytes | None = None) -> None:
        """Raises `InvalidArgument`."""
        self.base_url = _checked_base(base_url)
        self._signer = None if signing_key is None else Signer(signing_key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def variant_url(
        self,
        id: str,
        width: int | None = None,
        height: int | None = None,
        format: str = "jpg",
        *,
        preset: str | None = None,
        expires: Expires | None = None,
        sign: bool | None = None,
        **options: Unpack[VariantOptions],
    ) -> str:
        """The URL of a variant, in the canonical spelling: one picture has one URL.

        Sizes are in pixels; without one side, it follows from the picture's proportions. The URL is signed if there is
        a signing key, unless `sign` is false. Raises `InvalidArgument`.
        """
        return self._url(variant_path(encoded_id(id), width, height, format, preset, **options), expires, sign)

    def original_url(self, id: str, *, expires: Expires | None = None, sign: bool | None = None) -> str:
        """The URL of the bytes that were uploaded. Signed as by `variant_url`. Raises `InvalidArgument`."""
        return self._url(original_path(id), expires, sign)

    def info_url(self, id: str, *, expires: Expires | None = None, sign: bool | None = None) -> str:
        """The URL of an original's metadata. Signed as by `variant_url`. Raises `InvalidArgument`."""
        return self._url(info_path(id), expires, sign)

    def srcset(
        self,
        id: str,
        widths: Iterable[int],
        format: str = "jpg",
        *,
        expires: Expires | None = None,
        sign: bool | None = None,
        **options: Unpack[VariantOptions],
    ) -> str:
        """The value of the attribute `srcset` of `<img>` or `<source>`: `URL 400w, URL 800w`.

        `widths` are in pixels; the heights follow from the picture's proportions. All URLs expire at the same time.
        Raises `InvalidArgument`, also for `dpr`, since the browser multiplies the width itself.
        """
        if "dpr" in options:
            raise InvalidArgument("dpr: cannot be used in srcset; add larger widths instead")
        if expires is not None and self._signer is not None:
            expires = self._signer.unix_time(expires)
        urls = [
            f"{self.variant_url(id, width, format=format, expires=expires, sign=sign, **options)} {width}w"
            for width in dict.fromkeys(widths)
        ]
        if not urls:
            raise InvalidArgument("widths: at least one is needed")
        return ", ".join(urls)

    def sign(self, target: str, expires: Expires | None = None) -> str:
        """A path and query, percent-encoded and exactly as in the URL, with its expiry and signature.

        The path is without the path prefix of the base URL. Raises `InvalidArgument`, also if there is no key.
        """
        if self._signer is None:
            raise InvalidArgument("signing_key: is needed to sign a URL")
        return self._signer.sign(target, expires)

    def _url(self, path: str, expires: Expires | None, sign: bool | None) -> str:
        return self.base_url + self._signed(path, expires, sign)

    def _signed(self, path: str, expires: Expires | None = None, sign: bool | None = None) -> str:
        wanted = self._signer is not None if sign is None else sign
        if not wanted and expires is not None:
            raise InvalidArgument("expires: only a signed URL can expire; a signing_key is needed")
        return self.sign(path, expires) if wanted else path


def encoded_id(id: str) -> str:
    """An id in a URL: in NFC, as percent-encoded UTF-8. Raises `InvalidArgument` for what cannot be an id.

    The server decides about characters outside of ASCII.
    """
    normal = unicodedata.normalize("NFC", id)
    wrong = next((each for each in normal if each.isascii() and not _ASCII_OF_IDS.fullmatch(each)), None)
    if not normal or wrong is not None or any("\ud800" <= each <= "\udfff" for each in normal):
        shown = "is empty" if not normal else f"got {id[:_MAX_ID_BYTES]!r}"
        raise InvalidArgument(f"id: must be letters, digits and combining marks of any script, '_' and '-'; {shown}")
    if len(normal.encode()) > _MAX_ID_BYTES:
        raise InvalidArgument(f"id: must have at most {_MAX_ID_BYTES} bytes of UTF-8, has {len(normal.encode())}")
    return quote(normal, safe="")


def original_path(id: str) -> str:
    """The path of an original."""
    return f"/original/{encoded_id(id)}"


def info_path(id: str) -> str:
    """The path of an original's metadata."""
    return f"/info/{encoded_id(id)}"


def _checked_base(url: str) -> str:
    """The URL without a slash at its end. A message about it does not contain the URL, which can have a password."""
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0  # raises if the port is not a number
    except ValueError:
        is_complete = False
    if not is_complete or not _BASE_URL.fullmatch(url) or "?" in url or "#" in url:
        raise InvalidArgument("base_url: must be such as https://img.example.org or http://127.0.0.1:8000/pictures")
    if "@" in parts.netloc:
        raise InvalidArgument("base_url: must not contain credentials; use username and password, or token")
    return url.rstrip("/")
