"""`/openapi.json`: the contract as OpenAPI 3.1, for people's tools and for the tests."""

from typing import Any

import orjson
from aiohttp import web

from pymager import __version__
from pymager.formats import FORMATS, OUTPUTS

_STRING = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}


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
            "/original": {"get": _listing(), "head": _listing(), "post": _post([])},
            "/original/{id}": {
                "parameters": [_ID],
                "get": _read(_picture(), "The bytes that were uploaded.", ranges=True),
                "head": _read({}, "As GET, without the bytes.", ranges=True),
                "post": _post([409]),
                "put": _put(),
                "delete": _delete(),
            },
            "/info/{id}": {
                "parameters": [_ID],
                "get": _read(_json("Original"), "What is known of an original."),
                "head": _read({}, "As GET, without the document."),
            },
            "/derived/{name}": {
                "parameters": [_NAME],
                "get": _read(_media(OUTPUTS.values()), "A derived picture.", renders=True),
                "head": _read({}, "As GET, without the bytes.", renders=True),
            },
            "/healthz": {"get": _plain("The process is alive."), "head": _plain("The process is alive.")},
            "/readyz": {"get": _ready(), "head": _ready()},
        },
        "components": {
            "schemas": {"Original": _ORIGINAL, "Page": _PAGE, "Problem": _PROBLEM},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "1 to 200 bytes of UTF-8: letters, digits and combining marks of any script, `_` and `-`.",
    "schema": {"type": "string", "minLength": 1},
    "example": "cat",
}
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "`{id}-{width}x{height}.{extension}`; the last `-WxH` counts.",
    "schema": {"type": "string", "minLength": 1},
    "example": "cat-800x600.jpg",
}
_ORIGINAL = {
    "type": "object",
    "required": ["id", "format", "width", "height", "size", "sha256", "created"],
    "additionalProperties": False,
    "properties": {
        "id": _STRING,
        "format": _STRING,
        "width": _COUNT,
        "height": _COUNT,
        "size": _COUNT,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "created": {"type": "string", "format": "date-time"},
    },
}
_PAGE = {
    "type": "object",
    "required": ["items", "next"],
    "additionalProperties": False,
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Original"}},
        "next": {"type": ["string", "null"]},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {"type": _STRING, "title": _STRING, "status": _COUNT, "detail": _STRING, "request_id": _STRING},
}
_WHY = {
    400: "Not understood: a bad id, form, picture, format, limit or cursor.",
    401: "Credentials are missing or wrong.",
    403: "The size is not allowed, or writing is closed.",
    404: "There is no such original, or the URL is not of this form.",
    405: "The URL does not take this method.",
    408: "The body stalled.",
    409: "There is an original with this id already.",
    412: "A precondition does not hold.",
    413: "The picture is too large.",
    415: "The body has a Content-Encoding.",
    416: "No byte of the range exists.",
    422: "The picture crashes, hangs or overwhelms its decoder, or is over a limit.",
    503: "Overloaded, or a part of the service is away; `Retry-After` says when to try again.",
    507: "The disk is full.",
}
_SECURITY: list[dict[str, list[str]]] = [{"basic": []}, {"bearer": []}]


def _failures(*statuses: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": _WHY[status], "content": content} for status in statuses}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _media(several: Any) -> dict[str, Any]:
    return {format.content_type: {} for format in several}


def _picture() -> dict[str, Any]:
    return _media(FORMATS.values()) | {"application/octet-stream": {}}


def _answer(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description} | ({"content": content} if content else {})


def _read(content: dict[str, Any], description: str, *, ranges: bool = False, renders: bool = False) -> dict[str, Any]:
    answers = {"200": _answer(description, content), "304": {"description": "Not modified."}}
    if ranges:
        answers["206"] = _answer("A range of the bytes.", content)
    statuses = [400, 404, 412, 500, 503] + ([416] if ranges else []) + ([403, 422, 507] if renders else [])
    return {"responses": answers | _failures(*(status for status in statuses if status in _WHY))}


def _post(more: list[int]) -> dict[str, Any]:
    form = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
    return {
        "security": _SECURITY,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {"201": _answer("Kept.", _json("Original"))}
        | _failures(400, 401, 403, 408, *more, 413, 415, 422, 503, 507),
    }


def _put() -> dict[str, Any]:
    body = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "security": _SECURITY,
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": _answer("Replaced.", _json("Original")),
            "201": _answer("Kept.", _json("Original")),
        }
        | _failures(400, 401, 403, 408, 412, 413, 415, 422, 503, 507),
    }


def _delete() -> dict[str, Any]:
    return {
        "security": _SECURITY,
        "responses": {"204": {"description": "Gone, with everything derived from it."}}
        | _failures(400, 401, 403, 404, 412, 503),
    }


def _listing() -> dict[str, Any]:
    limit = {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100}
    return {
        "security": _SECURITY,
        "parameters": [
            {"name": "limit", "in": "query", "schema": limit},
            {"name": "cursor", "in": "query", "schema": _STRING},
        ],
        "responses": {"200": _answer("A page of the originals.", _json("Page"))} | _failures(400, 401, 403, 503),
    }


def _plain(description: str) -> dict[str, Any]:
    return {"responses": {"200": {"description": description, "content": {"application/json": {}}}}}


def _ready() -> dict[str, Any]:
    answers = {"503": {"description": "The process is stopping.", "content": {"application/json": {}}}}
    return {"responses": _plain("The process serves; backends that are away are named.")["responses"] | answers}


_DOCUMENT = orjson.dumps(document())
