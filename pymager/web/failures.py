"""Errors over HTTP: the one table from error to status, and problem documents (RFC 9457).

Error messages follow Python's style: lower case, no period. `error_response` turns them into sentences.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

import orjson
from aiohttp import web

from pymager import errors
from pymager.wording import counted


class WebError(errors.PymagerError):
    """An error that exists only in HTTP. Its message goes to the client, with these headers."""

    headers: ClassVar[Mapping[str, str]] = {}


class BadRequest(WebError):
    """The request is malformed, or uses a feature that is not supported."""


class MalformedRequest(WebError):
    """The request is not valid HTTP, so its end is unknown."""

    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class UnknownTransferCoding(WebError):
    """The request's body has a Transfer-Encoding other than chunked (RFC 9112 section 6.1)."""

    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class Unauthorized(WebError):
    """Credentials are missing or wrong."""

    headers: ClassVar[Mapping[str, str]] = {
        "WWW-Authenticate": 'Basic realm="pymager", charset="UTF-8", Bearer realm="pymager"'
    }


class TooManyFailures(WebError):
    """Credentials are wrong again, after too many failures from the client's address."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "the name or the password is wrong, after many failures from this address; "
            f"wait {counted(retry_after, 'second')} before you try another one"
        )
        self.retry_after = retry_after


class WritesDisabled(WebError):
    """Nobody can upload, delete, list or sign: no users and no tokens are configured."""


class SigningDisabled(WebError):
    """Nobody can sign a URL over HTTP: there is no key, or signatures are off."""


class ReadOnly(WebError):
    """An upload or a delete while the service is read-only."""

    retry_after = 60


class RouteNotFound(WebError):
    """No route matches the URL."""


class RequestTimeout(WebError):
    """The request's body stalled."""

    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class PreconditionFailed(WebError):
    """`If-Match`, `If-None-Match` or `If-Unmodified-Since` does not hold (RFC 9110 section 13.1)."""


class RangeNotSatisfiable(WebError):
    """The range contains no byte of the original (RFC 9110 section 15.5.17)."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range is outside of the original, which has {size} bytes")
        self.size = size


class UnsupportedCoding(WebError):
    """The request's body has a Content-Encoding."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": "identity"}


STATUS_BY_ERROR: Mapping[type[BaseException], int] = {
    BadRequest: 400,
    MalformedRequest: 400,
    errors.InvalidName: 400,
    errors.InvalidOption: 400,
    errors.UnsupportedFormat: 400,
    errors.SignatureMisused: 400,
    errors.EmptyCrop: 400,
    errors.NotAPicture: 400,
    Unauthorized: 401,
    WritesDisabled: 403,
    errors.SizeNotAllowed: 403,
    errors.SignatureRejected: 403,
    errors.SignatureRequired: 403,
    errors.OptionNotAllowed: 403,
    RouteNotFound: 404,
    errors.UnknownPreset: 404,
    errors.FrameNotFound: 404,
    errors.OriginalNotFound: 404,
    RequestTimeout: 408,
    errors.AlreadyExists: 409,
    errors.WatermarkMissing: 409,
    SigningDisabled: 409,
    PreconditionFailed: 412,
    errors.RevisionMismatch: 412,
    errors.TooLarge: 413,
    UnsupportedCoding: 415,
    RangeNotSatisfiable: 416,
    errors.Undecodable: 422,
    errors.VariantTooLarge: 422,
    TooManyFailures: 429,
    UnknownTransferCoding: 501,
    errors.Overloaded: 503,
    errors.Fenced: 503,
    errors.Unavailable: 503,
    ReadOnly: 503,
    errors.NoSpace: 507,
}
"""The status of each error by its exact type; any other error is a bug or a loss of data, and a 500."""

CHALLENGE_OF_SCRIPTS = 'Bearer realm="pymager"'
"""The challenge to a script in a page, which says what it is by `X-Requested-With`.

At a challenge for Basic, a browser would open a dialog of its own, also for an upload by XMLHttpRequest that has
credentials, and RFC 9110 section 15.5.2 asks for some challenge.
"""

PROBLEM_HEADERS: Mapping[str, str] = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
"""The headers of every problem document: it is never cached."""

_STATUSES_WITH_RETRY_AFTER = (429, 503)
_RETRY_AFTER_SECONDS = 5
INTERNAL_ERROR = "Internal error. The server log has details under this request id."
PICTURE_ROUTES: Mapping[str, str] = {
    "originals": "/original",
    "original": "/original/{id}",
    "variant": "/derived/{id}-{width}x{height}.{extension}",
    "preset": "/derived/{id}@{preset}.{extension}",
    "info": "/info/{id}",
    "sign": "/sign",
}
"""The routes that people look for, by what they are about."""
_NO_ROUTE = f"No such route. Available routes: {', '.join(PICTURE_ROUTES.values())}"
_UNAVAILABLE = "A part of the service is unavailable. Try again later."
_OUTCOME_UNKNOWN = (
    "A part of the service is unavailable. It is not known whether the request took effect: "
    "check before you send it again."
)
# The messages of these errors come from a backend, in its own terms.
_DETAILS: Mapping[type[BaseException], str] = {
    errors.AlreadyExists: "An original with this id already exists. Use PUT to replace it.",
    errors.Fenced: "The upload took so long that the sweep removed it. Upload the picture again.",
    errors.NoSpace: "No storage space is left, or the id was replaced too often for the catalog. Nothing was stored.",
    errors.RevisionMismatch: "The original was changed in the meantime. Read it again before you change it.",
}


def error_response(error: BaseException, request_id: str) -> web.Response:
    """The response to a request that ended in an error. A 500 does not reveal its cause."""
    status = STATUS_BY_ERROR.get(type(error), 500)
    headers = dict(getattr(error, "headers", {}))
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    if status in _STATUSES_WITH_RETRY_AFTER:
        headers["Retry-After"] = str(getattr(error, "retry_after", _RETRY_AFTER_SECONDS))
    if status == 500:
        detail = INTERNAL_ERROR
    elif isinstance(error, errors.Unavailable):
        detail = _UNAVAILABLE if error.outcome_known else _OUTCOME_UNKNOWN
    else:
        detail = _DETAILS.get(type(error)) or sentence(str(error))
    response = problem_response(status, detail, request_id, headers)
    if headers.get("Connection") == "close":
        response.force_close()
    return response


def http_exception_response(error: web.HTTPException, request_id: str) -> web.Response:
    """The response to an error that aiohttp raised, mostly its router."""
    headers = {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}
    if error.status == 405:
        detail = f"Method not allowed. This URL supports: {', '.join(headers.get('Allow', '').split(','))}"
    elif error.status == 404:
        detail = _NO_ROUTE
    else:
        detail = sentence(error.text or error.reason)
    return problem_response(error.status, detail, request_id, headers)


def problem_response(
    status: int, detail: str, request_id: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response with a problem document, which is never cached."""
    return web.Response(
        status=status,
        body=problem_document(status, detail, request_id),
        headers={**(headers or {}), **PROBLEM_HEADERS},
    )


def problem_document(status: int, detail: str, request_id: str) -> bytes:
    """A problem document as JSON."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail.encode(errors="replace").decode(),  # JSON cannot hold lone surrogates
            "request_id": request_id,
        }
    )


def sentence(message: str) -> str:
    """A message with a capital letter and a period."""
    text = message[:1].upper() + message[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
