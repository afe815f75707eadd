"""A proxy in front of a database that loses the answer to one chosen request, after the request took effect."""

import asyncio
import re
from contextlib import suppress
from types import TracebackType
from typing import Self


class Losing:
    """Forwards a port of 127.0.0.1 to the port of a server.

    After `lose`, the proxy waits for the first answer to a request that matches the pattern, drops it, and closes the
    connection on both sides. `lost` counts dropped answers. With `and_all_after` nothing gets through from then on,
    until `mend`: nobody can find out the outcome of the request.
    """

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._pattern: re.Pattern[bytes] | None = None
        self._and_all_after = self._is_cut = False
        self._served: set[asyncio.Task[None]] = set()
        self.lost = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
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

    def lose(self, pattern: bytes, *, and_all_after: bool = False) -> None:
        """Lose the answer to the next request that matches the pattern."""
        self._pattern = re.compile(pattern, re.DOTALL)
        self._and_all_after = and_all_after

    def mend(self) -> None:
        """Lose nothing from now on."""
        self._pattern, self._is_cut = None, False

    def _cut(self) -> None:
        """With `and_all_after`, lose everything else in progress too."""
        self._is_cut = self._and_all_after
        for task in self._served if self._is_cut else ():
            task.cancel()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._is_cut:
            to_client.transport.abort()
            return
        self._served.add(task)
        server, to_server = await asyncio.open_connection("127.0.0.1", self._upstream)
        request = bytearray()
        pumps = [
            asyncio.create_task(self._requests(client, to_server, request)),
            asyncio.create_task(self._answers(server, to_client, request)),
        ]
        with suppress(asyncio.CancelledError):
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        for end in (to_server, to_client):
            end.transport.abort()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._served.discard(task)

    async def _requests(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, request: bytearray
    ) -> None:
        with suppress(ConnectionError):
            while data := await client.read(1 << 16):
                request += data
                to_server.write(data)
                await to_server.drain()

    async def _answers(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, request: bytearray) -> None:
        with suppress(ConnectionError):
            while data := await server.read(1 << 16):
                if self._pattern is not None and self._pattern.search(request):
                    self._pattern = None
                    self.lost += 1
                    self._cut()
                    return
                request.clear()
                to_client.write(data)
                await to_client.drain()
