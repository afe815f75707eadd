"""The hot path: plain GETs of variants, past aiohttp's router, middlewares and response classes.

Those cost as much as the catalog's read and the response together. A request that is not plain (another URL, a query, a
body, a client that wants its connection closed) takes the ordinary way. The answer is decided in `pymager.web.derived`
for both; here is only how it is written.
"""

import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_writer import HttpVersion11

from pymager.library.derivation import VariantContent
from pymager.names import Variant
from pymager.telemetry.context import RequestContext
from pymager.web import derived, headers
from pymager.web.app_keys import ACCESS_LOG, LIBRARY, LIFECYCLE, PICTURE_HEADERS
from pymager.web.conditions import handed_out, http_date, is_not_modified
from pymager.web.middleware import answer, write_access_log
from pymager.web.request_context import CONTEXT, leave

ROUTE = "/derived/{name}"
_PLAIN_PATH = re.compile(r"/derived/([A-Za-z0-9_-]{3,220}\.[A-Za-z0-9]{1,8})")
_CACHED_NAMES = 8_192

Handler = Callable[[Any], Awaitable[Any]]


class WrittenResponse:
    """A response whose head is written already; has what `aiohttp.web_protocol` needs of a response."""

    __slots__ = ("_body", "_head", "status", "tier")

    keep_alive = True

    def __init__(self, status: int, tier: str, head: bytes, body: bytes) -> None:
        self.status = status
        self.tier = tier
        self._head = head
        self._body = body

    @property
    def size(self) -> int:
        """The body's bytes."""
        return len(self._body)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send it all, in one system call if the socket takes it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left")
        transport.writelines((self._head, self._body))
        await request.writer.drain()

    async def write_eof(self) -> None:
        """Everything is sent by `prepare`."""


class HotPath:
    """Goes before an application; `handler` is its own way to answer."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._handler = handler
        self._library = app[LIBRARY]
        self._lifecycle = app[LIFECYCLE]
        self._access_log = app[ACCESS_LOG]
        self._common = app[PICTURE_HEADERS]
        self._heads = lru_cache(maxsize=_CACHED_NAMES)(self._head)
        self._names = lru_cache(maxsize=_CACHED_NAMES)(self._parse)

    async def __call__(self, request: web.Request) -> Any:
        """Answer a request."""
        if request.method == "GET" and request.version == HttpVersion11 and request.keep_alive:
            match = _PLAIN_PATH.fullmatch(request.raw_path)
            if match is not None and not self._lifecycle.draining and not request.can_read_body:
                return await self._get(request, match[1])
        return await self._handler(request)

    async def _get(self, request: web.Request, name: str) -> Any:
        context = request[CONTEXT]
        try:
            id, variant = self._names(name)
            content = await self._library.variant(id, variant, derived.needs_body(request.headers))
            context.tier = content.tier
            if content.chunks is None:
                return self._written(request, context, content, variant)
        except Exception as error:
            return await self._answered(request, context, _raising(error))
        return await self._answered(
            request, context, lambda request: derived.respond(request, content, variant, self._common)
        )

    def _written(
        self, request: web.Request, context: RequestContext, content: VariantContent, variant: Variant
    ) -> WrittenResponse:
        """The 200 or 304 of a variant whose bytes are at hand. Raises `PreconditionFailed`."""
        info = content.info
        if is_not_modified(request.headers, info):
            status, body = 304, b""
            head = self._heads(304, info.etag, handed_out(info.modified), None, None)
        else:
            status, body = 200, content.body or b""
            head = self._heads(200, info.etag, handed_out(info.modified), variant.content_type, info.size)
        own = headers.written_of_response(context)
        write_access_log(request, context, self._access_log, status, len(body))
        leave()
        return WrittenResponse(
            status, content.tier, f"{head}Date: {http_date(int(time.time()))}\r\n{own}\r\n".encode(), body
        )

    async def _answered(self, request: web.Request, context: RequestContext, handler: Handler) -> web.StreamResponse:
        """A problem document or a streamed variant, which aiohttp writes."""
        response: web.StreamResponse = await answer(request, handler)
        if not response.prepared:
            response.headers.update(headers.of_response(context))
        write_access_log(request, context, self._access_log, response.status, response.content_length)
        leave()
        return response

    def _head(self, status: int, etag: str, last_modified: str, content_type: str | None, size: int | None) -> str:
        fields = headers.representation(self._common, etag, last_modified, content_type, size)
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{headers.written(fields)}"

    def _parse(self, name: str) -> tuple[str, Variant]:
        return derived.parse(self._library, name)


def _raising(error: Exception) -> Handler:
    async def handler(request: web.BaseRequest) -> Any:
        raise error

    return handler
