"""Every exception that the clients raise.

PymagerError
├── InvalidArgument (also a ValueError)     an argument that no server would accept; nothing was sent
├── ConnectionFailed                        there was no complete response
│   └── TimedOut                            the server took too long, or the deadline of the call has passed
└── ResponseError                           the response is not the expected one
    ├── UnexpectedResponse                  a redirect, or a success that is not pymager's
    ├── InvalidRequest                      400, and every 4xx without a class of its own
    ├── Unauthorized                        401
    ├── Forbidden                           403
    ├── NotFound                            404
    ├── Conflict                            409
    ├── PreconditionFailed                  412
    ├── TooLarge                            413
    ├── Unprocessable                       422
    ├── TooManyRequests                     429
    └── ServerError                         500, and every 5xx without a class of its own
        ├── Unavailable                     502, 503, 504
        └── StorageFull                     507

What the source of an upload raises while it is read is not translated. No exception contains credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class PymagerError(Exception):
    """The base of all exceptions of this package."""


class InvalidArgument(PymagerError, ValueError):
    """An argument that no server would accept. Nothing was sent."""


class ConnectionFailed(PymagerError):
    """There was no complete response. If the request could change something, it is not known whether it did."""


class TimedOut(ConnectionFailed):
    """The server took longer than `timeout`, or the call took longer than `deadline`."""


@dataclass(frozen=True)
class Problem:
    """What a response says about an error: the fields of a problem document (RFC 9457).

    A response that is no problem document, such as a proxy's page, has only a status and the status's own title.
    `retry_after` is the wait in seconds that the response asks for. `request_id` names the request in the server's log.
    """

    status: int
    title: str
    type: str = "about:blank"
    detail: str = ""
    instance: str | None = None
    request_id: str | None = None
    retry_after: float | None = None


class ResponseError(PymagerError):
    """The response is not the expected one. Has the fields of `Problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        problem = self.problem
        detail = f": {problem.detail}" if problem.detail else ""
        request = f" (request {problem.request_id})" if problem.request_id else ""
        return f"{problem.status} {problem.title}{detail}{request}"

    @property
    def status(self) -> int:
        """The status code."""
        return self.problem.status

    @property
    def title(self) -> str:
        """The problem's short name."""
        return self.problem.title

    @property
    def type(self) -> str:
        """The URI of the problem's type."""
        return self.problem.type

    @property
    def detail(self) -> str:
        """What was wrong, for people; empty if the response does not say it."""
        return self.problem.detail

    @property
    def instance(self) -> str | None:
        """The URI of this occurrence."""
        return self.problem.instance

    @property
    def request_id(self) -> str | None:
        """The id of the request in the server's log."""
        return self.problem.request_id

    @property
    def retry_after(self) -> float | None:
        """The wait in seconds that the response asks for."""
        return self.problem.retry_after


class UnexpectedResponse(ResponseError):
    """A redirect, which is never followed, or a success that is not pymager's. Check the base URL."""


class InvalidRequest(ResponseError):
    """400, and every 4xx without a class of its own."""


class Unauthorized(ResponseError):
    """401: credentials are missing or wrong."""


class Forbidden(ResponseError):
    """403: the size or option is not allowed, or a signature is missing, wrong or expired."""


class NotFound(ResponseError):
    """404: no such original, preset, frame or route."""


class Conflict(ResponseError):
    """409: the id exists, or the picture of the watermark does not."""


class PreconditionFailed(ResponseError):
    """412: `if_match` or `only_if_new` does not hold."""


class TooLarge(ResponseError):
    """413: the picture has too many bytes."""


class Unprocessable(ResponseError):
    """422: the picture cannot be decoded, or exceeds a limit."""


class TooManyRequests(ResponseError):
    """429: too many failures or requests from this address."""


class ServerError(ResponseError):
    """500, and every 5xx without a class of its own."""


class Unavailable(ServerError):
    """502, 503 or 504: the server or a part of it is overloaded, read-only or down."""


class StorageFull(ServerError):
    """507: no storage space is left."""


_BY_STATUS: Mapping[int, type[ResponseError]] = MappingProxyType(
    {
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        412: PreconditionFailed,
        413: TooLarge,
        422: Unprocessable,
        429: TooManyRequests,
        502: Unavailable,
        503: Unavailable,
        504: Unavailable,
        507: StorageFull,
    }
)
_MIN_CLIENT_ERROR, _MIN_SERVER_ERROR, _MIN_UNKNOWN = 400, 500, 600


def error_of(problem: Problem) -> ResponseError:
    """The exception for a problem, by its status."""
    if not _MIN_CLIENT_ERROR <= problem.status < _MIN_UNKNOWN:
        return UnexpectedResponse(problem)
    default = InvalidRequest if problem.status < _MIN_SERVER_ERROR else ServerError
    return _BY_STATUS.get(problem.status, default)(problem)
