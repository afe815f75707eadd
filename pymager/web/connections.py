"""Connections from strangers: bounded in number, and cut when they stall.

aiohttp times idle connections out, but neither a request's head that never ends nor a client that does not read.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from pymager.web import failures

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nCache-Control: no-store\r\n"
    b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%b"
)

_RESET = struct.pack("ii", 1, 0)  # on, for no time


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`most` open connections; times in seconds, `rate` in bytes a second."""

    most: int
    head: float
    stall: float
    rate: int
    keepalive: float


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_head_timer", "_limits", "_refused", "_stall_timer", "_unsent")

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        refused: Callable[[int], None] = lambda status: None,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.keepalive,
            access_log=None,  # type: ignore[arg-type]  # annotated too narrowly: None is its documented off
            auto_decompress=False,
            lingering_time=limits.stall,
        )
        self._limits = limits
        self._refused = refused
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        manager = self._manager
        assert manager is not None
        transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        # Every byte that the client does not take pauses writing, so that stalling is seen.
        transport.set_write_buffer_limits(high=0)
        full = len(manager._connections) >= self._limits.most
        super().connection_made(transport)
        if full:
            body = orjson.dumps({"status": 503, "title": "Service Unavailable", "detail": "too many connections"})
            self._refused(503)
            transport.write(_FULL % (len(body), body))
            self.force_close()
        else:
            self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_head()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        task, is_answering = self._task_handler, self._request_in_progress
        super().connection_lost(exc)
        if task is not None and not is_answering:
            task.cancel()  # or it would wait for the rest of a body from a client that is gone

    def data_received(self, data: bytes) -> None:
        heads = self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._forget_head()
        elif self._head_timer is None and self._is_between_bodies():
            self._expect_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None and self._stall_timer is None:
            self._unsent = self.transport.get_write_buffer_size()
            self._stall_timer = self._loop.call_later(self._limits.stall, self._see_progress, self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Requests that are no HTTP get a problem document too."""
        if status >= 500:
            self.log_exception("Error handling request", exc_info=exc)
            message = None
        self._refused(status)
        response = failures.problem(status, message or "the request could not be handled", "")
        response.force_close()
        return response

    def stop_lingering(self) -> None:
        """The client keeps its body to itself, or is too slow: close after the answer, without waiting for it."""
        self._lingering_time = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request: none is under way, and no answer is still being sent."""
        return self._waiter is not None and not self._waiter.done()

    def _is_between_bodies(self) -> bool:
        """Whether what comes in now belongs to the next request's head, also while the last one is being answered."""
        return self._current_request is None or self._current_request.content.is_eof()

    def _expect_head(self) -> None:
        self._head_timer = self._loop.call_later(self._limits.head, self._head_is_late)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.is_idle:
            self.force_close()
        else:
            self._expect_head()  # the answer before it is still being given

    def _see_progress(self, transport: asyncio.Transport) -> None:
        """Cut a client off that took less than the rate; the transport is given since a closing one is forgotten."""
        left = transport.get_write_buffer_size()
        self._stall_timer = None
        if left == 0:
            return
        if self._unsent - left < self._limits.rate * self._limits.stall:
            # By a reset, socket(7): otherwise the kernel would keep what it has for this client, and send on.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
            return
        self._unsent = left
        self._stall_timer = self._loop.call_later(self._limits.stall, self._see_progress, transport)


def make_connection(
    server: web.Server, limits: ConnectionLimits, refused: Callable[[int], None] = lambda status: None
) -> Any:
    """A protocol factory for `loop.create_server`; `refused` is told the status of what no handler has answered."""
    loop = asyncio.get_running_loop()
    return lambda: Connection(server, loop, limits, refused)
