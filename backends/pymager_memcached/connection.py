"""A connection to memcached that speaks its text protocol (memcached's doc/protocol.txt).

The response to a `get` repeats the key. So a value that belongs to another request is noticed, which the newer meta
commands do only on demand.
"""

import asyncio
import re
from typing import cast

_BUFFER_BYTES = 64 << 10  # most values arrive in one piece
_MAX_LINE_BYTES = 2_048
_MAX_VALUE_BYTES = 2 << 20
_END = b"\r\nEND\r\n"
_VALUE = re.compile(rb"VALUE ([!-~]{1,250}) [0-9]{1,10} ([0-9]{1,9})", re.ASCII)


class ConnectionBroken(ConnectionError):
    """The connection was closed, or the server sent something that is not the response to the request."""


class Refused(Exception):
    """The server did not store a value; the message is its own."""


class Connection(asyncio.BufferedProtocol):
    """Handles one request at a time. After any exception it must be aborted."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[bytes | None] | None = None
        self._buffer = bytearray(_BUFFER_BYTES)
        self._filled = 0
        self._start = 0  # of the value
        self._size = -1  # of the value, and -1 until its line has arrived
        self._key = self._line = b""
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._fail("the server closed the connection")

    def eof_received(self) -> bool:
        return False

    def abort(self) -> None:
        """Close the connection immediately, even during a response."""
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    async def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None. Raises `ConnectionBroken`."""
        self._key = key
        value = await self._response([b"get %b\r\n" % key])
        if value is None and self._line != b"END":
            raise ConnectionBroken(f"the server answered {_shown(self._line)}")
        return value

    async def put(self, key: bytes, value: bytes, seconds: int) -> None:
        """Store a value, which expires after `seconds`. Raises `Refused` and `ConnectionBroken`."""
        self._key = b""
        await self._response([b"set %b 0 %d %d\r\n" % (key, seconds, len(value)), value, b"\r\n"])
        if self._line.startswith((b"SERVER_ERROR", b"NOT_STORED")):
            raise Refused(_shown(self._line))
        if self._line != b"STORED":
            raise ConnectionBroken(f"the server answered {_shown(self._line)}")

    async def authenticate(self, user: str, password: str) -> None:
        """Send credentials, as `memcached -Y` asks for them. Raises `ConnectionBroken`."""
        try:
            await self.put(b"auth", f"{user} {password}".encode(), 0)
        except Refused as error:
            raise ConnectionBroken(f"the server refused the credentials: {error}") from None

    async def _response(self, request: list[bytes]) -> bytes | None:
        """Send a request. Returns the value of the response; one without a value is in `_line`."""
        if not self.is_open:
            raise ConnectionBroken("the connection is closed")
        self._filled, self._start, self._size, self._line = 0, 0, -1, b""
        if len(self._buffer) > _BUFFER_BYTES:
            self._buffer = bytearray(_BUFFER_BYTES)
        self._waiter = self._loop.create_future()
        self._transport.writelines(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for the next bytes; never empty, also while nothing is expected."""
        if self._waiter is None or self._waiter.done():
            self._filled = 0
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, count: int) -> None:
        """Account for `count` bytes that were received."""
        self._filled += count
        if self._waiter is None or self._waiter.done():
            self._fail("the server sent a response without a request")
        elif self._size >= 0:
            self._complete_value()
        elif (end := self._buffer.find(b"\r\n", 0, min(self._filled, _MAX_LINE_BYTES))) >= 0:
            self._read_line(bytes(self._buffer[:end]))
        elif self._filled >= _MAX_LINE_BYTES:
            self._fail("the server sent a line that is too long")

    def _read_line(self, line: bytes) -> None:
        assert self._waiter is not None
        if (match := _VALUE.fullmatch(line)) is None:
            if self._filled == len(line) + 2:
                self._line = line
                self._waiter.set_result(None)
            else:
                self._fail("the server sent more than one response")
            return
        size = int(match[2])
        if match[1] != self._key or size > _MAX_VALUE_BYTES:
            self._fail("the server sent the value of another key, or one that is too large")
            return
        self._start, self._size = len(line) + 2, size
        if (whole := self._start + size + len(_END)) > len(self._buffer):
            received, self._buffer = self._buffer, bytearray(whole)  # the loop still has a view of the old one
            self._buffer[: self._filled] = memoryview(received)[: self._filled]
        self._complete_value()

    def _complete_value(self) -> None:
        assert self._waiter is not None
        end = self._start + self._size + len(_END)
        if self._filled < end:
            return
        if self._filled > end or self._buffer[end - len(_END) : end] != _END:
            self._fail("the server sent a value that does not end where it should")
        else:
            self._waiter.set_result(bytes(memoryview(self._buffer)[self._start : self._start + self._size]))

    def _fail(self, message: str) -> None:
        self.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionBroken(message))


def _shown(line: bytes) -> str:
    """A line of the server, shortened, for messages."""
    return repr(line[:100].decode("latin-1"))
