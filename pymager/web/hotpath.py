"""The hot path: plain GETs of variants bypass aiohttp's router, middlewares and response classes.

Those cost as much CPU as the catalog read and the response together. A request that is not plain (another URL, an
encoded character, a signature, a body, `Connection: close`) goes through the application. Both get the variant from the
library in the same way, and `pymager.web.conditions` decides between 200 and 304; this module serializes the response
itself.
"""

import asyncio
import re
import time
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http_writer import HttpVersion11

from pymager import keys
from pymager.errors import UnknownPreset
from pymager.library.content import VariantContent
from pymager.telemetry.context import RequestContext
from pymager.variants.variant import Variant
from pymager.web import derived, headers
from pymager.web.app_keys import AUTH, LAST_MODIFIED, LIBRARY, LIFECYCLE, PICTURE_HEADERS, VARIANT_URLS
from pymager.web.conditions import http_date, is_not_modified
from pymager.web.request_context import CONTEXT, clear_context
from pymager.web.responder import Responder, canceled_status, raising

ROUTE = "/derived/{name}"
_PLAIN_PATH = re.compile(r"/derived/([A-Za-z0-9_@-]{3,260}\.[A-Za-z0-9]{1,8})(?:\?([A-Za-z0-9_.,=&-]{0,500}))?")
_SIGNED = re.compile(r"(?:^|&)(?:sig|exp)(?:[=&]|$)")
_CACHE_ENTRIES = 8_192


def is_plain(request: web.BaseRequest) -> bool:
    """Whether the hot path may have handled the request."""
    return request.method == "GET" and _PLAIN_PATH.fullmatch(request.raw_path) is not None


class WrittenResponse:
    """A response that was sent, with `size` bytes of body; has the attributes that `aiohttp.web_protocol` uses."""

    __slots__ = ("size", "status", "tier")

    keep_alive = True

    def __init__(self, status: int, tier: str, size: int) -> None:
        self.status = status
        self.tier = tier
        self.size = size

    async def prepare(self, request: web.BaseRequest) -> None:
        """The hot path has sent everything."""

    async def write_eof(self) -> None:
        """The hot path has sent everything."""


class HotPath:
    """Handles plain GETs of variants, and passes all other requests to the responder."""

    def __init__(self, app: web.Application, responder: Responder) -> None:
        self._responder = responder
        self._library = app[LIBRARY]
        self._urls = app[VARIANT_URLS]
        self._auth = app[AUTH]
        self._lifecycle = app[LIFECYCLE]
        self._common = app[PICTURE_HEADERS]
        self._last_modified = app[LAST_MODIFIED].value
        self._cached_headers = lru_cache(maxsize=_CACHE_ENTRIES)(self._serialized_headers)
        self._cached_parse = lru_cache(maxsize=_CACHE_ENTRIES)(self._parse)

    async def __call__(self, request: web.Request) -> Any:
        """Handle a request."""
        if request.method == "GET" and request.version == HttpVersion11 and request.keep_alive:
            match = _PLAIN_PATH.fullmatch(request.raw_path)
            if match is not None and not self._lifecycle.draining and request.content is EMPTY_PAYLOAD:
                query = match[2] or ""
                if not (query and _SIGNED.search(query)):
                    return await self._get(request, match[1], query)
        return await self._responder(request)

    async def _get(self, request: web.Request, name: str, query: str) -> Any:
        context = request[CONTEXT]
        responder = self._responder
        try:
            id, variant = self._cached_parse(name, query)
            accept = None if variant.content_type else derived.accept_of(request.headers)
            content = await self._library.variant(id, variant, derived.needs_body(request.headers), accept)
            context.tier = content.tier
            if content.chunks is None:
                head, body, response = self._response(request, context, content, variant)
                transport = request.transport
                if transport is None:
                    return responder.incomplete(request)
                transport.writelines((head, body))  # one system call, if the socket accepts it
                if request.protocol.writing_paused:
                    await request.writer.drain()
                if transport.is_closing():
                    return responder.incomplete(request)
                responder.log_request(request, response.status, response.size)
                clear_context()
                return response
        except asyncio.CancelledError:
            responder.log_request(request, canceled_status(request), None)
            raise
        except UnknownPreset as error:
            return await responder.respond(request, partial(derived.refuse_preset, error, auth=self._auth))
        except Exception as error:
            return await responder.respond(request, raising(error))
        dated = self._last_modified
        return await responder.respond(
            request, lambda request: derived.respond(request, content, variant, self._common, dated)
        )

    def _response(
        self, request: web.Request, context: RequestContext, content: VariantContent, variant: Variant
    ) -> tuple[bytes, bytes, WrittenResponse]:
        """The head and the body of a variant whose bytes are in memory: 200 or 304. Raises `PreconditionFailed`."""
        info, now = content.info, int(time.time())
        last_modified = self._last_modified(info.modified)
        varies = not variant.content_type
        if is_not_modified(request.headers, info):
            status, body = 304, b""
            head = self._cached_headers(varies, 304, info.etag, last_modified, None, None)
        else:
            status, body = 200, content.body or b""
            content_type = variant.content_type or keys.media_type(info.key)
            head = self._cached_headers(varies, 200, info.etag, last_modified, content_type, info.size)
        own = headers.serialized_response_headers(context)
        written = WrittenResponse(status, content.tier, len(body))
        return f"{head}Date: {http_date(now)}\r\n{own}\r\n".encode(), body, written

    def _serialized_headers(
        self,
        varies: bool,
        status: int,
        etag: str,
        last_modified: str | None,
        content_type: str | None,
        size: int | None,
    ) -> str:
        """The status and the headers; `varies` says that the variant's format was negotiated."""
        common = {**self._common, **headers.VARY} if varies else self._common
        fields = headers.representation(common, etag, last_modified, content_type, size)
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{headers.serialize(fields)}"

    def _parse(self, name: str, query: str) -> tuple[str, Variant]:
        return derived.parse(self._urls, name, query)
