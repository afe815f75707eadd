"""The connection to a worker process: one request, then its answer.

Streams of asyncio would read an answer in two steps, and wake the task that waits for it twice.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import cast

from pymager.engine import protocol
from pymager.engine.protocol import ANSWER_HEADER, ProtocolError, Status


class Channel(asyncio.Protocol):
    """Sends requests and reads answers. Bytes that belong to no answer break the connection."""

    def __init__(self, connection: socket.socket) -> None:
        """`connection` is the socket of its transport, which cannot send open files."""
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[Status, bytes]] | None = None
        self._received = bytearray()
        self._expected: tuple[Status, int] | None = None  # once the header of the answer has been read
        self._error: Exception | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()

    async def exchange(self, message: bytes, seconds: float, files: Sequence[int] = ()) -> tuple[Status, bytes]:
        """Send a request with copies of open files, and return the answer.

        Raises `TimeoutError` after `seconds`, `ConnectionError` if the connection ends before, and `ProtocolError`.
        After any of them, and when it is canceled, the channel cannot be used again.
        """
        if self._error is not None:
            raise self._error
        assert self._transport is not None
        answer: asyncio.Future[tuple[Status, bytes]] = self._loop.create_future()
        self._answer = answer
        timer = self._loop.call_later(seconds, self._fail, TimeoutError())
        try:
            self._send(message, files)
            return await answer
        finally:
            timer.cancel()
            self._answer = None
            if answer.done() and not answer.cancelled():
                answer.exception()  # retrieved here too: the caller may have been canceled at the same moment

    def _send(self, message: bytes, files: Sequence[int]) -> None:
        """Send a request. Nothing else is being sent: a worker reads each request before it answers."""
        assert self._transport is not None
        sent = 0
        if files:
            try:
                sent = socket.send_fds(self._socket, [message], files)
            except OSError as error:
                raise ConnectionResetError(f"the request cannot be sent: {error.strerror}") from None
        if sent < len(message):
            self._transport.write(message[sent:])

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        await asyncio.shield(self._closed)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self._fail(ProtocolError(f"{len(data)} bytes that answer no request"))
            return
        self._received += data
        try:
            answer = self._next_answer()
        except ProtocolError as error:
            self._fail(error)
            return
        if answer is not None:
            self._answer.set_result(answer)

    def _next_answer(self) -> tuple[Status, bytes] | None:
        """The answer, once all of it has been received. Raises `ProtocolError`."""
        received, start = self._received, ANSWER_HEADER.size
        if self._expected is None:
            if len(received) < start:
                return None
            self._expected = protocol.read_answer_header(bytes(received[:start]))
        status, size = self._expected
        if len(received) < start + size:
            return None
        if len(received) > start + size:
            raise ProtocolError(f"{len(received) - start - size} bytes after the answer")
        payload = bytes(memoryview(received)[start:])
        self._received, self._expected = bytearray(), None
        return status, payload

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(ConnectionResetError("the worker process closed its connection"))
        if not self._closed.done():
            self._closed.set_result(None)

    def _fail(self, error: Exception) -> None:
        """End the exchange with an error; there can be no other one afterwards."""
        self._error = self._error or error
        self._received.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()
