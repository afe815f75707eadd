"""An HTTP/1.1 connection that sends GETs and reads each body directly into the buffers that the caller gets."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import cast

_MAX_HEAD_BYTES = 16 << 10
_MAX_WAITING_CHUNKS = 2
# Only these headers are used; the others are not parsed.
_HEADER = re.compile(
    r"\r\n(connection|content-encoding|content-length|content-range|etag|last-modified|transfer-encoding)"
    r":[ \t]*([^\r\n]*[^\r\n\t ])",
    re.ASCII | re.IGNORECASE,
)
_STATUS_LINE = re.compile(r"HTTP/1\.1 [1-5][0-9]{2}(?: |\r\n)", re.ASCII)
_CONTENT_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status, the headers in use by their names in lower case, and the body's `size` in bytes."""

    status: int
    headers: dict[str, str]
    size: int


class ConnectionBroken(ConnectionError):
    """The connection was closed, or the server sent something that is not a valid response."""


class HttpConnection(asyncio.BufferedProtocol):
    """Handles one request at a time. A response without a length raises `ConnectionBroken`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._head_bytes = bytearray(_MAX_HEAD_BYTES)
        self._head_filled = 0
        self._head: ResponseHead | None = None
        self._chunks: deque[bytearray] = deque()
        self._chunk = bytearray()
        self._chunk_filled = 0
        self._body_left = 0
        self._chunk_bytes = 0
        self._is_paused = self._is_open = self._is_pending = False
        self._is_persistent = True
        self.has_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        self._is_open = False
        self._wake()

    def eof_received(self) -> bool:
        return False

    @property
    def is_reusable(self) -> bool:
        """Whether another request can be sent: the last response was read to its end, and neither side has closed."""
        return self._is_open and self._is_persistent and not self._is_pending and not self._chunks

    def abort(self) -> None:
        """Close the connection immediately, even during a response."""
        self._is_persistent = False
        if self._is_open:
            self._transport.abort()

    async def send(self, request: bytes, chunk_bytes: int) -> ResponseHead:
        """Send a request and wait for the response's head; `read` gives the body in chunks of `chunk_bytes`.

        Raises `ConnectionBroken`.
        """
        self._head_filled, self._head, self._chunk_bytes = 0, None, chunk_bytes
        self._is_pending, self.has_answered = True, False
        self._transport.write(request)
        while (head := self._head) is None:
            await self._wait()
        return head

    async def read(self) -> bytearray | None:
        """The next chunk of the body, None at its end. Raises `ConnectionBroken`."""
        while not self._chunks:
            if not self._is_pending:
                return None
            await self._wait()
        chunk = self._chunks.popleft()
        if self._is_paused and len(self._chunks) < _MAX_WAITING_CHUNKS and self._is_open:
            self._is_paused = False
            self._transport.resume_reading()
        return chunk

    async def _wait(self) -> None:
        if not self._is_open:
            raise ConnectionBroken("the connection was closed")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for the next bytes."""
        if self._head is None or not self._is_pending:
            return memoryview(self._head_bytes)[self._head_filled :]
        return memoryview(self._chunk)[self._chunk_filled :]

    def buffer_updated(self, count: int) -> None:
        """Account for `count` bytes that were received."""
        if not self._is_pending:
            self.abort()  # a response without a request
        elif self._head is None:
            self.has_answered = True
            self._head_filled += count
            self._parse_head()
        else:
            self._advance(count)

    def _parse_head(self) -> None:
        end = self._head_bytes.find(b"\r\n\r\n", 0, self._head_filled)
        if end < 0:
            if self._head_filled == _MAX_HEAD_BYTES:
                self.abort()
            return
        try:
            self._head = head = parse(bytes(self._head_bytes[:end]))
        except ValueError:
            self.abort()
            return
        self._is_persistent = self._is_persistent and head.headers.get("connection", "").lower() != "close"
        self._body_left = head.size
        rest = self._head_bytes[end + 4 : self._head_filled]
        self._head_filled = 0
        self._start_chunk()
        while rest and self._is_pending:
            part = rest[: len(self._chunk) - self._chunk_filled]
            self._chunk[self._chunk_filled : self._chunk_filled + len(part)] = part
            del rest[: len(part)]
            self._advance(len(part))
        if rest:
            self.abort()
        self._wake()

    def _advance(self, count: int) -> None:
        self._chunk_filled += count
        self._body_left -= count
        if self._chunk_filled == len(self._chunk):
            self._chunks.append(self._chunk)
            self._start_chunk()
            self._wake()

    def _start_chunk(self) -> None:
        """Allocate the next chunk. The response is complete when nothing of the body is left."""
        self._chunk, self._chunk_filled = bytearray(min(self._body_left, self._chunk_bytes)), 0
        self._is_pending = self._body_left > 0
        if self._is_pending and len(self._chunks) >= _MAX_WAITING_CHUNKS and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()


def parse(head: bytes) -> ResponseHead:
    """Parse a response's head without its last empty line (RFC 9112 sections 4 and 5). Raises `ValueError`.

    Only responses with a Content-Length are supported; S3 sends it in response to a GET.
    """
    text = head.decode("latin-1")
    headers: dict[str, str] = {}
    for name, value in _HEADER.findall(text):
        if headers.setdefault(name.lower(), value) != value:
            raise ValueError(f"two different values of {name.lower()}")
    length = headers.get("content-length", "")
    if not _STATUS_LINE.match(text) or "transfer-encoding" in headers or not _CONTENT_LENGTH.fullmatch(length):
        raise ValueError("a response without a valid length")
    return ResponseHead(int(text[9:12]), headers, int(length))
