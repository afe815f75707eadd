"""What stands between a front server and its origin, and can be cut."""

import asyncio
from contextlib import suppress
from typing import Self

_PIECE = 1 << 16


class Relay:
    """Carries connections to `target`. While it is `cut` none is taken, and those that stood are reset."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def mend(self) -> None:
        """Listen, again on the same port."""
        if self._server is not None and self._server.is_serving():
            return
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, into = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, into}
        try:
            await asyncio.gather(_carry(reader, into), self._carry_back(upstream, writer))
        finally:
            self._open -= {writer, into}
            writer.close()
            into.close()

    async def _carry_back(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _carry(upstream, writer)


class HoldingRelay(Relay):
    """Holds back what the origin sends while `is_open` is not set. Its target can be set later."""

    def __init__(self) -> None:
        super().__init__(0)
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.held = 0

    def set_target(self, port: int) -> None:
        self._target = port

    async def _carry_back(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await upstream.read(_PIECE):
                if not self.is_open.is_set():
                    self.held += len(piece)
                    await self.is_open.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side hangs up; then neither has more to say."""
    with suppress(ConnectionError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
