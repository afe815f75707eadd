"""The web page at `/`, and its files at `/ui/...`: read once at the start, and served from memory.

The page is a client of the API like any other. What it needs to know besides is in `/ui/config.json`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from pymager import __version__, formats, names
from pymager.settings.model import Settings
from pymager.web.access import has_credentials
from pymager.web.app_keys import AUTH
from pymager.web.conditions import Validators, is_not_modified
from pymager.web.failures import PICTURE_ROUTES, RouteNotFound
from pymager.web.middleware import Handler

FOLDER = Path(__file__).parent / "ui"
INDEX = "index.html"
CONFIG = "config.json"
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TAG_DIGITS = 32
PAGE_HEADERS: Mapping[str, str] = {
    # Nothing comes from another origin, nothing inline runs, and no page can frame this one (CSP Level 3).
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A browser asks again each time, so that all files are of one version after an update.
    "Cache-Control": "no-cache",
}
ROUTES = {
    **PICTURE_ROUTES,
    "alive": "/healthz",
    "ready": "/readyz",
    "description": "/openapi.json",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page, in memory."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> "File":
        body = path.read_bytes()
        return cls(body, _CONTENT_TYPES[path.suffix], sha256(body).hexdigest()[:_TAG_DIGITS])


def routes(settings: Settings) -> dict[str, Handler]:
    """The handlers of `/` and of the page's files, for GET and HEAD."""
    files: dict[str, File] = {}
    if settings.has_ui:
        files = {path.name: File.read(path) for path in FOLDER.iterdir() if path.suffix in _CONTENT_TYPES}
    return {
        "/": _index(files.pop(INDEX, None)),
        f"/ui/{CONFIG}": _config(settings),
        "/ui/{file}": _file(files),
    }


def _index(page: File | None) -> Handler:
    async def index(request: web.Request) -> web.Response:
        """`GET /`: the page, or without it the names of the routes."""
        if page is None:
            return _json({"name": "pymager", "version": __version__, "routes": ROUTES})
        return _response(request, page)

    return index


def _file(files: Mapping[str, File]) -> Handler:
    async def file(request: web.Request) -> web.Response:
        """`GET /ui/{file}`: a file of the page. Raises `RouteNotFound`."""
        found = files.get(request.match_info["file"])
        if found is None:
            raise RouteNotFound(
                "the web page has no such file" if files else "the web page is off; PYMAGER_UI turns it on"
            )
        return _response(request, found)

    return file


def _config(settings: Settings) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What everyone may know, and with credentials also what the settings name: presets and watermarks."""
    public = {
        "version": __version__,
        "public_url": settings.public_url,
        "read_only": settings.read_only,
        "private": settings.signatures == "required",
        "signing": bool(settings.signing_keys) and settings.signatures != "off",
        "max_body": int(settings.max_body),
        "max_side": settings.max_side,
        "max_id_bytes": names.MAX_ID_BYTES,
        "formats": [
            {
                "extension": row.extension,
                "type": row.content_type,
                "quality": bool(row.output and row.output.quality_setting),
            }
            for row in dict.fromkeys(formats.OUTPUTS.values())
            if row.is_installed
        ],
    }
    private = {
        "presets": sorted(settings.presets),
        "watermarks": sorted(settings.watermarks),
        "sizes": [*settings.sizes],
    }

    async def config(request: web.Request) -> web.Response:
        """`GET /ui/config.json`. Raises what `Auth.require` raises for credentials that are wrong."""
        if not settings.has_ui:
            raise RouteNotFound("the web page is off: PYMAGER_UI=on turns it on")
        if not has_credentials(request.headers):
            return _json(public | {"user": None})
        name = await request.app[AUTH].require(request)
        return _json(public | private | {"user": name})

    return config


def _response(request: web.Request, file: File) -> web.Response:
    fields = {**PAGE_HEADERS, "ETag": f'"{file.etag}"'}
    if is_not_modified(request.headers, Validators(file.etag, None)):
        return web.Response(status=304, headers=fields)
    return web.Response(body=file.body, headers=fields | {"Content-Type": file.content_type})


def _json(content: Mapping[str, Any]) -> web.Response:
    return web.Response(
        body=orjson.dumps(content),
        headers={
            "Content-Type": "application/json",
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
