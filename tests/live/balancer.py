"""A load balancer for TCP, like Kubernetes' own: replicas that are not ready get no new connections; no retries."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from tests.live.client import connected, head

_OFTEN = 0.05
_PIECE = 1 << 16


@dataclass(slots=True)
class Target:
    """A replica's port, whether its last `/readyz` was 200, and its number of open connections."""

    port: int
    ready: bool = False
    connections: int = 0


class Balancer:
    """Listens on `port`, and gives each new connection to the next replica whose `/readyz` was 200 last time."""

    def __init__(self) -> None:
        self.targets: list[Target] = []
        self.port = 0
        self._chosen: dict[int, Target] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1_024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, port: int) -> Target:
        """Add a replica; it gets connections when it is ready."""
        target = Target(port)
        self.targets.append(target)
        self._keep(asyncio.create_task(self._watch(target)))
        return target

    def remove(self, target: Target) -> None:
        """Remove a replica."""
        self.targets.remove(target)

    def target_of(self, port: int) -> Target | None:
        """The replica that the connection from a client's port leads to."""
        return self._chosen.get(port)

    async def _watch(self, target: Target) -> None:
        while target in self.targets:
            target.ready = await _is_ready(target.port)
            await asyncio.sleep(_OFTEN)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = [target for target in self.targets if target.ready]
        self._turn += 1
        if not ready:
            writer.transport.abort()
            return
        target = ready[self._turn % len(ready)]
        client = writer.get_extra_info("peername")[1]
        target.connections += 1  # before anything is awaited: whoever looks sees it as soon as it is chosen
        self._chosen[client] = target
        try:
            await _joined(reader, writer, target.port)
        finally:
            target.connections -= 1
            del self._chosen[client]
            writer.close()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(5), connected(port) as raw:
            await raw.send(head("GET", "/readyz", Connection="close"))
            return (await raw.head())[0] == 200
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Forward bytes in both directions until either side disconnects."""
    try:
        upstream, into = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.transport.abort()
        return
    try:
        ways = [asyncio.create_task(_carry(reader, into)), asyncio.create_task(_carry(upstream, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    finally:
        into.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
