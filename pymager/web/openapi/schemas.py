"""What the paths of the OpenAPI document share: schemas, parameters, headers and problem documents."""

from collections.abc import Mapping
from typing import Any

from pymager import names
from pymager.formats import OUTPUTS
from pymager.variants.grammar import PRESET_NAME, SIZE_PATTERN
from pymager.variants.variant import AUTO
from pymager.web.openapi.options import any_case
from pymager.web.originals import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from pymager.web.sign import MAX_EXPIRY_SECONDS, MAX_URL_CHARACTERS

STRING = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_EXTENSIONS = any_case("|".join(sorted((*OUTPUTS, AUTO), reverse=True)))
# A superset: where the two joiners are allowed depends on scripts, which no regular expression of JSON Schema knows.
_ID_CATEGORIES = "".join(rf"\p{{{category}}}" for category in names.ID_CATEGORIES)
_ID_PATTERN = rf"[\u200c\u200d{_ID_CATEGORIES}{names.ID_PUNCTUATION}]+"

ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": f"1 to {names.MAX_ID_BYTES} bytes of UTF-8: letters, digits and combining marks of any script, "
    "`_` and `-`; U+200C and U+200D where Unicode Standard Annex #31, section 2.3, allows them.",
    "schema": {
        "type": "string",
        "format": "original-id",
        "minLength": 1,
        "maxLength": names.MAX_ID_BYTES,
        "pattern": f"^{_ID_PATTERN}$",
    },
    "example": "cat",
}
NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "`{id}-{width}x{height}.{extension}`, with the width and height in pixels; without one of them, it "
    "follows from the picture's proportions. Or `{id}@{preset}.{extension}`, which takes no option but `dpr`. With the "
    "extension `auto`, the format depends on `Accept`, and every response has `Vary: Accept`.",
    "schema": {
        "type": "string",
        "format": "derived-name",
        "pattern": rf"^{_ID_PATTERN}(-{SIZE_PATTERN}|@{PRESET_NAME})\.({_EXTENSIONS})$",
    },
    "example": "cat-800x600.jpg",
}
EXPIRY = {
    "name": "exp",
    "in": "query",
    "description": "When the signature expires, in seconds since 1970. Only in a URL with `sig`.",
    "schema": {"type": "string", "format": "expiry", "pattern": "^(0|[1-9][0-9]{0,11})$"},
}
SIGNATURE = {
    "name": "sig",
    "in": "query",
    "description": "Signature of the URL; must be the last parameter. `pymager sign` makes one.",
    "schema": {"type": "string", "format": "signature", "pattern": "^[A-Za-z0-9_-]{43}$"},
}
PAGE_FILE = {
    "name": "file",
    "in": "path",
    "required": True,
    "description": "Name of a file of the web page.",
    "schema": {"type": "string", "format": "page-file", "pattern": "^[a-z-]{1,40}\\.(css|js|svg)$"},
}
CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "`next` of the previous page.",
    "schema": {"type": "string", "format": "cursor", "minLength": 1},
}
PREFIX = {
    "name": "prefix",
    "in": "query",
    "description": "Only originals whose id starts with this. Use a cursor with the prefix that it was made with.",
    "schema": {"type": "string", "format": "id-prefix", "pattern": f"^({_ID_PATTERN})?$", "maxLength": 200},
}
LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "Maximum number of originals on the page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE},
}

