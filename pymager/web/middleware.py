"""The middleware of read-only mode."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from pymager.web.failures import ReadOnly

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WRITE_METHODS = frozenset({"POST", "PUT", "DELETE"})
_CHANGES_NOTHING = "/sign"  # the path of a POST that writes nothing


@web.middleware
async def refuse_writes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read-only mode: raises `ReadOnly` for a write. A method that the URL does not support is still 405."""
    is_write = request.method in _WRITE_METHODS and request.path != _CHANGES_NOTHING
    if is_write and request.match_info.http_exception is None:
        raise ReadOnly("the service is read-only: it serves pictures, but refuses uploads and deletes; try again later")
    return await handler(request)
