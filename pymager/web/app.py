"""The application: routes to handlers, and what they share."""

from collections.abc import Mapping

from aiohttp import web

from pymager.composition import Components
from pymager.settings.model import Settings
from pymager.telemetry import logs
from pymager.telemetry.tracing_setup import trace_ids
from pymager.web import derived, health, originals
from pymager.web.app_keys import (
    ACCESS_LOG,
    AUTH,
    BODY_LIMITS,
    CLIENTS,
    LIBRARY,
    LIFECYCLE,
    PICTURE_HEADERS,
    PUBLIC_URL,
    SPOOL,
    UNTOLD,
    Lifecycle,
)
from pymager.web.auth import Auth
from pymager.web.bodies import BodyLimits
from pymager.web.clients import Clients
from pymager.web.hotpath import ROUTE
from pymager.web.middleware import Handler, edge, sign
from pymager.web.openapi import document
from pymager.web.options import add_options
from pymager.web.readonly import refuse_writes

_PROBES = frozenset(("/healthz", "/readyz"))


def make_app(settings: Settings, parts: Components, users: Mapping[str, str]) -> web.Application:
    """The application over open parts; `users` are names and argon2 hashes."""
    app = web.Application(middlewares=[edge, refuse_writes] if settings.read_only else [edge])
    app[LIBRARY] = parts.library
    app[SPOOL] = parts.spool
    app[AUTH] = Auth(users, settings.tokens)
    app[BODY_LIMITS] = BodyLimits(settings.max_body, settings.stall_timeout, settings.min_rate)
    app[PUBLIC_URL] = settings.public_url
    app[PICTURE_HEADERS] = picture_headers(settings)
    app[CLIENTS] = Clients(settings.trusted_proxies, settings.forwarded_header)
    app[LIFECYCLE] = Lifecycle(read_only=settings.read_only)
    app[ACCESS_LOG] = logs.access_log(settings.log_level, settings.log_format, trace_ids(settings.otel))
    app[UNTOLD] = frozenset() if settings.log_level == "debug" else _PROBES
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
        if settings.server_timing:
            headers["Timing-Allow-Origin"] = settings.cors_origin  # W3C Resource Timing
    return headers


async def _wait_for_body(request: web.Request) -> None:
    """Leave `Expect` to the handler: writes refuse first what they can, and reads need no body."""


def _add_routes(app: web.Application, parts: Components) -> None:
    router = app.router
    _add(router, ROUTE, {"GET": derived.get, "HEAD": derived.get})
    _add(
        router,
        "/original/{id}",
        {
            "GET": originals.get,
            "HEAD": originals.get,
            "POST": originals.post,
            "PUT": originals.put,
            "DELETE": originals.delete,
        },
    )
    _add(router, "/original", {"GET": originals.listing, "HEAD": originals.listing, "POST": originals.post})
    ready = health.readyz(parts.blobs, parts.metadata)
    for path, handler in (
        ("/info/{id}", originals.info),
        ("/healthz", health.healthz),
        ("/readyz", ready),
        ("/openapi.json", document.handler),
    ):
        _add(router, path, {"GET": handler, "HEAD": handler})


def _add(router: web.UrlDispatcher, path: str, handlers: Mapping[str, Handler]) -> None:
    resource = router.add_resource(path)
    for method, handler in handlers.items():
        resource.add_route(method, handler, expect_handler=_wait_for_body)
