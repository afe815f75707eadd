"""Originals over HTTP: upload, read, replace, delete, list."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import web

from pymager import formats, names
from pymager.errors import AlreadyExists, OriginalNotFound
from pymager.library.spool import Spooled
from pymager.ports import Original
from pymager.web import bodies, headers
from pymager.web.app_keys import AUTH, BODY_LIMITS, LIBRARY, PICTURE_HEADERS, PUBLIC_URL, SPOOL
from pymager.web.conditions import (
    Validators,
    asked_range,
    check_before_writing,
    handed_out,
    is_conditional,
    is_not_modified,
)
from pymager.web.failures import BadRequest

_MOST_LISTED = 1_000
_LISTED = 100

Reader = Callable[[web.Request, bodies.BodyLimits], AsyncIterator[bytes]]


def described(original: Original) -> dict[str, Any]:
    """An original as JSON: sizes in pixels and bytes, `created` in RFC 3339."""
    return {
        "id": original.id,
        "format": original.format,
        "width": original.width,
        "height": original.height,
        "size": original.size,
        "sha256": original.sha256,
        "created": original.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def post(request: web.Request) -> web.Response:
    """`POST /original/{id}` and `POST /original`: keep a new original, sent as a form."""
    given = request.match_info.get("id")
    id = names.new_id() if given is None else names.parse_id(given)
    await request.app[AUTH].require(request)
    library = request.app[LIBRARY]
    if given is not None:
        await _refuse_existing(request, id)
    async with _received(request, bodies.form_file) as body:
        return _created(request, await library.add(id, body))


async def put(request: web.Request) -> web.Response:
    """`PUT /original/{id}`: keep an original, new or in the place of another, sent as it is."""
    id = names.parse_id(request.match_info["id"])
    await request.app[AUTH].require(request)
    library = request.app[LIBRARY]

    def condition(current: Original | None) -> None:
        known = (None, None) if current is None else (current.sha256, current.created)
        check_before_writing(request.headers, *known)

    try:
        condition(await library.get(id))
    except OriginalNotFound:
        condition(None)
    async with _received(request, bodies.raw) as body:
        original, is_new = await library.put(id, body, condition)
    return (
        _created(request, original) if is_new else _json(described(original), headers=_validators(original).headers())
    )


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /original/{id}`: the bytes that were uploaded."""
    id = names.parse_id(request.match_info["id"])
    library = request.app[LIBRARY]
    original = await library.get(id)
    validators = _validators(original)
    if is_not_modified(request.headers, validators):
        return _not_modified(request, validators)
    asked = asked_range(request.headers, original.size, validators) if request.method == "GET" else None
    if request.method == "HEAD":
        return web.Response(headers=_headers(request, original) | {"Content-Length": str(original.size)})
    start, stop = asked or (0, original.size)
    async with library.open(original, start, stop) as (found, blob):
        response = web.StreamResponse(headers=_headers(request, found))
        if asked and found == original:
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{original.size}"
            response.content_length = stop - start
        else:
            response.content_length = found.size
        await response.prepare(request)
        async for chunk in blob.chunks:
            await response.write(chunk)
        await response.write_eof()
        return response


async def delete(request: web.Request) -> web.Response:
    """`DELETE /original/{id}`: nothing of it is served to a request that starts after the 204."""
    id = names.parse_id(request.match_info["id"])
    await request.app[AUTH].require(request)
    library = request.app[LIBRARY]
    revision = None
    if is_conditional(request.headers):
        current = await library.get(id)
        check_before_writing(request.headers, current.sha256, current.created)
        revision = current.revision
    await library.remove(id, revision)
    return web.Response(status=204)


async def listing(request: web.Request) -> web.Response:
    """`GET /original?limit=&cursor=`: a page of the originals."""
    await request.app[AUTH].require(request)
    limit = _limit(request.query.get("limit"))
    try:
        page = await request.app[LIBRARY].page(request.query.get("cursor"), limit)
    except ValueError:
        raise BadRequest("the cursor is not one that a listing gave") from None
    fields = {"Cache-Control": "private, no-store"}
    if page.next is not None:
        query = urlencode({"limit": limit, "cursor": page.next})
        fields["Link"] = f'<{request.app[PUBLIC_URL]}/original?{query}>; rel="next"'
    return _json({"items": [described(original) for original in page.items], "next": page.next}, headers=fields)


async def info(request: web.Request) -> web.Response:
    """`GET /info/{id}`: what is known of an original."""
    original = await request.app[LIBRARY].get(names.parse_id(request.match_info["id"]))
    validators = Validators(original.revision, original.created)
    if is_not_modified(request.headers, validators):
        return _not_modified(request, validators)
    return _json(described(original), headers=_representation(request, validators))


async def _refuse_existing(request: web.Request, id: str) -> None:
    try:
        await request.app[LIBRARY].get(id)
    except OriginalNotFound:
        return
    raise AlreadyExists(id)


@asynccontextmanager
async def _received(request: web.Request, reader: Reader) -> AsyncIterator[Spooled]:
    """The body in the spool: refused by its head where that is enough, before the client was told to go on."""
    limits = request.app[BODY_LIMITS]
    bodies.check_head(request, limits)
    await bodies.go_on(request)
    async with request.app[SPOOL].spooled(reader(request, limits)) as body:
        yield body


def _validators(original: Original) -> Validators:
    return Validators(original.sha256, original.created)


def _headers(request: web.Request, original: Original) -> dict[str, str]:
    fields = _representation(request, _validators(original), formats.content_type(original.format))
    return fields | {"Accept-Ranges": "bytes"}


def _not_modified(request: web.Request, validators: Validators) -> web.Response:
    return web.Response(status=304, headers=_representation(request, validators))


def _representation(request: web.Request, validators: Validators, content_type: str | None = None) -> dict[str, str]:
    """The headers of a picture or of what is known of it."""
    last_modified = handed_out(validators.modified)
    return headers.representation(request.app[PICTURE_HEADERS], validators.etag, last_modified, content_type)


def _created(request: web.Request, original: Original) -> web.Response:
    location = f"{request.app[PUBLIC_URL]}/original/{quote(original.id)}"
    fields = {"Location": location} | _validators(original).headers()
    return _json(described(original), status=201, headers=fields)


def _limit(text: str | None) -> int:
    if text is None:
        return _LISTED
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_LISTED):
        raise BadRequest(f"the limit is a number from 1 to {_MOST_LISTED}")
    return int(text[:9])


def _json(content: Any, *, status: int = 200, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(content),
        headers={"Cache-Control": "no-store"} | headers | {"Content-Type": "application/json"},
    )
