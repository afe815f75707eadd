"""Direct requests: plain GETs that a connection answers in one task.

For each request, aiohttp wakes the task of the connection, makes a request and a writer, and starts another task that
it waits for. This takes several turns of the event loop and more CPU time than a hit from memory. A direct request is
taken from aiohttp's queue before aiohttp sees it: until its response is sent, the task of the connection sleeps.

This works only while that task waits for a request. It needs a turn of the event loop to start, and another one after
each of its responses, and the client's next request can arrive before. Such a request is held until the turn is over.
Otherwise aiohttp would handle it, and then the next one for the same reason, and so on.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from pymager.telemetry.context import CURRENT, RequestContext


class DirectRequest:
    """A direct request, with the attributes of `web.Request` that its handlers need.

    `match` is what `DirectHandler.match` returned. `remote` is the address of the connection's peer.
    """

    __slots__ = ("context", "headers", "match", "message", "protocol", "raw_path", "remote")

    method = "GET"
    scheme = "http"
    content = EMPTY_PAYLOAD
    context: RequestContext

    def __init__(self, message: RawRequestMessage, match: re.Match[str], protocol: RequestHandler, remote: str) -> None:
        self.message = message
        self.match = match
        self.protocol = protocol
        self.remote = remote
        self.headers = message.headers
        self.raw_path = message.path


@dataclass(frozen=True, slots=True)
class DirectHandler:
    """Handles direct requests.

    `match` returns None for a request that aiohttp has to handle. `context` makes the context of a direct request, and
    `respond` sends the response and returns it.
    """

    match: Callable[[RawRequestMessage], re.Match[str] | None]
    context: Callable[[DirectRequest], RequestContext]
    respond: Callable[[DirectRequest], Awaitable[Any]]


class DirectConnection(RequestHandler):
    """A connection of aiohttp's that passes direct requests to `handler`, and all others to aiohttp."""

    __slots__ = ("_direct_handler", "_direct_task", "_held", "_remote", "direct_request")

    def __init__(self, server: web.Server, *, handler: DirectHandler | None, **options: Any) -> None:
        super().__init__(server, **options)
        self._direct_handler = handler
        self._direct_task: asyncio.Task[None] | None = None
        self._held: tuple[Any, Any] | None = None  # for less than a turn of the event loop
        self._remote = ""
        self.direct_request: DirectRequest | None = None

    def data_received(self, data: bytes) -> None:
        self._requeue_held()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._held = None
        super().connection_lost(exc)

    def parse(self, data: bytes) -> None:
        """Parse data, and queue the requests in it. No request is handled before `dispatch`."""
        self._requeue_held()
        waiter, self._waiter = self._waiter, None  # aiohttp wakes the task of the connection through this future
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter

    @property
    def is_waiting(self) -> bool:
        """Whether the task of the connection waits for a request, and none has arrived."""
        return self._waiter is not None and not self._waiter.done() and self._held is None

    def dispatch(self) -> None:
        """Handle the queued requests, unless another request is being handled: they are handled after that one."""
        waiter, messages = self._waiter, self._messages
        if not messages or self.direct_request is not None or self._request_in_progress:
            return
        handler = self._direct_handler
        if handler is not None and len(messages) == 1:
            message, payload = messages[0]
            if payload is EMPTY_PAYLOAD and isinstance(message, RawRequestMessage):
                match = handler.match(message)
                if match is not None:
                    if waiter is None:
                        self._hold()
                    elif not waiter.done():
                        self._start_direct(handler, message, match, waiter)
                    return
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _start_direct(
        self,
        handler: DirectHandler,
        message: RawRequestMessage,
        match: re.Match[str],
        waiter: "asyncio.Future[None]",
    ) -> None:
        self._messages.clear()
        assert self._parser is not None
        self._parser.message_consumed()
        self._waiter = None  # not idle any more
        self.direct_request = request = DirectRequest(message, match, self, self._remote)
        request.context = handler.context(request)
        self._direct_task = self._loop.create_task(self._respond(handler, request, waiter))

    def _hold(self) -> None:
        """Hold the only queued request until the task of the connection, which is ready, has had its turn."""
        self._held = self._messages.popleft()
        self._loop.call_soon(self._dispatch_held)

    def _dispatch_held(self) -> None:
        if self._held is not None:
            self._requeue_held()
            if self._waiter is not None:
                self.dispatch()

    def _requeue_held(self) -> None:
        if self._held is not None:
            self._messages.appendleft(self._held)
            self._held = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Give a direct request `timeout` seconds, then cancel it."""
        if self._direct_task is not None:
            self._force_close = True
            await asyncio.wait([self._direct_task], timeout=timeout)
        if self._direct_task is not None:
            self._direct_task.cancel()
            await asyncio.wait([self._direct_task], timeout=timeout)
        await super().shutdown(timeout)

    async def _respond(self, handler: DirectHandler, request: DirectRequest, waiter: "asyncio.Future[None]") -> None:
        keep_alive = False
        try:
            CURRENT.set(request.context)
            response = await handler.respond(request)
            keep_alive = response.keep_alive
        except Exception as error:  # a bug outside of the handlers: nothing is known about what was sent
            self.log_exception("Error handling request", exc_info=error)
        finally:
            self.direct_request = self._direct_task = None
            self._waiter = waiter
            self._finish(waiter, keep_alive=bool(keep_alive))

    def _finish(self, waiter: "asyncio.Future[None]", *, keep_alive: bool) -> None:
        """Do after a direct response what aiohttp does after its own ones."""
        if not keep_alive or self._close or self._force_close:
            waiter.cancel()  # ends the task of the connection
            if self.transport is not None:
                self.transport.close()
            return
        self._next_keepalive_close_time = close_time = self._loop.time() + self.keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(close_time, self._process_keepalive)
        if self._messages and not waiter.done():
            waiter.set_result(None)
