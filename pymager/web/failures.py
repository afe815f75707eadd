"""What a client is told when something goes wrong: the one table from errors to statuses (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

import orjson
from aiohttp import web

from pymager import errors


class WebError(errors.PymagerError):
    """What only HTTP knows; the message is a sentence for the client."""

    headers: ClassVar[Mapping[str, str]] = {}


class BadRequest(WebError):
    """A request that can't be understood."""


class Unauthorized(WebError):
    """No credentials, or wrong ones."""

    headers: ClassVar[Mapping[str, str]] = {
        "WWW-Authenticate": 'Basic realm="pymager", charset="UTF-8", Bearer realm="pymager"'
    }


class WritingClosed(WebError):
    """Nobody may write, since no users are configured."""


class ReadOnly(WebError):
    """A write while the service is read-only; `retry_after` in seconds."""

    retry_after = 60


class RouteNotFound(WebError):
    """A URL that leads nowhere."""


class RequestTimeout(WebError):
    """A body that stalled."""

    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class PreconditionFailed(WebError):
    """If-Match, If-None-Match or If-Unmodified-Since do not hold (RFC 9110 section 13.1)."""


class RangeNotSatisfiable(WebError):
    """No byte of the range exists (RFC 9110 section 15.5.17)."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range lies outside of the {size} bytes that there are")
        self.size = size


class UnsupportedCoding(WebError):
    """A Content-Encoding in a request; bodies are taken as they are."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": "identity"}


STATUS: dict[type[BaseException], int] = {
    BadRequest: 400,
    errors.InvalidName: 400,
    errors.UnsupportedFormat: 400,
    errors.NotAPicture: 400,
    Unauthorized: 401,
    WritingClosed: 403,
    errors.SizeNotAllowed: 403,
    RouteNotFound: 404,
    errors.OriginalNotFound: 404,
    RequestTimeout: 408,
    errors.AlreadyExists: 409,
    PreconditionFailed: 412,
    errors.RevisionMismatch: 412,
    errors.TooLarge: 413,
    UnsupportedCoding: 415,
    RangeNotSatisfiable: 416,
    errors.Undecodable: 422,
    errors.Overloaded: 503,
    errors.Fenced: 503,
    errors.Unavailable: 503,
    ReadOnly: 503,
    errors.NoSpace: 507,
}

_SENTENCES: dict[type[BaseException], str] = {
    errors.AlreadyExists: "there is an original with this id already; PUT replaces it",
    errors.Fenced: "the upload took so long that it was cleaned away; upload it again",
    errors.NoSpace: "there is no room left; nothing was stored, try again later",
    errors.RevisionMismatch: "the original was changed in the meantime; read it again",
}


def response(error: BaseException, request_id: str) -> web.Response:
    """The answer to a request that ended in an error; what is not in the table is a bug, of which nothing is told."""
    status = STATUS.get(type(error), 500)
    headers = dict(getattr(error, "headers", {}))
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    if status == 503:
        headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    if status == 500:
        detail = "something went wrong inside; the log tells more under this request's id"
    elif isinstance(error, errors.Unavailable):
        detail = "a part of the service is away" + ("" if error.outcome_known else "; whether it was done is not known")
    else:
        detail = _SENTENCES.get(type(error)) or str(error)
    return problem(status, detail, request_id, headers)


def problem(status: int, detail: str, request_id: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem document (RFC 9457)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail.encode(errors="replace").decode(),  # JSON has no lone surrogates
        "request_id": request_id,
    }
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        headers={**(headers or {}), "Content-Type": "application/problem+json", "Cache-Control": "no-store"},
    )


def from_http(error: web.HTTPException, request_id: str) -> web.Response:
    """The problem document for an error that aiohttp's router raised."""
    headers = {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}
    if error.status == 405:
        detail = f"this URL takes {headers.get('Allow', '')}"
    elif error.status == 404:
        detail = "this URL leads nowhere; there are /original/{id}, /derived/{id}-{width}x{height}.{ext} and /info/{id}"
    else:
        detail = error.text or error.reason
    return problem(error.status, detail, request_id, headers)
