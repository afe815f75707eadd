"""The application: its routes, and what the handlers share."""

from collections.abc import Mapping

from aiohttp import web

from pymager.composition import Components
from pymager.settings import translation
from pymager.settings.model import Settings
from pymager.telemetry import logs
from pymager.telemetry.tracing_setup import trace_ids
from pymager.web import derived, health, originals, page, sign
from pymager.web.access import Access
from pymager.web.app_keys import (
    ACCESS,
    ACCESS_LOG,
    AUTH,
    BODY_LIMITS,
    CACHE_TAGS,
    LAST_MODIFIED,
    LIBRARY,
    LIFECYCLE,
    PICTURE_HEADERS,
    PUBLIC_URL,
    QUIET_PATHS,
    QUOTA,
    SPOOL,
    VARIANT_URLS,
    Lifecycle,
)
from pymager.web.auth import Auth
from pymager.web.bodies import BodyLimits
from pymager.web.cache_tags import CacheTags
from pymager.web.conditions import LastModified
from pymager.web.cors import add_options
from pymager.web.headers import picture_headers
from pymager.web.hotpath import ROUTE
from pymager.web.middleware import Handler, refuse_writes
from pymager.web.openapi import document
from pymager.web.password_checks import CPU_SHARE

_PROBE_PATHS = frozenset(("/healthz", "/readyz"))


def make_app(settings: Settings, parts: Components, users: Mapping[str, str]) -> web.Application:
    """The application over open components; `users` maps names to argon2 hashes."""
    app = web.Application(middlewares=[refuse_writes] if settings.read_only else [])
    app[LIBRARY] = parts.library
    app[VARIANT_URLS] = parts.urls
    app[SPOOL] = parts.spool
    app[QUOTA] = parts.quota
    app[AUTH] = Auth(users, settings.tokens, cpu_share=CPU_SHARE / settings.processes, observer=parts.observer)
    app.on_cleanup.append(_close_auth)
    app[ACCESS] = _access(settings, app[AUTH])
    app[BODY_LIMITS] = BodyLimits(settings.max_body, settings.stall_timeout, settings.min_rate)
    app[PUBLIC_URL] = settings.public_url
    app[LAST_MODIFIED] = LastModified(parts.exact_dates_from)
    app[PICTURE_HEADERS] = picture_headers(settings)
    watermarks = {name: watermark.image for name, watermark in translation.watermarks_of(settings).items()}
    app[CACHE_TAGS] = CacheTags(settings.cache_tags, parts.tags, watermarks)
    app[LIFECYCLE] = Lifecycle(read_only=settings.read_only)
    app[ACCESS_LOG] = logs.access_log(settings.log_level, settings.log_format, trace_ids(settings.otel))
    app[QUIET_PATHS] = frozenset() if settings.log_level == "debug" else _PROBE_PATHS
    _add_routes(app, settings, parts)
    add_options(app.router, settings.cors_origin)
    return app


def _access(settings: Settings, auth: Auth) -> Access:
    keys = translation.keyring(settings)
    return Access(settings.signatures, keys, auth, cdn_keys_on_query=settings.cdn_keys_on_query)


async def _close_auth(app: web.Application) -> None:
    app[AUTH].close()


async def _defer_expect(request: web.Request) -> None:
    """Leave `Expect` to the handlers: a write first checks the headers, and a read needs no body."""


def _add_routes(app: web.Application, settings: Settings, parts: Components) -> None:
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
    _add(
        router, "/original", {"GET": originals.list_originals, "HEAD": originals.list_originals, "POST": originals.post}
    )
    _add(router, "/sign", {"POST": sign.sign(settings)})
    ready = health.readyz(parts.blobs, parts.metadata)
    for path, handler in (
        ("/info/{id}", originals.info),
        ("/healthz", health.healthz),
        ("/readyz", ready),
        ("/openapi.json", document.openapi),
        *page.routes(settings).items(),
    ):
        _add(router, path, {"GET": handler, "HEAD": handler})


def _add(router: web.UrlDispatcher, path: str, handlers: Mapping[str, Handler]) -> None:
    resource = router.add_resource(path)
    for method, handler in handlers.items():
        resource.add_route(method, handler, expect_handler=_defer_expect)
