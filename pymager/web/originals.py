"""Originals over HTTP: upload, read, replace, delete and list."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import web

from pymager import formats, names
from pymager.errors import AlreadyExists, OriginalNotFound
from pymager.library.spool import Spooled
from pymager.ports import Original
from pymager.web import bodies, headers
from pymager.web.access import Grant
from pymager.web.app_keys import (
    ACCESS,
    AUTH,
    BODY_LIMITS,
    CACHE_TAGS,
    LAST_MODIFIED,
    LIBRARY,
    PICTURE_HEADERS,
    PUBLIC_URL,
    QUOTA,
    SPOOL,
)
from pymager.web.conditions import (
    Validators,
    check_write_preconditions,
    is_conditional_write,
    is_not_modified,
)
from pymager.web.failures import BadRequest
from pymager.web.ranges import requested_range
from pymager.web.request_context import CONTEXT
from pymager.web.streaming import stream
from pymager.workers.client_groups import client_group

MAX_PAGE_SIZE = 1_000
DEFAULT_PAGE_SIZE = 100
_INFO_TAG_DIGITS = 32

Reader = Callable[[web.Request, bodies.BodyLimits], AsyncIterator[bytes]]


def as_json(original: Original) -> dict[str, Any]:
    """An original as JSON: sizes in pixels and bytes, `created` in RFC 3339. Fields of no description are null."""
    return {
        "id": original.id,
        "format": original.format,
        "width": original.width,
        "height": original.height,
        "size": original.size,
        "sha256": original.sha256,
        "created": original.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "frames": original.frames,
        "alpha": original.alpha,
        "dominant": original.dominant,
        "thumbhash": original.thumbhash,
        "blurhash": original.blurhash,
    }


async def post(request: web.Request) -> web.Response:
    """`POST /original/{id}` and `POST /original`: store a new original, sent as a form."""
    given = request.match_info.get("id")
    id = names.new_id() if given is None else names.parse_id(given)
    await request.app[AUTH].require(request)
    library = request.app[LIBRARY]
    if given is not None:
        await _check_is_new(request, id)
    async with _spooled(request, bodies.form_file) as body:
        return _created(request, await library.add(id, body))


async def put(request: web.Request) -> web.Response:
    """`PUT /original/{id}`: store a new original or replace one; the body is the picture."""
    id = names.parse_id(request.match_info["id"])
    await request.app[AUTH].require(request)
    library = request.app[LIBRARY]

    def condition(current: Original | None) -> None:
        check_write_preconditions(request.headers, None if current is None else _validators(current))

    try:
        condition(await library.get(id))
    except OriginalNotFound:
        condition(None)
    async with _spooled(request, bodies.bare_body) as body:
        original, is_new = await library.put(id, body, condition)
    return _created(request, original) if is_new else _json(as_json(original), headers=_written(request, original))


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /original/{id}`: the bytes that were uploaded."""
    id, grant = await _readable(request)
    library = request.app[LIBRARY]
    original = await library.get(id)
    validators = _validators(original)
    if is_not_modified(request.headers, validators):
        return _not_modified(request, grant, id, validators)
    byte_range = requested_range(request.headers, original.size, validators) if request.method == "GET" else None
    if request.method == "HEAD":
        return web.Response(headers=_picture_headers(request, grant, original) | {"Content-Length": str(original.size)})
    start, stop = byte_range or (0, original.size)
    async with library.open(original, start, stop) as (found, blob):
        response = web.StreamResponse(headers=_picture_headers(request, grant, found))
        if byte_range and found == original:
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{original.size}"
            response.content_length = stop - start
        else:
            response.content_length = found.size
        await stream(request, response, blob.chunks)
        return response


async def delete(request: web.Request) -> web.Response:
    """`DELETE /original/{id}`: a request that starts after the 204 gets neither the original nor a variant of it."""
    id = names.parse_id(request.match_info["id"])
    await request.app[AUTH].require(request)
    library = request.app[LIBRARY]
    revision = None
    if is_conditional_write(request.headers):
        current = await library.get(id)
        check_write_preconditions(request.headers, _validators(current))
        revision = current.revision
    await library.remove(id, revision)
    return web.Response(status=204)


