"""Reads from connections in small steps: a client that sends faster than its body is used takes little memory."""

import asyncio


class SmallReads(asyncio.BufferedProtocol):
    """Passes everything on to `protocol`, and its data in pieces of at most the size of `buffer`.

    A plain protocol gets up to 256 KB in one piece from uvloop, before it can pause reading. Connections can share a
    buffer: a piece is copied and passed on before the next one is read.
    """

    __slots__ = ("_buffer", "_protocol")

    def __init__(self, protocol: asyncio.Protocol, buffer: bytearray) -> None:
        self._protocol = protocol
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._protocol.data_received(bytes(memoryview(self._buffer)[:nbytes]))

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
