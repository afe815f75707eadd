"""The hot path: plain GETs of variants bypass aiohttp's router, middlewares and response classes.

Those cost as much CPU as the catalog read and the response together. A request that is not plain (another URL, a query,
a body, `Connection: close`) goes through the application. Both get the variant from the library in the same way, and
`pymager.web.conditions` decides between 200 and 304; this module serializes the response itself.
"""

import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_writer import HttpVersion11

from pymager.library.content import VariantContent
from pymager.names import Variant
from pymager.telemetry.context import RequestContext
from pymager.web import derived, headers
from pymager.web.app_keys import ACCESS_LOG, LAST_MODIFIED, LIBRARY, LIFECYCLE, PICTURE_HEADERS
from pymager.web.conditions import http_date, is_not_modified
from pymager.web.middleware import call_handler, write_access_log
from pymager.web.request_context import CONTEXT, clear_context

ROUTE = "/derived/{name}"
_PLAIN_PATH = re.compile(r"/derived/([A-Za-z0-9_-]{3,220}\.[A-Za-z0-9]{1,8})")
_CACHE_ENTRIES = 8_192

Handler = Callable[[Any], Awaitable[Any]]


class WrittenResponse:
    """A response that is already serialized; has the attributes that `aiohttp.web_protocol` uses."""

    __slots__ = ("_body", "_head", "status", "tier")

    keep_alive = True

    def __init__(self, status: int, tier: str, head: bytes, body: bytes) -> None:
        self.status = status
        self.tier = tier
        self._head = head
        self._body = body

    @property
    def size(self) -> int:
        """The size of the body in bytes."""
        return len(self._body)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send the whole response, in one system call if the socket accepts it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client disconnected")
        transport.writelines((self._head, self._body))
        await request.writer.drain()

    async def write_eof(self) -> None:
        """`prepare` has sent everything."""


class HotPath:
    """Handles plain GETs of variants, and passes all other requests to the application's `handler`."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._handler = handler
        self._library = app[LIBRARY]
        self._lifecycle = app[LIFECYCLE]
        self._access_log = app[ACCESS_LOG]
        self._common = app[PICTURE_HEADERS]
        self._last_modified = app[LAST_MODIFIED].value
        self._cached_headers = lru_cache(maxsize=_CACHE_ENTRIES)(self._serialized_headers)
        self._cached_parse = lru_cache(maxsize=_CACHE_ENTRIES)(self._parse)

    async def __call__(self, request: web.Request) -> Any:
        """Handle a request."""
        if request.method == "GET" and request.version == HttpVersion11 and request.keep_alive:
            match = _PLAIN_PATH.fullmatch(request.raw_path)
            if match is not None and not self._lifecycle.draining and not request.can_read_body:
                return await self._get(request, match[1])
        return await self._handler(request)

    async def _get(self, request: web.Request, name: str) -> Any:
        context = request[CONTEXT]
        try:
            id, variant = self._cached_parse(name)
            content = await self._library.variant(id, variant, derived.needs_body(request.headers))
            context.tier = content.tier
            if content.chunks is None:
                return self._write(request, context, content, variant)
        except Exception as error:
            return await self._call(request, context, _raising(error))
        return await self._call(
            request,
            context,
            lambda request: derived.respond(request, content, variant, self._common, self._last_modified),
        )

    def _write(
        self, request: web.Request, context: RequestContext, content: VariantContent, variant: Variant
    ) -> WrittenResponse:
        """The 200 or 304 of a variant whose bytes are in memory. Raises `PreconditionFailed`."""
        info, now = content.info, int(time.time())
        last_modified = self._last_modified(info.modified)
        if is_not_modified(request.headers, info):
            status, body = 304, b""
            head = self._cached_headers(304, info.etag, last_modified, None, None)
        else:
            status, body = 200, content.body or b""
            head = self._cached_headers(200, info.etag, last_modified, variant.content_type, info.size)
        own = headers.serialized_response_headers(context)
        write_access_log(request, context, self._access_log, status, len(body))
        clear_context()
        return WrittenResponse(status, content.tier, f"{head}Date: {http_date(now)}\r\n{own}\r\n".encode(), body)

    async def _call(self, request: web.Request, context: RequestContext, handler: Handler) -> web.StreamResponse:
        """A problem document or a streamed variant: aiohttp writes these."""
        response: web.StreamResponse = await call_handler(request, handler)
        if not response.prepared:
            response.headers.update(headers.response_headers(context))
        write_access_log(request, context, self._access_log, response.status, response.content_length)
        clear_context()
        return response

    def _serialized_headers(
        self, status: int, etag: str, last_modified: str | None, content_type: str | None, size: int | None
    ) -> str:
        fields = headers.representation(self._common, etag, last_modified, content_type, size)
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{headers.serialize(fields)}"

    def _parse(self, name: str) -> tuple[str, Variant]:
        return derived.parse(self._library, name)


def _raising(error: Exception) -> Handler:
    async def handler(request: web.BaseRequest) -> Any:
        raise error

    return handler
