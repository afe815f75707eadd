"""GET requests for objects and the headers of their responses ("GetObject", Amazon S3 API reference)."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from pymager_aws.credentials import Credentials
from pymager_aws.http_connection import ResponseHead
from pymager_aws.sigv4 import Signer

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

_EMPTY_SHA256 = sha256(b"").hexdigest()
_SIGNED_HEADERS = (("x-amz-content-sha256", _EMPTY_SHA256),)
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")


class GetRequests:
    """Signed GETs for the objects of one bucket."""

    def __init__(self, signer: Signer, root: str, credentials: Credentials) -> None:
        """`root` is the path before every object's name: `/`, or `/BUCKET/` in path style."""
        self._signer = signer
        self._root = root
        self._credentials = credentials

    async def head(self, name: str, options: "GetOptions") -> bytes:
        """The request for the object `name`. Raises as `Credentials.get` does."""
        key = self._credentials.key or await self._credentials.get()
        path = quote(f"{self._root}{name}")
        headers = self._signer.headers(key, "GET", path, _SIGNED_HEADERS, _EMPTY_SHA256)
        lines = "".join([f"{field}:{value}\r\n" for field, value in headers.items()])
        return f"GET {path} HTTP/1.1\r\n{lines}user-agent:pymager\r\n{_range_line(options)}\r\n".encode()

    def forget_credentials(self) -> None:
        """Look up credentials again before the next request: the server rejected these."""
        self._credentials.forget()


def describe_response(name: str, head: ResponseHead, *, has_range: bool) -> tuple["ObjectMeta", tuple[int, int]]:
    """The object, and the range of it (start, stop) in the response. Raises `ValueError`."""
    start, stop, size = _content_range(head) if has_range else (0, head.size, head.size)
    meta: ObjectMeta = {
        "path": name,
        "last_modified": parse_date(head.headers.get("last-modified", "")),
        "size": size,
        "e_tag": head.headers.get("etag"),
        "version": None,
    }
    return meta, (start, stop)


@lru_cache(maxsize=1024)
def parse_date(text: str) -> datetime:
    """A date in a header. Raises `ValueError`, where Python's parser also raises others."""
    try:
        return parsedate_to_datetime(text)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError("not a date") from error


def _range_line(options: "GetOptions") -> str:
    """The header line of a range (RFC 9110 section 14.2), empty without one."""
    byte_range = options.get("range")
    if byte_range is None:
        return ""
    match byte_range:
        case {"offset": offset}:
            text = f"{offset}-"
        case {"suffix": suffix}:
            text = f"-{suffix}"
        case start, stop:
            text = f"{start}-{stop - 1}"
    return f"range:bytes={text}\r\n"


def _content_range(head: ResponseHead) -> tuple[int, int, int]:
    """Start, stop and the object's size in `Content-Range`. Raises `ValueError`."""
    match = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", ""))
    if match is None:
        raise ValueError("a partial response without a valid Content-Range")
    first, last, size = map(int, match.groups())
    if last - first + 1 != head.size or last >= size:
        raise ValueError("a partial response whose length differs from its Content-Range")
    return first, last + 1, size
