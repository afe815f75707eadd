"""`/openapi.json`: the contract as OpenAPI 3.1, for people's tools and for the tests."""

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from pymager import __version__
from pymager.formats import FORMATS, OUTPUTS, Format
from pymager.web.openapi.schemas import CURSOR, ID, LIMIT, NAME, SCHEMAS, conditions, failures, headers, json_of

_SECURITY: list[dict[str, list[str]]] = [{"basic": []}, {"bearer": []}]
_BINARY = {"type": "string", "format": "binary"}
_VALIDATORS = ("ETag", "Last-Modified")
_READ_CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
_WRITE_CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match")


async def handler(request: web.Request) -> web.Response:
    """The document."""
    return web.Response(body=_DOCUMENT, headers={"Content-Type": "application/json", "Cache-Control": "no-store"})


def document() -> dict[str, Any]:
    """The contract: paths, parameters, answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pymager",
            "version": __version__,
            "description": "Keeps original pictures and serves resized ones.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/original": {"get": _listing(json_of("Page")), "head": _listing({}), "post": _post()},
            "/original/{id}": {
                "parameters": [ID],
                "get": _original(),
                "head": _read({}, "As GET, without the bytes."),
                "post": _post(409),
                "put": _put(),
                "delete": _delete(),
            },
            "/info/{id}": {
                "parameters": [ID],
                "get": _read(json_of("Original"), "What is known of an original."),
                "head": _read({}, "As GET, without the document."),
            },
            "/derived/{name}": {
                "parameters": [NAME],
                "get": _derived(_media(OUTPUTS.values()), "A derived picture."),
                "head": _derived({}, "As GET, without the bytes."),
            },
            "/healthz": _page("The process is alive.", json_of("Alive")),
            "/readyz": _page(
                "The process serves; backends that are away are named.",
                json_of("Ready"),
                {"503": _answer("The process is stopping.", json_of("Ready"))},
            ),
            "/openapi.json": _page("This document.", {"application/json": {"schema": {"type": "object"}}}),
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


def _answer(description: str, content: dict[str, Any], *names: str) -> dict[str, Any]:
    answer = {"description": description, "headers": headers(*names)}
    return answer | ({"content": content} if content else {})


def _read(content: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "parameters": conditions(*_READ_CONDITIONS),
        "responses": {
            "200": _answer(description, content, *_VALIDATORS, "Content-Length"),
            "304": _answer("Not modified.", {}, *_VALIDATORS),
        }
        | failures(400, 404, 412, 500, 503),
    }


def _original() -> dict[str, Any]:
    content = _media(FORMATS.values()) | {"application/octet-stream": {"schema": _BINARY}}
    read = _read(content, "The bytes that were uploaded.")
    names = (*_VALIDATORS, "Content-Length", "Content-Range")
    partial = {"206": _answer("A range of the bytes.", content, *names)}
    return {
        "parameters": read["parameters"] + conditions("Range", "If-Range"),
        "responses": read["responses"] | partial | failures(416),
    }


def _derived(content: dict[str, Any], description: str) -> dict[str, Any]:
    read = _read(content, description)
    return read | {"responses": read["responses"] | failures(403, 422, 507)}


def _post(*more: int) -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": _BINARY},
        "additionalProperties": {"type": "string"},
        "maxProperties": 4,
    }
    return {
        "security": _SECURITY,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {"201": _created()} | failures(400, 401, 403, 408, *more, 413, 415, 422, 503, 507),
    }


def _put() -> dict[str, Any]:
    return {
        "security": _SECURITY,
        "parameters": conditions(*_WRITE_CONDITIONS),
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _BINARY}}},
        "responses": {"200": _answer("Replaced.", json_of("Original"), *_VALIDATORS), "201": _created()}
        | failures(400, 401, 403, 408, 412, 413, 415, 422, 503, 507),
    }


def _created() -> dict[str, Any]:
    return _answer("Kept.", json_of("Original"), "Location", *_VALIDATORS)


def _delete() -> dict[str, Any]:
    gone = {"description": "Gone, with everything derived from it."}
    return {
        "security": _SECURITY,
        "parameters": conditions(*_WRITE_CONDITIONS),
        "responses": {"204": gone} | failures(400, 401, 403, 404, 412, 503),
    }


def _listing(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "security": _SECURITY,
        "parameters": [LIMIT, CURSOR],
        "responses": {"200": _answer("A page of the originals; `Link` leads to the next.", content)}
        | failures(400, 401, 403, 503),
    }


def _page(description: str, content: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """The GET and HEAD of what takes nothing."""
    return {
        "get": {"responses": {"200": _answer(description, content)} | (more or {})},
        "head": {"responses": {"200": _answer(description, {})} | (more or {})},
    }


_DOCUMENT = orjson.dumps(document())
