"""The words of `/openapi.json`: schemas, parameters, headers and failures that its paths share."""

from typing import Any

from pymager.formats import OUTPUTS

STRING = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_EXTENSIONS = "|".join(
    "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in name)
    for name in sorted(OUTPUTS, reverse=True)
)

ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "1 to 200 bytes of UTF-8: letters, digits and combining marks of any script, `_` and `-`.",
    "schema": {
        "type": "string",
        "format": "original-id",
        "minLength": 1,
        "maxLength": 200,
        "pattern": r"^[\p{L}\p{M}\p{Nd}_-]+$",
    },
    "example": "cat",
}
NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "`{id}-{width}x{height}.{extension}`; the last `-WxH` counts.",
    "schema": {
        "type": "string",
        "format": "derived-name",
        "pattern": rf"^[\p{{L}}\p{{M}}\p{{Nd}}_-]+-[1-9][0-9]{{0,8}}x[1-9][0-9]{{0,8}}\.({_EXTENSIONS})$",
    },
    "example": "cat-800x600.jpg",
}
CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "`next` of the page before.",
    "schema": {"type": "string", "format": "cursor", "minLength": 1},
}
LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "The most originals on the page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100},
}

_ORIGINAL = {
    "type": "object",
    "required": ["id", "format", "width", "height", "size", "sha256", "created"],
    "additionalProperties": False,
    "properties": {
        "id": STRING,
        "format": STRING,
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
    "properties": {
        "type": STRING,
        "title": STRING,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "minLength": 1},
        "request_id": {"type": "string", "minLength": 1},
    },
}
_ALIVE = {"type": "object", "required": ["status"], "properties": {"status": {"const": "alive"}}}
_STATE = {"enum": ["ok", "away"]}
_READY = {
    "type": "object",
    "required": ["status", "backends"],
    "properties": {
        "status": {"enum": ["ready", "draining"]},
        "read_only": {"const": True},
        "backends": {
            "type": "object",
            "required": ["blobs", "metadata"],
            "properties": {"blobs": _STATE, "metadata": _STATE},
        },
    },
}
SCHEMAS = {
    "Original": _ORIGINAL,
    "Page": _PAGE,
    "Problem": _PROBLEM,
    "Alive": _ALIVE,
    "Ready": _READY,
}

_WHY = {
    400: "Not understood: a bad id, form, picture, format, limit or cursor.",
    401: "Credentials are missing or wrong.",
    403: "The size is not allowed, or writing is closed.",
    404: "There is no such original, or the URL is not of this form.",
    408: "The body stalled.",
    409: "There is an original with this id already.",
    412: "A precondition does not hold.",
    413: "The picture is too large.",
    415: "The body has a Content-Encoding.",
    416: "No byte of the range exists.",
    422: "The picture crashes, hangs or overwhelms its decoder, or is over a limit.",
    500: "Something went wrong inside; the log tells more under the request's id.",
    503: "Overloaded, read-only, or a part of the service is away.",
    507: "There is no room left.",
}
_FAILURE_HEADERS = {401: "WWW-Authenticate", 415: "Accept-Encoding", 416: "Content-Range", 503: "Retry-After"}
_HEADER_FORMATS = {
    "If-Match": "entity-tags",
    "If-None-Match": "entity-tags",
    "If-Modified-Since": "http-date",
    "If-Unmodified-Since": "http-date",
    "If-Range": "entity-tag-or-date",
    "Range": "byte-ranges",
}


def headers(*names: str) -> dict[str, Any]:
    """Headers that an answer always has; every answer has a request's id too."""
    return {name: {"required": True, "schema": STRING} for name in (*names, "Cache-Control", "X-Request-ID")}


def conditions(*names: str) -> list[dict[str, Any]]:
    """Request headers that make a request conditional or ask for a part (RFC 9110 sections 13 and 14)."""
    return [
        {"name": name, "in": "header", "schema": {"type": "string", "format": _HEADER_FORMATS[name]}} for name in names
    ]


def json_of(schema: str) -> dict[str, Any]:
    """The content of an answer that is JSON."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def failures(*statuses: int) -> dict[str, Any]:
    """Answers that are problem documents (RFC 9457)."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": _WHY[status],
            "headers": headers(*((_FAILURE_HEADERS[status],) if status in _FAILURE_HEADERS else ())),
            "content": content,
        }
        for status in statuses
    }
