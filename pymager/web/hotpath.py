"""The hot path: derived pictures that are there already, answered past aiohttp's router, middlewares and headers.

Those cost as much as the catalog's read and the answer together. What is not plainly a hit (another URL, a missing
picture, an error, a client that wants its connection closed) goes the ordinary way and is answered by the handlers.
"""

import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from aiohttp import web
from aiohttp.http_writer import HttpVersion11

from pymager import formats, names
from pymager.errors import NotFound, PymagerError
from pymager.library.cache import CacheEntry
from pymager.library.derivation import Picture
from pymager.names import DerivedName
from pymager.ports import BlobInfo
from pymager.telemetry.context import REQUEST
from pymager.telemetry.timings import TIMINGS
from pymager.web.app_keys import ACCESS_LOG, CLIENTS, LIBRARY, LIFECYCLE, LOCATED, PICTURE_HEADERS, Located
from pymager.web.conditions import Validators, handed_out, http_date, is_not_modified
from pymager.web.middleware import REQUEST_ID, request_id_of, tell

ROUTE = "/derived/{name}"
_PLAIN = re.compile(r"/derived/([A-Za-z0-9_-]{3,220}\.[A-Za-z0-9]{1,8})")

Handler = Callable[[Any], Awaitable[Any]]


class Ready:
    """An answer whose head is written out already; has what `aiohttp.web_protocol` asks of a response."""

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
        """Send it all, in one system call where the socket takes it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left")
        transport.writelines((self._head, self._body))
        await request.writer.drain()

    async def write_eof(self) -> None:
        """Nothing follows."""


class HotPath:
    """Goes before an application: `handler` is its own way of answering."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._handler = handler
        self._library = app[LIBRARY]
        self._lifecycle = app[LIFECYCLE]
        self._access_log = app[ACCESS_LOG]
        self._clients = app[CLIENTS]
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in app[PICTURE_HEADERS].items())
        self._fixed += "Server: pymager\r\n"
        self._heads = lru_cache(maxsize=8_192)(self._head)
        self._names = lru_cache(maxsize=8_192)(self._name)

    async def __call__(self, request: web.Request) -> Any:
        """Answer a request."""
        if request.method == "GET" and request.version == HttpVersion11 and request.keep_alive:
            match = _PLAIN.fullmatch(request.raw_path)
            if match is not None and not self._lifecycle.draining and not request.can_read_body:
                answer = await self._hit(request, match[1])
                if answer is not None:
                    return answer
        return await self._handler(request)

    async def _hit(self, request: web.Request, text: str) -> Ready | None:
        started = time.perf_counter()
        request_id = request_id_of(request)
        REQUEST.set(request_id)
        try:
            name = self._names(text)
            original, key = await self._library.locate(name)
            kept = self._library.memory.get(key)
            if kept is not None and (answer := self._chosen(request, started, kept, name, "memory")) is not None:
                return answer
            picture = await self._library.whole(key)
            if picture is not None:
                return self._chosen(request, started, picture, name, "bucket")
            request[LOCATED] = Located(name, original, key, looked=False)
        except NotFound:
            request[LOCATED] = Located(name, original, key, looked=True)
        except PymagerError:
            pass  # told by the ordinary way, which comes upon the same
        request[REQUEST_ID] = request_id
        return None

    def _chosen(
        self, request: web.Request, started: float, found: CacheEntry | Picture, name: DerivedName, tier: str
    ) -> Ready | None:
        """A 304, or the bytes where they are at hand. Raises `PreconditionFailed`."""
        info, body = found.info, found.body
        if is_not_modified(request.headers, Validators(info.etag, info.modified)):
            return self._answer(request, started, info, None, name, tier)
        return None if body is None else self._answer(request, started, info, body, name, tier)

    def _answer(
        self,
        request: web.Request,
        started: float,
        info: BlobInfo,
        body: bytes | None,
        name: DerivedName,
        tier: str,
    ) -> Ready:
        request_id = REQUEST.get()
        status = 304 if body is None else 200
        fixed = self._heads(status, info.etag, info.size, name.extension)
        changing = (
            f"Last-Modified: {handed_out(info.modified)}\r\nDate: {http_date(int(time.time()))}\r\n"
            f"X-Request-ID: {request_id}\r\n"
        )
        if (timings := TIMINGS.get()) is not None:
            changing += f"Server-Timing: {timings.header(tier)}\r\n"
        tell(request, self._clients, self._access_log, status, len(body or b""), started, request_id)
        REQUEST.set("")
        return Ready(status, tier, f"{fixed}{changing}\r\n".encode(), body or b"")

    def _head(self, status: int, etag: str, size: int, extension: str) -> str:
        if status == 304:
            return f'HTTP/1.1 304 Not Modified\r\n{self._fixed}ETag: "{etag}"\r\n'
        content_type = formats.OUTPUTS[extension].content_type
        return (
            f'HTTP/1.1 200 OK\r\n{self._fixed}ETag: "{etag}"\r\n'
            f"Content-Type: {content_type}\r\nContent-Length: {size}\r\n"
        )

    def _name(self, text: str) -> DerivedName:
        name = names.parse_derived(text)
        self._library.check(name)
        return name
