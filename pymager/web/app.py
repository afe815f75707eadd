"""The application: routes to handlers, and what they share."""

from collections.abc import Mapping

from aiohttp import web

from pymager import logs
from pymager.composition import Parts
from pymager.config import Settings
from pymager.web import derived, health, openapi, originals
from pymager.web.auth import Auth
from pymager.web.bodies import BodyLimits
from pymager.web.context import (
    ACCESS_LOG,
    AUTH,
    BODY_LIMITS,
    LIBRARY,
    LIFECYCLE,
    PICTURE_HEADERS,
    PUBLIC_URL,
    SPOOL,
    Lifecycle,
)
from pymager.web.edge import edge, sign
from pymager.web.options import add_options


def make_app(settings: Settings, parts: Parts, users: Mapping[str, str]) -> web.Application:
    """The application over open parts; `users` are names and argon2 hashes."""
    app = web.Application(middlewares=[edge])
    app[LIBRARY] = parts.library
    app[SPOOL] = parts.spool
    app[AUTH] = Auth(users, settings.tokens)
    app[BODY_LIMITS] = BodyLimits(settings.max_body, settings.stall_timeout, settings.min_rate)
    app[PUBLIC_URL] = settings.public_url
    app[PICTURE_HEADERS] = picture_headers(settings)
    app[LIFECYCLE] = Lifecycle()
    app[ACCESS_LOG] = logs.access_log(settings.log_level, settings.log_format)
    app.on_response_prepare.append(sign)
    _add_routes(app, parts)
    add_options(app.router, settings.cors_origin)
    return app


def picture_headers(settings: Settings) -> dict[str, str]:
    """What goes with every picture. Originals are strangers' bytes: no browser may take them for a page."""
    headers = {
        "Cache-Control": settings.cache_control,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if settings.cors_origin:
        headers["Access-Control-Allow-Origin"] = settings.cors_origin
        headers["Access-Control-Expose-Headers"] = "ETag, Content-Range, X-Request-ID"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return headers


async def _wait_for_body(request: web.Request) -> None:
    """Leave `Expect: 100-continue` to the handler, which refuses first what it can."""


def _add_routes(app: web.Application, parts: Parts) -> None:
    router = app.router
    router.add_get("/derived/{name}", derived.get)
    original = router.add_resource("/original/{id}")
    original.add_route("GET", originals.get)
    original.add_route("HEAD", originals.get)
    original.add_route("DELETE", originals.delete)
    original.add_route("POST", originals.post, expect_handler=_wait_for_body)
    original.add_route("PUT", originals.put, expect_handler=_wait_for_body)
    several = router.add_resource("/original")
    several.add_route("GET", originals.listing)
    several.add_route("HEAD", originals.listing)
    several.add_route("POST", originals.post, expect_handler=_wait_for_body)
    router.add_get("/info/{id}", originals.info)
    router.add_get("/healthz", health.healthz)
    router.add_get("/readyz", health.readyz(parts.blobs, parts.metadata))
    router.add_get("/openapi.json", openapi.handler)
