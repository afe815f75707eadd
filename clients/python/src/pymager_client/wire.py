"""What both clients share about httpx: how a request is framed, and what its errors mean."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx

from pymager_client.errors import ConnectionFailed, InvalidArgument, TimedOut
from pymager_client.messages import Failure, Request, Upload

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_FINAL = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.DecodingError)


@dataclass(frozen=True)
class Frame:
    """What surrounds the source's bytes in a body, and the headers of the body."""

    headers: Mapping[str, str]
    head: bytes = b""
    tail: bytes = b""


def frame(upload: Upload, size: int | None) -> Frame:
    """The frame of an upload: a form with the field `file` (RFC 7578), or nothing.

    Without a size, the body is sent in chunks (RFC 9112 section 7.1). The form has no name of a file: it would say
    more than the server needs.
    """
    head, tail, headers = b"", b"", {}
    if upload.is_form:
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
    if size is not None:
        headers["Content-Length"] = str(len(head) + size + len(tail))
    return Frame(headers, head, tail)


def default_headers() -> dict[str, str]:
    """The headers of every request. Pictures are not compressed once more on the way."""
    return {"User-Agent": f"pymager-client/{version('pymager-client')}", "Accept": "*/*", "Accept-Encoding": "identity"}


def arguments(base_url: str, request: Request, seconds: float) -> dict[str, Any]:
    """The arguments of httpx's `build_request`, without the body.

    httpx logs the URL, so it gets it without the signature, which is as good as a password. The extension `target` is
    what is sent, after the host: httpx does not change its spelling.
    """
    prefix = httpx.URL(base_url).raw_path.rstrip(b"/")
    return {
        "method": request.method,
        "url": base_url + request.path,
        "timeout": httpx.Timeout(seconds),
        "extensions": {"target": prefix + request.target.encode("ascii")},
    }


def checked_timeout(name: str, seconds: float | None) -> float | None:
    """Raises `InvalidArgument` for what is not a time."""
    if seconds is not None and not 0 < seconds < math.inf:
        raise InvalidArgument(f"{name}: must be a positive number of seconds, got {seconds!r}")
    return seconds


def failure_of(error: httpx.RequestError) -> Failure:
    """What an error of httpx means. It is not kept: its attributes have the request, with the credentials."""
    kind = TimedOut if isinstance(error, httpx.TimeoutException) else ConnectionFailed
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Failure(kind(reason), not isinstance(error, _NEVER_SENT), isinstance(error, _FINAL))
