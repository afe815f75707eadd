"""Client connections: limited in number, and closed when they stall.

aiohttp has a timeout for idle connections, but none for headers that never end and for clients that do not read.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader, web

from pymager.telemetry.context import RequestContext
from pymager.web import failures
from pymager.web.connection_table import ConnectionTable
from pymager.web.direct import DirectConnection, DirectHandler
from pymager.web.lingering import Lingering, LingeringClose, LingeringLimits, Watch
from pymager.web.message_ends import END_OF_HEAD, IncomingBody, first_piece, may_end_message
from pymager.web.refusal import write_refusal
from pymager.web.request_context import client_left
from pymager.web.small_reads import MAX_READ_BYTES, SmallReads, read_bytes

MALFORMED = web.RequestKey("malformed", str)
"""What is wrong with a request that is not valid HTTP. Such a request has no method, no path and no headers."""

_LINGERING_DIVISOR = 8  # one of this many connections may linger
_MIN_LINGERING = 8
# A body that is not used as fast as it arrives takes at most about this and one piece in memory.
_PAUSE_BYTES = 16 * 1024  # received and not used, when reading pauses
_LINGER_ZERO_SECONDS = struct.pack("ii", 1, 0)  # socket(7): makes close() reset the connection


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of connections; timeouts are in seconds, `min_rate` is in bytes a second, `max_body` in bytes."""

    max_connections: int
    max_per_client: int
    header_timeout: float
    stall_timeout: float
    min_rate: int
    keepalive_timeout: float
    max_body: int

    @property
    def lingering(self) -> LingeringLimits:
        """The limits of connections that linger."""
        return LingeringLimits(
            max(_MIN_LINGERING, self.max_connections // _LINGERING_DIVISOR),
            max(_MIN_LINGERING, self.max_per_client // _LINGERING_DIVISOR),
            self.max_body,
            self.stall_timeout,
            self.min_rate,
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """What the connections of a server process share.

    `client` is the client that an address belongs to, or None for a trusted proxy. `on_refused` gets the context of a
    connection that is refused, and the size of the response's body. `direct` handles direct requests.
    """

    limits: ConnectionLimits
    table: ConnectionTable
    lingering: Lingering
    client: Callable[[str], str | None]
    on_refused: Callable[[RequestContext, int], None]
    direct: DirectHandler | None = None

    @classmethod
    def of(
        cls,
        limits: ConnectionLimits,
        client: Callable[[str], str | None] = lambda address: address,
        on_refused: Callable[[RequestContext, int], None] = lambda context, size: None,
        direct: DirectHandler | None = None,
    ) -> Self:
        """With an empty table of connections."""
        table = ConnectionTable(limits.max_connections, limits.max_per_client)
        return cls(limits, table, Lingering(limits.lingering), client, on_refused, direct)


class Connection(DirectConnection):
    """One client's connection."""

    __slots__ = (
        "_body",
        "_client",
        "_closing",
        "_header_timer",
        "_is_lingering",
        "_limits",
        "_shared",
        "_stall_timer",
        "_unsent_bytes",
        "_watch",
        "client_has_left",
    )

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, shared: Shared) -> None:
        limits = shared.limits
        super().__init__(
            server,
            handler=shared.direct,
            loop=loop,
            keepalive_timeout=limits.keepalive_timeout,
            access_log=None,
            auto_decompress=False,
            read_bufsize=_PAUSE_BYTES // 2,
            lingering_time=limits.stall_timeout,
        )
        self._shared = shared
        self._limits = limits
        self._client: str | None = None
        self.client_has_left = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0
        self._body: IncomingBody | None = None  # of the last request, if it has one
        self._is_lingering = False
        self._watch: Watch | None = None
        self._closing: LingeringClose | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, but not the type
        # Any byte that the client does not take pauses writing, which starts the stall timer.
        transport.set_write_buffer_limits(high=0)
        address = str((transport.get_extra_info("peername") or ("",))[0])
        self._client, self._remote = self._shared.client(address), address
        if self._shared.table.admit(self, self._client):
            super().connection_made(transport)
            self._start_header_timer()
        else:
            self._shared.on_refused(*write_refusal(transport, address))
            LingeringClose(transport, self._shared.lingering, self._client)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.client_has_left = not self._force_close
        self._closing = None
        self._shared.table.remove(self)
        self._cancel_header_timer()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        if exc is not None and not isinstance(exc, ConnectionError):  # a timeout, or no route to the client
            exc = ConnectionResetError(str(exc))
        client_left(self.direct_request or self._current_request)
        super().connection_lost(exc)
        self._stop_reading(exc or ConnectionResetError("the client disconnected"))

    def data_received(self, data: bytes) -> None:
        if self._body is None and data.endswith(END_OF_HEAD):  # no head is incomplete after these bytes
            requests = self._request_count
            self.parse(data)
            if self._request_count != requests:
                self._on_request()
                self.dispatch()
        else:
            self._receive_pieces(data)

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
        """A problem document for an error outside of the handlers, which is a bug."""
        self.log_exception("Error handling request", exc_info=exc)
        response = failures.problem_response(500, failures.INTERNAL_ERROR, "")
        response.force_close()
        return response

    def force_close(self) -> None:
        super().force_close()
        if self._closing is not None:
            self._closing.abort()

    def linger(self, body: StreamReader) -> None:
        """After the response, discard the rest of the request's body; then the connection can serve more requests.

        Lasts as long as the body arrives at `min_rate`, up to `max_body`. If too many connections linger, it lasts
        `stall_timeout`.
        """
        self._is_lingering = True
        self._lingering_time = self._limits.stall_timeout
        self._watch = self._shared.lingering.watch(
            self._client, lambda: body.total_bytes, lambda: self._stop_reading(TimeoutError())
        )
        if self._watch is not None:
            self._lingering_time = self._shared.lingering.limits.max_seconds

    def stop_lingering(self) -> None:
        """Close after the response, without reading the rest of the request's body."""
        self._lingering_time = 0.0

    def close_in_stages(self) -> None:
        """Close after the response to a request whose end is unknown; what the client still sends is discarded."""
        transport = self.transport
        if transport is None:
            return
        self._lingering_time = 0.0
        self.close()
        self.transport = None  # so that aiohttp does not close it
        self._closing = LingeringClose(transport, self._shared.lingering, self._client, self.connection_lost)

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request: none is being handled, and no response is being sent."""
        return self.is_waiting

    @property
    def is_lingering(self) -> bool:
        """Whether the response has been sent, and the rest of the request is discarded."""
        return self._closing is not None or (
            self._is_lingering and self._body is not None and not self._body.reader.is_eof()
        )

    @property
    def gives_way(self) -> bool:
        """Whether it is closed when there is no room for a new connection."""
        return self.is_idle or self.is_lingering

    @property
    def waiting_since(self) -> float:
        """When it last finished a response, or was opened, as the event loop's time."""
        return self._next_keepalive_close_time - self._limits.keepalive_timeout

    def _make_error_handler(self, err_info: Any) -> Callable[[web.BaseRequest], Any]:
        """Bytes that are not valid HTTP become a request for the handler of all requests, with the key `MALFORMED`."""
        handler = self._request_handler
        assert handler is not None

        def handle(request: web.BaseRequest) -> Any:
            request[MALFORMED] = _without_caret(err_info.message)
            return handler(request)

        return handle

    def _receive_pieces(self, data: bytes) -> None:
        """Give the parser one head or body at a time: otherwise it is unknown whether another head has begun."""
        while True:
            piece = first_piece(self._body, data)
            self._receive_piece(piece)
            if len(piece) == len(data):
                return
            data = data[len(piece) :]

    def _receive_piece(self, piece: bytes) -> None:
        body, requests = self._body, self._request_count
        in_body = body is not None and body.continues
        super().data_received(piece)
        if self._request_count != requests:
            self._on_request()
            head_has_begun = not may_end_message(piece) and not (self._body is not None and self._body.continues)
        elif in_body:
            assert body is not None
            head_has_begun = body.is_chunked and not body.continues and not may_end_message(piece)
        else:
            head_has_begun = bool(piece.strip(b"\r\n"))  # RFC 9112 section 2.2: empty lines before a head are ignored
        if head_has_begun and self._header_timer is None and self.transport is not None:
            self._start_header_timer()

    def _on_request(self) -> None:
        """The head of a request is complete, or the parser has found an error."""
        if self._header_timer is not None:
            self._cancel_header_timer()
        message, payload = self._messages[-1]
        body = self._body
        if body is None and payload is EMPTY_PAYLOAD:
            return
        if body is not None and body.continues:  # no head can follow: the body is malformed
            self._stop_reading(web.RequestPayloadError(_without_caret(message.message)))  # type: ignore[union-attr]
            return
        self._end_linger()
        self._body = None
        if payload is not EMPTY_PAYLOAD:
            self._body = IncomingBody(payload, message.headers.get("Content-Length"))  # type: ignore[union-attr]

    def _stop_reading(self, error: Exception) -> None:
        """Nothing more of the request's body arrives: end the wait of the handler, or the lingering."""
        if self._body is not None:
            reader = self._body.reader
            if self._is_lingering:
                reader.set_exception(TimeoutError())  # how aiohttp's own lingering ends
            elif not reader.is_eof() and reader.exception() is None:
                reader.set_exception(error)
        self._end_linger()

    def _end_linger(self) -> None:
        self._is_lingering = False
        if self._watch is not None:
            self._watch.end()
            self._watch = None

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


def make_connection(server: web.Server, shared: Shared) -> Any:
    """A protocol factory for `loop.create_server`."""
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(MAX_READ_BYTES))

    def size() -> int:
        return read_bytes(len(shared.table))

    return lambda: SmallReads(Connection(server, loop, shared), buffer, size)
