"""The OpenAPI document: its paths, parameters and responses."""

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from pymager import __version__
from pymager.formats import FORMATS, OUTPUTS, Format
from pymager.web.bodies import MAX_FIELDS, MAX_FIELDS_BYTES
from pymager.web.openapi.options import OPTION_PARAMETERS
from pymager.web.openapi.schemas import (
    CURSOR,
    EXPIRY,
    ID,
    LIMIT,
    NAME,
    PAGE_FILE,
    PREFIX,
    SCHEMAS,
    SIGNATURE,
    conditions,
    headers,
    json_of,
    problems,
)

_SECURITY: list[dict[str, list[str]]] = [{"basic": []}, {"bearer": []}]
# Credentials are needed only with PYMAGER_SIGNATURES=required, for a URL without a signature.
_READ_SECURITY: list[dict[str, list[str]]] = [{}, *_SECURITY]
_BINARY = {"type": "string", "format": "binary"}
_PICTURE = _BINARY | {"description": "The picture's bytes. Any Content-Type is accepted, except `multipart/*`."}
_TEXT = {"schema": {"type": "string"}}
_PAGE_FILES = dict.fromkeys(("text/css", "text/javascript", "image/svg+xml"), _TEXT)
_VALIDATORS = ("ETag", "Last-Modified")
_READ_CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
_WRITE_CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match")
_INFO_VALIDATORS = ("ETag",)
_INFO_CONDITIONS = ("If-Match", "If-None-Match")
_READ_TEXTS = {403: "The signature is missing, wrong or expired."}
_VARIANT_TEXTS = {
    403: "The size or an option is not allowed, or the signature is missing, wrong or expired.",
    404: "There is no original with this id, or no such preset or frame.",
    409: "The original of the watermark does not exist.",
}
_SIGN_TEXTS = {
    403: "The size is not allowed even with a signature, or no credentials are configured.",
    404: "There is no such preset.",
    409: "There is no key, or signatures are off.",
}
_NO_FILE = problems(404, texts={404: "The web page has no such file, or is off."})


async def openapi(request: web.Request) -> web.Response:
    """`GET /openapi.json`: the document."""
    return web.Response(body=_DOCUMENT, headers={"Content-Type": "application/json", "Cache-Control": "no-store"})