async def list_originals(request: web.Request) -> web.Response:
    """`GET /original?prefix=&limit=&cursor=`: a page of originals."""
    await request.app[AUTH].require(request)
    limit = _page_size(request.query.get("limit"))
    prefix = names.parse_prefix(request.query.get("prefix", ""))
    try:
        page = await request.app[LIBRARY].page(request.query.get("cursor"), limit, prefix)
    except ValueError:
        raise BadRequest("the cursor is invalid; use `next` of the previous page") from None
    fields = {"Cache-Control": "private, no-store"}
    if page.next is not None:
        query = urlencode(({"prefix": prefix} if prefix else {}) | {"limit": limit, "cursor": page.next})
        fields["Link"] = f'<{request.app[PUBLIC_URL]}/original?{query}>; rel="next"'
    return _json({"items": [as_json(original) for original in page.items], "next": page.next}, headers=fields)


async def info(request: web.Request) -> web.Response:
    """`GET /info/{id}`: an original's metadata.

    It changes when the original gets its description, so it has no date, and its tag is made of its content.
    """
    id, grant = await _readable(request)
    library = request.app[LIBRARY]
    original = await library.described(await library.get(id))
    content = as_json(original)
    validators = Validators(sha256(orjson.dumps(content)).hexdigest()[:_INFO_TAG_DIGITS], None)
    fields = _representation_headers(request, grant, id, validators)
    if original.description is None:  # a later response can have the description
        fields["Cache-Control"] = "private, no-cache" if "private" in fields["Cache-Control"] else "no-cache"
    if is_not_modified(request.headers, validators):
        return web.Response(status=304, headers=fields)
    return _json(content, headers=fields)


async def _readable(request: web.Request) -> tuple[str, Grant]:
    """The id of the original, and why the request may read it. Looks nothing up.

    Raises `InvalidName`, and what `Access` raises.
    """
    access = request.app[ACCESS]
    id, target = names.parse_id(request.match_info["id"]), access.parse(request)
    return id, await access.check(request, target)


async def _check_is_new(request: web.Request, id: str) -> None:
    try:
        await request.app[LIBRARY].get(id)
    except OriginalNotFound:
        return
    raise AlreadyExists(id)


@asynccontextmanager
async def _spooled(request: web.Request, reader: Reader) -> AsyncIterator[Spooled]:
    """The request's body in the spool. A body that its headers rule out is refused before the client sends it.

    Raises `Overloaded` if the bodies under way take too much space; a body without Content-Length can run into this
    while it is received.
    """
    limits = request.app[BODY_LIMITS]
    bodies.check_headers(request, limits)
    size = min(request.content_length or 0, limits.max_bytes)
    with request.app[QUOTA].upload(client_group(request[CONTEXT].client), size) as reservation:
        await bodies.send_continue(request)
        async with request.app[SPOOL].spooled(reader(request, limits), reservation) as body:
            yield body


def _validators(original: Original) -> Validators:
    return Validators(original.sha256, original.created)


def _picture_headers(request: web.Request, grant: Grant, original: Original) -> dict[str, str]:
    content_type = formats.content_type(original.format)
    fields = _representation_headers(request, grant, original.id, _validators(original), content_type)
    return fields | {"Accept-Ranges": "bytes"}


def _not_modified(request: web.Request, grant: Grant, id: str, validators: Validators) -> web.Response:
    return web.Response(status=304, headers=_representation_headers(request, grant, id, validators))


def _representation_headers(
    request: web.Request, grant: Grant, id: str, validators: Validators, content_type: str | None = None
) -> dict[str, str]:
    """The headers of an original, of its metadata, or of a 304 of either."""
    modified = validators.modified
    last_modified = None if modified is None else request.app[LAST_MODIFIED].value(modified)
    common = request.app[ACCESS].headers(request.app[PICTURE_HEADERS], grant) | request.app[CACHE_TAGS].headers(id)
    return headers.representation(common, validators.etag, last_modified, content_type)


def _created(request: web.Request, original: Original) -> web.Response:
    location = f"{request.app[PUBLIC_URL]}/original/{quote(original.id)}"
    fields = {"Location": location} | _written(request, original)
    return _json(as_json(original), status=201, headers=fields)


def _written(request: web.Request, original: Original) -> dict[str, str]:
    """The validators of what was written."""
    last_modified = request.app[LAST_MODIFIED].value(original.created)
    return headers.representation({}, original.sha256, last_modified)


def _page_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE_SIZE
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_PAGE_SIZE):
        raise BadRequest(f"the limit must be a number from 1 to {MAX_PAGE_SIZE}, got '{text[:20]}'")
    return int(text[:9])


def _json(content: Any, *, status: int = 200, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(content),
        headers={"Cache-Control": "no-store"} | headers | {"Content-Type": "application/json"},
    )
