"""`OPTIONS`: what a URL takes, for people and for browsers' preflights (Fetch standard, CORS protocol)."""

from collections.abc import Awaitable, Callable

from aiohttp import web

_READS = ("GET", "HEAD", "OPTIONS")


def add_options(router: web.UrlDispatcher, cors_origin: str) -> None:
    """Let every resource answer OPTIONS with its methods."""
    for resource in list(router.resources()):
        methods = sorted({route.method for route in resource} | {"OPTIONS"})
        headers = {"Allow": ", ".join(methods)}
        if cors_origin:
            headers |= {
                "Access-Control-Allow-Origin": cors_origin,
                "Access-Control-Allow-Methods": ", ".join(method for method in methods if method in _READS),
                "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since, Range, If-Range",
                "Access-Control-Max-Age": "86400",
            }
        if isinstance(resource, web.Resource):
            resource.add_route("OPTIONS", _answering(headers))


def _answering(headers: dict[str, str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def options(request: web.Request) -> web.Response:
        return web.Response(status=204, headers=headers)

    return options
