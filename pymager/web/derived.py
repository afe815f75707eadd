"""Derived pictures over HTTP, in all cases; the frequent ones are answered before, in `pymager.web.hotpath`."""

from aiohttp import web

from pymager import formats, names
from pymager.errors import InvalidName
from pymager.library.derivation import Picture
from pymager.library.library import Library
from pymager.ports import BlobInfo
from pymager.web.app_keys import LIBRARY, LOCATED, PICTURE_HEADERS, TIER, Located
from pymager.web.conditions import Validators, is_not_modified
from pymager.web.failures import RouteNotFound


async def get(request: web.Request) -> web.StreamResponse:
    """`GET /derived/{id}-{width}x{height}.{ext}`: from memory, from the blob store, or rendered now."""
    library = request.app[LIBRARY]
    found = request.get(LOCATED) or await _located(request, library)
    content_type = formats.OUTPUTS[found.name.extension].content_type
    kept = library.memory.get(found.key)
    if kept is not None:
        request[TIER] = "memory"
        if (answer := _not_modified(request, kept.info)) is not None:
            return answer
        if kept.body is not None:
            return _whole(request, kept.info, kept.body, content_type)
    async with library.derived(found.original, found.name, looked=found.looked) as picture:
        request[TIER] = "rendered" if picture.is_new else "bucket"
        if (answer := _not_modified(request, picture.info)) is not None:
            return answer
        if picture.body is not None:
            return _whole(request, picture.info, picture.body, content_type)
        return await _streamed(request, picture, content_type)


async def _located(request: web.Request, library: Library) -> Located:
    try:
        name = names.parse_derived(request.match_info["name"])
    except InvalidName as error:
        raise RouteNotFound(str(error)) from None
    library.check(name)
    original, key = await library.locate(name)
    return Located(name, original, key, looked=False)


def _not_modified(request: web.Request, info: BlobInfo) -> web.Response | None:
    validators = Validators(info.etag, info.modified)
    if not is_not_modified(request.headers, validators):
        return None
    return web.Response(status=304, headers=request.app[PICTURE_HEADERS] | validators.headers())


def _whole(request: web.Request, info: BlobInfo, body: bytes, content_type: str) -> web.Response:
    return web.Response(body=body, headers=_headers(request, info, content_type))


async def _streamed(request: web.Request, picture: Picture, content_type: str) -> web.StreamResponse:
    headers = _headers(request, picture.info, content_type)
    if request.method == "HEAD":
        return web.Response(headers=headers | {"Content-Length": str(picture.info.size)})
    response = web.StreamResponse(headers=headers)
    response.content_length = picture.info.size
    await response.prepare(request)
    assert picture.chunks is not None
    async for chunk in picture.chunks:
        await response.write(chunk)
    await response.write_eof()
    return response


def _headers(request: web.Request, info: BlobInfo, content_type: str) -> dict[str, str]:
    validators = Validators(info.etag, info.modified)
    return request.app[PICTURE_HEADERS] | validators.headers() | {"Content-Type": content_type}
