"""Answers the method `OPTIONS`: the methods of a URL, and a browser's CORS preflight (Fetch standard).

The options of variants are in `pymager.variants.options`.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

_READ_METHODS = ("GET", "HEAD", "OPTIONS")
_PREFLIGHT_MAX_AGE_SECONDS = "86400"


def add_options(router: web.UrlDispatcher, cors_origin: str) -> None:
    """Add `OPTIONS` to every resource. An empty `cors_origin` allows no cross-origin reads."""
    for resource in list(router.resources()):
        methods = sorted({route.method for route in resource} | {"OPTIONS"})
        headers = {"Allow": ", ".join(methods)}
        if cors_origin:
            headers |= {
                "Access-Control-Allow-Origin": cors_origin,
                "Access-Control-Allow-Methods": ", ".join(method for method in methods if method in _READ_METHODS),
                "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since, Range, If-Range",
                "Access-Control-Max-Age": _PREFLIGHT_MAX_AGE_SECONDS,
            }
        if isinstance(resource, web.Resource):
            resource.add_route("OPTIONS", _handler(headers))


def _handler(headers: dict[str, str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def options(request: web.Request) -> web.Response:
        return web.Response(status=204, headers=headers)

    return options