def document() -> dict[str, Any]:
    """The document as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pymager",
            "version": __version__,
            "description": "Stores original pictures and serves variants of them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/original": {"get": _listing(json_of("Page")), "head": _listing({}), "post": _post()},
            "/original/{id}": {
                "parameters": [ID],
                "get": _original(),
                "head": _read({}, "As GET, without the body."),
                "post": _post(409),
                "put": _put(),
                "delete": _delete(),
            },
            "/info/{id}": {
                "parameters": [ID],
                "get": _info(json_of("Original"), "The original's metadata."),
                "head": _info({}, "As GET, without the body."),
            },
            "/derived/{name}": {
                "parameters": [NAME],
                "get": _derived(_media(OUTPUTS.values()), "The variant."),
                "head": _derived({}, "As GET, without the body."),
            },
            "/sign": {"post": _sign()},
            "/": {
                "get": _page({"text/html": _TEXT} | json_of("Routes"), "The web page; without it, the routes."),
                "head": _page({}, "As GET, without the body."),
            },
            "/ui/config.json": {
                "get": _page_config(json_of("PageConfig"), "What the web page has to know of the settings."),
                "head": _page_config({}, "As GET, without the body."),
            },
            "/ui/{file}": {
                "parameters": [PAGE_FILE],
                "get": _page(_PAGE_FILES, "A file of the web page.", _NO_FILE),
                "head": _page({}, "As GET, without the body.", _NO_FILE),
            },
            "/healthz": _fixed("The process is alive.", json_of("Alive")),
            "/readyz": _fixed(
                "The process is ready. `backends` says which backends are available.",
                json_of("Ready"),
                {"503": _response("The process is draining and stops soon.", json_of("Ready"))},
            ),
            "/openapi.json": _fixed("This document.", {"application/json": {"schema": {"type": "object"}}}),
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _media(several: Iterable[Format]) -> dict[str, Any]:
    return {format.content_type: {"schema": _BINARY} for format in several}


def _response(description: str, content: dict[str, Any], *names: str) -> dict[str, Any]:
    response = {"description": description, "headers": headers(*names)}
    return response | ({"content": content} if content else {})


def _read(
    content: dict[str, Any],
    description: str,
    parameters: tuple[str, ...] = _READ_CONDITIONS,
    validators: tuple[str, ...] = _VALIDATORS,
) -> dict[str, Any]:
    return {
        "security": _READ_SECURITY,
        "parameters": [EXPIRY, SIGNATURE, *conditions(*parameters)],
        "responses": {
            "200": _response(description, content, *validators, "Content-Length"),
            "304": _response("Not modified.", {}, *validators),
        }
        | problems(400, 401, 403, 404, 412, 429, 500, 503, texts=_READ_TEXTS),
    }


def _info(content: dict[str, Any], description: str) -> dict[str, Any]:
    return _read(content, description, _INFO_CONDITIONS, _INFO_VALIDATORS)


def _original() -> dict[str, Any]:
    content = _media(FORMATS.values()) | {"application/octet-stream": {"schema": _BINARY}}
    read = _read(content, "The original, byte for byte as it was uploaded.")
    names = (*_VALIDATORS, "Content-Length", "Content-Range")
    partial = {"206": _response("The requested range of bytes.", content, *names)}
    return read | {
        "parameters": read["parameters"] + conditions("Range", "If-Range"),
        "responses": read["responses"] | partial | problems(416),
    }


def _derived(content: dict[str, Any], description: str) -> dict[str, Any]:
    read = _read(content, description)
    return read | {
        "parameters": OPTION_PARAMETERS + read["parameters"],
        "responses": read["responses"] | problems(403, 404, 409, 422, 507, texts=_VARIANT_TEXTS),
    }


def _post(*more: int) -> dict[str, Any]:
    form = {
        "type": "object",
        "description": f"The picture is the field `file`. Up to {MAX_FIELDS} other fields, {MAX_FIELDS_BYTES} bytes "
        "together, are accepted and ignored.",
        "required": ["file"],
        "properties": {"file": _BINARY},
        "additionalProperties": {"type": "string"},
        "maxProperties": MAX_FIELDS + 1,
    }
    return {
        "security": _SECURITY,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {"201": _created()} | problems(400, 401, 403, 408, *more, 413, 415, 422, 429, 503, 507),
    }


def _put() -> dict[str, Any]:
    return {
        "security": _SECURITY,
        "parameters": conditions(*_WRITE_CONDITIONS),
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _PICTURE}}},
        "responses": {
            "200": _response(
                "The original was replaced, or has these bytes already.", json_of("Original"), *_VALIDATORS
            ),
            "201": _created(),
        }
        | problems(400, 401, 403, 408, 412, 413, 415, 422, 429, 503, 507),
    }


def _created() -> dict[str, Any]:
    return _response("The original was stored.", json_of("Original"), "Location", *_VALIDATORS)


def _delete() -> dict[str, Any]:
    deleted = {"description": "The original and all of its variants were deleted."}
    return {
        "security": _SECURITY,
        "parameters": conditions(*_WRITE_CONDITIONS),
        "responses": {"204": deleted} | problems(400, 401, 403, 404, 412, 429, 503),
    }


def _listing(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "security": _SECURITY,
        "parameters": [PREFIX, LIMIT, CURSOR],
        "responses": {"200": _response("A page of originals. `Link` has the URL of the next page.", content)}
        | problems(400, 401, 403, 429, 503),
    }


def _sign() -> dict[str, Any]:
    return {
        "security": _SECURITY,
        "description": "Signs the URL of a picture, as `pymager sign` does. 409 if there is no key.",
        "requestBody": {"required": True, "content": json_of("UrlToSign")},
        "responses": {"200": _response("The signed URL.", json_of("SignedUrl"))}
        | problems(400, 401, 403, 404, 408, 409, 413, 415, 429, 503, texts=_SIGN_TEXTS),
    }


def _page(content: dict[str, Any], description: str, more: dict[str, Any] | None = None) -> dict[str, Any]:
    validated = {"description": "Not modified.", "headers": headers("ETag")}
    return {
        "parameters": conditions(*_INFO_CONDITIONS),
        "responses": {"200": _response(description, content), "304": validated} | problems(412) | (more or {}),
    }


def _page_config(content: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "security": _READ_SECURITY,
        "description": "With credentials, the response also has presets, watermarks and sizes.",
        "responses": {"200": _response(description, content)}
        | problems(401, 403, 404, 429, 503, texts={404: "The web page is off."}),
    }


def _fixed(description: str, content: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET and HEAD of a URL without parameters."""
    return {
        "get": {"responses": {"200": _response(description, content)} | (more or {})},
        "head": {"responses": {"200": _response(description, {})} | (more or {})},
    }


_DOCUMENT = orjson.dumps(document())
