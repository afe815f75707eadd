"""A reverse proxy for an S3 server that records requests and injects faults."""

import asyncio
import re
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Front:
    """Forwards a port of 127.0.0.1 to another, with TLS if it has a context.

    `connections` counts the connections, `open` those that are open. `requests` has each request's method and path,
    and `heads` everything before its body. Faults: the next `refusals` requests get a 503. While `is_spoiling`, a bit
    of each request body is flipped. The next request that contains `lost_response` reaches the server, but its response
    is dropped with the connection. The next one that contains `cut_request` is cut in the middle of its body.
    """

    def __init__(self, upstream: int, context: ssl.SSLContext | None = None) -> None:
        self._upstream = upstream
        self._context = context
        self._served: set[asyncio.Task[None]] = set()
        self.connections = self.open = 0
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.refusals = 0
        self.is_spoiling = False
        self.lost_response: str | None = None
        self.cut_request: str | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # the transports close their sockets now

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        self.connections += 1
        self.open += 1
        responses, requests = await asyncio.open_connection("127.0.0.1", self._upstream)
        pump = asyncio.create_task(_pump(responses, writer))
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    if is_lost := self._takes_fault("lost_response", head):
                        pump.cancel()
                        await asyncio.wait([pump])
                    await self._forward(head, reader, requests, writer)
                    if is_lost:
                        await responses.readuntil(b"\r\n\r\n")
                        break
        finally:
            self.open -= 1
            pump.cancel()
            for end in (requests, writer):
                end.transport.abort()
            self._served.discard(task)

    def _takes_fault(self, name: str, head: bytes) -> bool:
        pattern = getattr(self, name)
        if pattern is None or pattern.encode() not in head:
            return False
        setattr(self, name, None)
        return True

    async def _forward(
        self, head: bytes, reader: asyncio.StreamReader, requests: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        self.requests.append(head.partition(b" HTTP/")[0].decode())
        self.heads.append(head.decode())
        found = _LENGTH.search(head)
        left = int(found[1]) if found else 0
        is_refused, self.refusals = self.refusals > 0, max(0, self.refusals - 1)
        end = left // 2 if self._takes_fault("cut_request", head) else 0
        if not is_refused:
            requests.write(head)
        while left and (data := await reader.read(min(left, 65_536))):
            left -= len(data)
            if self.is_spoiling and not left:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if not is_refused:
                requests.write(data)
                await requests.drain()
            if left < end:
                raise ConnectionResetError
        if is_refused:
            writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n%b" % (len(_BUSY), _BUSY))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()
