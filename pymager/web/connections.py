"""Client connections: limited in number, and closed when they stall.

aiohttp has a timeout for idle connections, but none for headers that never end and for clients that do not read.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from pymager.web import failures
from pymager.web.reading import SmallReads
from pymager.web.request_context import client_left

_TOO_MANY_CONNECTIONS = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nCache-Control: no-store\r\n"
    b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%b"
)
# A body that is not used as fast as it arrives takes at most about the sum of both in memory.
_READ_BYTES = 32 * 1024  # in one piece
_PAUSE_BYTES = 16 * 1024  # received and not used, when reading pauses
_LINGER_ZERO_SECONDS = struct.pack("ii", 1, 0)  # socket(7): makes close() reset the connection


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of connections; timeouts are in seconds, `min_rate` is in bytes a second."""

    max_connections: int
    header_timeout: float
    stall_timeout: float
    min_rate: int
    keepalive_timeout: float


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_header_timer", "_limits", "_on_refused", "_stall_timer", "_unsent_bytes")

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        on_refused: Callable[[int], None] = lambda status: None,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.keepalive_timeout,
            access_log=None,  # type: ignore[arg-type]  # the annotation is too narrow: None is documented as off
            auto_decompress=False,
            read_bufsize=_PAUSE_BYTES // 2,
            lingering_time=limits.stall_timeout,
        )
        self._limits = limits
        self._on_refused = on_refused
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        manager = self._manager
        assert manager is not None
        transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, but not the type
        # Any byte that the client does not take pauses writing, which starts the stall timer.
        transport.set_write_buffer_limits(high=0)
        full = len(manager._connections) >= self._limits.max_connections
        super().connection_made(transport)
        if full:
            body = failures.problem_document(503, "Too many open connections. Try again later.", "")
            self._on_refused(503)
            transport.write(_TOO_MANY_CONNECTIONS % (len(body), body))
            self.force_close()
        else:
            self._start_header_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_header_timer()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        task, is_answering = self._task_handler, self._request_in_progress
        client_left(self._current_request)
        super().connection_lost(exc)
        if task is not None and not is_answering:
            task.cancel()  # otherwise it waits for the rest of a body from a client that has disconnected

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            self._cancel_header_timer()
        elif self._header_timer is None and self._expects_headers():
            self._start_header_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None and self._stall_timer is None:
            self._unsent_bytes = self.transport.get_write_buffer_size()
            self._stall_timer = self._loop.call_later(self._limits.stall_timeout, self._check_progress, self.transport)

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
        """A problem document for a request that is not valid HTTP."""
        if status >= 500:
            self.log_exception("Error handling request", exc_info=exc)
            message = None
        self._on_refused(status)
        detail = _without_caret(message) if message else "the request could not be handled"
        response = failures.problem_response(status, failures.sentence(detail), "")
        response.force_close()
        return response

    def stop_lingering(self) -> None:
        """Close after the response, without reading the rest of the request's body."""
        self._lingering_time = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request: none is being handled, and no response is being sent."""
        return self._waiter is not None and not self._waiter.done()

    def _expects_headers(self) -> bool:
        """Whether bytes that arrive now are headers of the next request, even while the last one is being handled."""
        return self._current_request is None or self._current_request.content.is_eof()

    def _start_header_timer(self) -> None:
        self._header_timer = self._loop.call_later(self._limits.header_timeout, self._on_header_timeout)

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _on_header_timeout(self) -> None:
        self._header_timer = None
        if self.is_idle:
            self.force_close()
        else:
            self._start_header_timer()  # the response to the request before it is still being sent

    def _check_progress(self, transport: asyncio.Transport) -> None:
        """Reset the connection if the client read too slowly. A closing connection has no `self.transport` any more."""
        unsent = transport.get_write_buffer_size()
        self._stall_timer = None
        if unsent == 0:
            return
        if self._unsent_bytes - unsent < self._limits.min_rate * self._limits.stall_timeout:
            # A reset: otherwise the kernel keeps its send buffer for this client and goes on sending.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO_SECONDS)
            transport.abort()
            return
        self._unsent_bytes = unsent
        self._stall_timer = self._loop.call_later(self._limits.stall_timeout, self._check_progress, transport)


def _without_caret(message: str) -> str:
    """The parser's message on one line, without the `^` below the wrong byte."""
    return " ".join(word for word in message.split() if word != "^")


def make_connection(
    server: web.Server, limits: ConnectionLimits, on_refused: Callable[[int], None] = lambda status: None
) -> Any:
    """A protocol factory for `loop.create_server`. `on_refused` gets the status of requests that reach no handler."""
    loop = asyncio.get_running_loop()
    buffer = bytearray(_READ_BYTES)
    return lambda: SmallReads(Connection(server, loop, limits, on_refused), buffer)
