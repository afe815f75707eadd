"""`GET /derived/{id}-{width}x{height}.{extension}?{options}`: the one place that decides the response for a variant.

The hot path calls the same functions for plain requests, and only writes the response in a cheaper way.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NoReturn

from aiohttp import web

from pymager import keys
from pymager.errors import InvalidName, PymagerError, UnknownPreset
from pymager.library.content import VariantContent
from pymager.ports import BlobInfo
from pymager.variants.grammar import Requested
from pymager.variants.negotiation import field_value
from pymager.variants.urls import VariantUrls
from pymager.variants.variant import Variant
from pymager.web import headers
from pymager.web.access import Grant
from pymager.web.app_keys import ACCESS, AUTH, CACHE_TAGS, LAST_MODIFIED, LIBRARY, PICTURE_HEADERS, VARIANT_URLS
from pymager.web.auth import Auth
from pymager.web.conditions import Headers, is_not_modified
from pymager.web.failures import RouteNotFound
from pymager.web.request_context import CONTEXT
from pymager.web.streaming import stream


async def get(request: web.Request) -> web.StreamResponse:
    """The route's handler, for GET and HEAD."""
    library, access = request.app[LIBRARY], request.app[ACCESS]
    requested, grant = await _permitted(request)
    variant = requested.variant
    accept = None if variant.content_type else accept_of(request.headers)
    content = await library.variant(requested.id, variant, needs_body(request.headers), accept)
    request[CONTEXT].tier = content.tier
    common = access.headers(request.app[PICTURE_HEADERS], grant)
    common = common | request.app[CACHE_TAGS].headers(requested.id, variant.watermark)
    return await respond(request, content, variant, common, request.app[LAST_MODIFIED].value)


async def _permitted(request: web.Request) -> tuple[Requested, Grant]:
    """What the request asks for, and why it may. Looks nothing up.

    First the grammar, then the signature, then the policy. Raises what these raise.
    """
    access, urls = request.app[ACCESS], request.app[VARIANT_URLS]
    target = access.parse(request)
    try:
        requested = _requested(urls, request.match_info["name"], target.parameters)
    except UnknownPreset as error:
        await access.check(request, target)  # which presets exist is private, too
        await refuse_preset(error, request, request.app[AUTH])
    return requested, await access.check_variant(request, target, urls, requested)


def parse(urls: VariantUrls, name: str, query: str) -> tuple[str, Variant]:
    """The id and the variant that the last segment of an unsigned URL, decoded, and its raw query name.

    Raises `RouteNotFound`, and what `VariantUrls` raises.
    """
    requested = _requested(urls, name, query)
    urls.check(requested)
    return requested.id, requested.variant


async def refuse_preset(error: UnknownPreset, request: web.Request, auth: Auth) -> NoReturn:
    """Raise the error; its message names the presets that exist if the request has valid credentials.

    Wrong credentials make no difference to a read, but they count as failures, as they do anywhere.
    """
    if "Authorization" in request.headers:
        with suppress(PymagerError):
            await auth.require(request)
            error = UnknownPreset(f"{error}; presets: {', '.join(error.names) or 'none'}", error.names)
    raise error


def _requested(urls: VariantUrls, name: str, query: str) -> Requested:
    try:
        return urls.grammar.parse(name, query)
    except InvalidName as error:
        raise RouteNotFound(str(error)) from None


def accept_of(headers: Headers) -> str:
    """The request's `Accept`, which decides about a variant that has no content type yet."""
    return field_value(headers.getall("Accept", ()))


def needs_body(conditions: Headers) -> Callable[[BlobInfo], bool]:
    """A function that says whether a request with these headers needs the variant's bytes; if not, the response is 304.

    The function raises `PreconditionFailed`.
    """
    return lambda info: not is_not_modified(conditions, info)


async def respond(
    request: web.BaseRequest,
    content: VariantContent,
    variant: Variant,
    common: dict[str, str],
    dated: Callable[[datetime], str | None],
) -> web.StreamResponse:
    """The 200 or 304 of a variant. Streams a large variant. Raises `PreconditionFailed`."""
    info = content.info
    last_modified = dated(info.modified)
    content_type = variant.content_type
    if not content_type:
        content_type, common = keys.media_type(info.key), {**common, **headers.VARY}
    async with content:
        if is_not_modified(request.headers, info):
            return web.Response(status=304, headers=headers.representation(common, info.etag, last_modified))
        fields = headers.representation(common, info.etag, last_modified, content_type, info.size)
        if content.chunks is None or request.method == "HEAD":
            return web.Response(body=content.body, headers=fields)
        response = web.StreamResponse(headers=fields)
        await stream(request, response, content.chunks)
        return response
