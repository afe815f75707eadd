"""Read-only mode: what would change an original is refused, whoever asks."""

from aiohttp import web

from pymager.web.failures import ReadOnly
from pymager.web.middleware import Handler

_WRITES = {"POST", "PUT", "DELETE"}


@web.middleware
async def refuse_writes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Raises `ReadOnly` for a write; a method that a URL does not take stays 405."""
    if request.method in _WRITES and request.match_info.http_exception is None:
        raise ReadOnly("the service is read-only at present: pictures are served, uploads and deletes have to wait")
    return await handler(request)
