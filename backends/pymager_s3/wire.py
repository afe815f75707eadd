"""One connection to a bucket's server: sends a GET, and reads its answer into the memory where it stays."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import cast

_HEAD = 16 << 10
# The headers that are looked at; the rest is not taken apart.
_HEADER = re.compile(
    r"\r\n(connection|content-encoding|content-length|content-range|etag|last-modified|transfer-encoding)"
    r":[ \t]*([^\r\n]*[^\r\n\t ])",
    re.ASCII | re.IGNORECASE,
)
_FIRST = re.compile(r"HTTP/1\.1 [1-5][0-9]{2}(?: |\r\n)", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's status, the headers that matter by their names in lower case, and the body's length in bytes."""

    status: int
    headers: dict[str, str]
    size: int


class Cut(ConnectionError):
    """The connection ended, or what came over it was no answer that can be read."""


class Connection(asyncio.BufferedProtocol):
    """Carries one request at a time. Answers without a length are refused: `Cut`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._head_bytes = bytearray(_HEAD)
        self._filled = 0
        self._head: Head | None = None
        self._pieces: deque[bytearray] = deque()
        self._piece = bytearray()
        self._at = 0
        self._left = 0
        self._size = 0
        self._is_paused = self._is_open = self._is_asked = False
        self._keeps = True
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
        """Whether another request can be sent: the last answer was read to its end, and neither side has closed."""
        return self._is_open and self._keeps and not self._is_asked and not self._pieces

    def abort(self) -> None:
        """End it at once, whatever is under way."""
        self._keeps = False
        if self._is_open:
            self._transport.abort()

    async def ask(self, request: bytes, piece: int) -> Head:
        """Send a request and wait for its answer's head; its body comes in pieces of `piece` bytes. Raises `Cut`."""
        self._filled, self._head, self._size = 0, None, piece
        self._is_asked, self.has_answered = True, False
        self._transport.write(request)
        while (head := self._head) is None:
            await self._more()
        return head

    async def read(self) -> bytearray | None:
        """The next piece of the body, None behind its end. Raises `Cut`."""
        while not self._pieces:
            if not self._is_asked:
                return None
            await self._more()
        piece = self._pieces.popleft()
        if self._is_paused and len(self._pieces) < _AHEAD and self._is_open:
            self._is_paused = False
            self._transport.resume_reading()
        return piece

    async def _more(self) -> None:
        if not self._is_open:
            raise Cut("the connection ended")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes belong."""
        if self._head is None or not self._is_asked:
            return memoryview(self._head_bytes)[self._filled :]
        return memoryview(self._piece)[self._at :]

    def buffer_updated(self, count: int) -> None:
        """Take note of bytes that came."""
        if not self._is_asked:
            self.abort()  # nobody asked for them
        elif self._head is None:
            self.has_answered = True
            self._filled += count
            self._take_head()
        else:
            self._advance(count)

    def _take_head(self) -> None:
        end = self._head_bytes.find(b"\r\n\r\n", 0, self._filled)
        if end < 0:
            if self._filled == _HEAD:
                self.abort()
            return
        try:
            self._head = head = parse(bytes(self._head_bytes[:end]))
        except ValueError:
            self.abort()
            return
        self._keeps = self._keeps and head.headers.get("connection", "").lower() != "close"
        self._left = head.size
        rest = self._head_bytes[end + 4 : self._filled]
        self._filled = 0
        self._next_piece()
        while rest and self._is_asked:
            part = rest[: len(self._piece) - self._at]
            self._piece[self._at : self._at + len(part)] = part
            del rest[: len(part)]
            self._advance(len(part))
        if rest:
            self.abort()
        self._wake()

    def _advance(self, count: int) -> None:
        self._at += count
        self._left -= count
        if self._at == len(self._piece):
            self._pieces.append(self._piece)
            self._next_piece()
            self._wake()

    def _next_piece(self) -> None:
        """Make room for what is left; nothing is left of an answer that is whole."""
        self._piece, self._at = bytearray(min(self._left, self._size)), 0
        self._is_asked = self._left > 0
        if self._is_asked and len(self._pieces) >= _AHEAD and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()


def parse(head: bytes) -> Head:
    """An answer's head without its last empty line (RFC 9112 sections 4 and 5). Raises `ValueError`.

    Only answers that say their length can be read, as S3's do to a GET.
    """
    text = head.decode("latin-1")
    headers: dict[str, str] = {}
    for name, value in _HEADER.findall(text):
        if headers.setdefault(name.lower(), value) != value:
            raise ValueError(f"two of {name.lower()}")
    length = headers.get("content-length", "")
    if not _FIRST.match(text) or "transfer-encoding" in headers or not _LENGTH.fullmatch(length):
        raise ValueError("an answer without a length")
    return Head(int(text[9:12]), headers, int(length))