_ORIGINAL = {
    "type": "object",
    "required": [
        *("id", "format", "width", "height", "size", "sha256", "created"),
        *("frames", "alpha", "dominant", "thumbhash", "blurhash"),
    ],
    "additionalProperties": False,
    "properties": {
        "id": STRING,
        "format": STRING,
        "width": _COUNT,
        "height": _COUNT,
        "size": _COUNT,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "created": {"type": "string", "format": "date-time"},
        "frames": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Number of frames of an animation or pages of a TIFF; 1 for other pictures. This field and "
            "the next four are null for an original that is not described yet.",
        },
        "alpha": {"type": ["boolean", "null"], "description": "Whether a pixel of the first frame is not opaque."},
        "dominant": {
            "type": ["string", "null"],
            "pattern": "^#[0-9a-f]{6}$",
            "description": "The most frequent color of the first frame.",
        },
        "thumbhash": {
            "type": ["string", "null"],
            "pattern": "^[A-Za-z0-9+/]+={0,2}$",
            "description": "Placeholder: a ThumbHash in Base64.",
        },
        "blurhash": {
            "type": ["string", "null"],
            "minLength": 28,
            "maxLength": 28,
            "description": "Placeholder: a BlurHash of 4x3 components, 3x4 for a portrait.",
        },
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
_STATE = {"enum": ["ok", "unavailable"]}
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
_URL_TO_SIGN = {
    "type": "object",
    "required": ["url"],
    "additionalProperties": False,
    "properties": {
        "url": {
            "type": "string",
            "format": "url-to-sign",
            "minLength": 1,
            "maxLength": MAX_URL_CHARACTERS,
            "description": "A path such as `/derived/cat-800x600.jpg`, or a URL that starts with "
            "`PYMAGER_PUBLIC_URL`. Of a variant, of an original or of `/info`.",
        },
        "expires_in": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MAX_EXPIRY_SECONDS,
            "description": "Seconds until the signature expires; null or absent: never.",
        },
    },
}
_SIGNED_URL = {
    "type": "object",
    "required": ["url", "expires"],
    "additionalProperties": False,
    "properties": {
        "url": STRING,
        "expires": {"type": ["integer", "null"], "description": "When the signature expires, in seconds since 1970."},
    },
}
_ROUTES = {
    "type": "object",
    "required": ["name", "version", "routes"],
    "properties": {
        "name": {"const": "pymager"},
        "version": STRING,
        "routes": {"type": "object", "additionalProperties": STRING},
    },
}
_STRINGS = {"type": "array", "items": STRING}
_PAGE_CONFIG = {
    "type": "object",
    "required": ["version", "private", "signing", "formats", "user"],
    "properties": {
        "version": STRING,
        "public_url": STRING,
        "read_only": {"type": "boolean"},
        "private": {"type": "boolean", "description": "Whether reads need a signature or credentials."},
        "signing": {"type": "boolean", "description": "Whether `/sign` has a key."},
        "max_body": _COUNT,
        "max_side": _COUNT,
        "max_id_bytes": _COUNT,
        "formats": {"type": "array", "items": {"type": "object"}, "description": "The output formats."},
        "user": {"type": ["string", "null"], "description": "The user or token of the credentials."},
        "presets": {**_STRINGS, "description": "Only with credentials, as the next two."},
        "watermarks": _STRINGS,
        "sizes": _STRINGS,
    },
}
SCHEMAS = {
    "Original": _ORIGINAL,
    "Page": _PAGE,
    "Problem": _PROBLEM,
    "Alive": _ALIVE,
    "Ready": _READY,
    "UrlToSign": _URL_TO_SIGN,
    "SignedUrl": _SIGNED_URL,
    "Routes": _ROUTES,
    "PageConfig": _PAGE_CONFIG,
}

_STATUS_DESCRIPTIONS = {
    400: "The request is invalid; `detail` says what is wrong.",
    401: "Credentials are missing or wrong.",
    403: "No credentials are configured, so nobody can do this.",
    404: "There is no original with this id.",
    408: "The request's body stalled.",
    409: "An original with this id already exists.",
    412: "A precondition does not hold.",
    413: "The body is too large.",
    415: "The request's body has a Content-Encoding.",
    416: "The range contains no byte of the original.",
    422: "The picture crashes, hangs or overloads its decoder, or the picture or the variant exceeds a limit.",
    429: "Credentials are wrong again, after too many failures from the client's address.",
    500: "Internal error. The server log has details under the request id.",
    503: "The service is overloaded or read-only, or a part of it is unavailable.",
    507: "No storage space is left.",
}
_PROBLEM_HEADERS = {
    401: "WWW-Authenticate",
    415: "Accept-Encoding",
    416: "Content-Range",
    429: "Retry-After",
    503: "Retry-After",
}
_HEADER_FORMATS = {
    "If-Match": "entity-tags",
    "If-None-Match": "entity-tags",
    "If-Modified-Since": "http-date",
    "If-Unmodified-Since": "http-date",
    "If-Range": "entity-tag-or-date",
    "Range": "byte-ranges",
}


def headers(*also: str) -> dict[str, Any]:
    """The headers that a response always has: these, and those that all responses have."""
    return {name: {"required": True, "schema": STRING} for name in (*also, "Cache-Control", "X-Request-ID")}


def conditions(*fields: str) -> list[dict[str, Any]]:
    """Request headers of conditional and range requests (RFC 9110 sections 13 and 14)."""
    return [
        {"name": field, "in": "header", "schema": {"type": "string", "format": _HEADER_FORMATS[field]}}
        for field in fields
    ]


def json_of(schema: str) -> dict[str, Any]:
    """The content of a response in JSON."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def problems(*statuses: int, texts: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Responses with problem documents (RFC 9457). `texts` are descriptions that are not the usual ones."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": (texts or {}).get(status, _STATUS_DESCRIPTIONS[status]),
            "headers": headers(*((_PROBLEM_HEADERS[status],) if status in _PROBLEM_HEADERS else ())),
            "content": content,
        }
        for status in statuses
    }
