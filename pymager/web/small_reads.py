"""Reads from connections in small steps: a client that sends faster than its body is used takes little memory."""

import asyncio
from collections.abc import Callable

MIN_READ_BYTES = 32 * 1024
MAX_READ_BYTES = 256 * 1024
_SHARED_READ_BYTES = 4 << 20  # of all connections together, where each has at least the minimum


def read_bytes(connections: int) -> int:
    """How much to read in one piece while there are so many connections.

    A piece costs about 50 microseconds, whatever its size, and one that is not used yet is kept in memory.
    """
    return max(MIN_READ_BYTES, min(MAX_READ_BYTES, _SHARED_READ_BYTES // max(1, connections)))


class SmallReads(asyncio.BufferedProtocol):
    """Passes everything on to `protocol`, and its data in pieces of at most `size()` bytes and the size of `buffer`.

    A plain protocol gets up to 256 KB in one piece from uvloop, before it can pause reading. Connections can share a
    buffer: a piece is copied and passed on before the next one is read.
    """

    __slots__ = ("_buffer", "_protocol", "_size")

    def __init__(self, protocol: asyncio.Protocol, buffer: memoryview, size: Callable[[], int]) -> None:
        self._protocol = protocol
        self._buffer = buffer
        self._size = size

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[: self._size()]

    def buffer_updated(self, nbytes: int) -> None:
        self._protocol.data_received(bytes(self._buffer[:nbytes]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()
