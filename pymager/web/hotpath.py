"""The hot path: plain GETs of variants bypass aiohttp's requests, router, middlewares and response classes.

Those cost several times the CPU of the catalog read and the response together. A request that is not plain (another
URL, an encoded character, a signature, a body, `Connection: close`) goes through the application, and so does one that
is pipelined behind another. The hot path and the application get the variant from the library in the same way, and
`pymager.web.conditions` decides between 200 and 304; this module serializes the response itself.
"""

import asyncio
import re
import time
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http import HttpVersion11, RawRequestMessage, StreamWriter

from pymager import keys
from pymager.errors import OptionNotAllowed, SizeNotAllowed, UnknownPreset
from pymager.library.content import VariantContent
from pymager.telemetry.context import RequestContext
from pymager.variants.variant import Variant
from pymager.web import derived, headers
from pymager.web.access import has_credentials
from pymager.web.app_keys import AUTH, CACHE_TAGS, LAST_MODIFIED, LIBRARY, LIFECYCLE, PICTURE_HEADERS, VARIANT_URLS
from pymager.web.conditions import http_date, is_not_modified
from pymager.web.direct import DirectRequest
from pymager.web.request_context import CONTEXT, RequestFactory, clear_context
from pymager.web.responder import Handler, Responder, canceled_status, raising

ROUTE = "/derived/{name}"
_PLAIN_PATH = re.compile(r"/derived/([A-Za-z0-9_@-]{3,260}\.[A-Za-z0-9]{1,8})(?:\?([A-Za-z0-9_.,=&-]{0,500}))?")
_SIGNED = re.compile(r"(?:^|&)(?:sig|exp)(?:[=&]|$)")
_CACHE_ENTRIES = 8_192


def is_plain(request: web.BaseRequest) -> bool:
    """Whether the hot path handles requests like this one, unless something else in it prevents that."""
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
    """Responds to direct requests, which are plain GETs of variants.

    What it does not send itself, the responder sends, to a request that `make_request` makes as aiohttp does.
    """

    def __init__(self, app: web.Application, responder: Responder, make_request: RequestFactory) -> None:
        self._responder = responder
        self._make_request = make_request
        self._library = app[LIBRARY]
        self._urls = app[VARIANT_URLS]
        self._auth = app[AUTH]
        self._lifecycle = app[LIFECYCLE]
        self._common = app[PICTURE_HEADERS]
        self._tags = app[CACHE_TAGS]
        self._last_modified = app[LAST_MODIFIED].value
        self._cached_headers = lru_cache(maxsize=_CACHE_ENTRIES)(self._serialized_headers)
        self._cached_parse = lru_cache(maxsize=_CACHE_ENTRIES)(self._parse)

    def match(self, message: RawRequestMessage) -> re.Match[str] | None:
        """The match of the path of a plain GET, as `DirectHandler` needs it."""
        if message.method != "GET" or message.version != HttpVersion11 or message.should_close or message.upgrade:
            return None
        match = _PLAIN_PATH.fullmatch(message.path)
        if match is None or self._lifecycle.draining or (match[2] and _SIGNED.search(match[2])):
            return None
        return match

    async def __call__(self, request: DirectRequest) -> Any:
        """Send the response, and return it."""
        context, responder = request.context, self._responder
        try:
            id, variant = self._cached_parse(request.match[1], request.match[2] or "")
            accept = None if variant.content_type else derived.accept_of(request.headers)
            content = await self._library.variant(id, variant, derived.needs_body(request.headers), accept)
            context.tier = content.tier
            if content.chunks is None:
                head, body, response = self._response(request, context, content, id, variant)
                transport = request.protocol.transport
                if transport is None:
                    return responder.incomplete(request)
                transport.writelines((head, body))  # one system call, if the socket accepts it
                if request.protocol.writing_paused:
                    await StreamWriter(request.protocol, asyncio.get_running_loop()).drain()
                if transport.is_closing():
                    return responder.incomplete(request)
                responder.log_request(request, response.status, response.size)
                clear_context()
                return response
        except asyncio.CancelledError:
            responder.log_request(request, canceled_status(request), None)
            raise
        except (SizeNotAllowed, OptionNotAllowed) as error:
            if has_credentials(request.headers):  # they can allow it
                return await self._responder(self._completed(request))
            return await self._respond(request, raising(error))
        except UnknownPreset as error:
            return await self._respond(request, partial(derived.refuse_preset, error, auth=self._auth))
        except Exception as error:
            return await self._respond(request, raising(error))
        dated = self._last_modified
        return await self._respond(
            request,
            lambda request: derived.respond(request, content, variant, self._common | self._tagged(id, variant), dated),
        )

    async def _respond(self, request: DirectRequest, handler: Handler) -> Any:
        return await self._responder.respond(self._completed(request), handler)

    def _completed(self, request: DirectRequest) -> web.Request:
        """The same request as aiohttp would have made it, with the same context."""
        protocol, loop = request.protocol, asyncio.get_running_loop()
        writer = StreamWriter(protocol, loop)
        completed: Any = self._make_request(
            request.message, EMPTY_PAYLOAD, protocol, writer, asyncio.current_task(loop)
        )
        completed[CONTEXT] = request.context
        return completed  # type: ignore[no-any-return]

    def _response(
        self, request: DirectRequest, context: RequestContext, content: VariantContent, id: str, variant: Variant
    ) -> tuple[bytes, bytes, WrittenResponse]:
        """The head and the body of a variant whose bytes are in memory: 200 or 304. Raises `PreconditionFailed`."""
        info, now = content.info, int(time.time())
        last_modified = self._last_modified(info.modified)
        varies = not variant.content_type
        tagged = (id, variant.watermark) if self._tags.is_on else None
        if is_not_modified(request.headers, info):
            status, body = 304, b""
            head = self._cached_headers(varies, tagged, 304, info.etag, last_modified, None, None)
        else:
            status, body = 200, content.body or b""
            content_type = variant.content_type or keys.media_type(info.key)
            head = self._cached_headers(varies, tagged, 200, info.etag, last_modified, content_type, info.size)
        own = headers.serialized_response_headers(context)
        written = WrittenResponse(status, content.tier, len(body))
        return f"{head}Date: {http_date(now)}\r\n{own}\r\n".encode(), body, written

    def _serialized_headers(
        self,
        varies: bool,
        tagged: tuple[str, str] | None,
        status: int,
        etag: str,
        last_modified: str | None,
        content_type: str | None,
        size: int | None,
    ) -> str:
        """The status and the headers; `varies` says that the variant's format was negotiated.

        `tagged` are the ids of the original and the name of the watermark that have tags in the headers.
        """
        common = {**self._common, **headers.VARY} if varies else self._common
        if tagged is not None:
            common = common | self._tags.headers(*tagged)
        fields = headers.representation(common, etag, last_modified, content_type, size)
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{headers.serialize(fields)}"

    def _tagged(self, id: str, variant: Variant) -> dict[str, str]:
        return self._tags.headers(id, variant.watermark)

    def _parse(self, name: str, query: str) -> tuple[str, Variant]:
        return derived.parse(self._urls, name, query)
