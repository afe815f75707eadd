"""/metrics on its own port, with slow clients."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack

import aiohttp
import pytest

from pymager.telemetry import server
from pymager.telemetry.exposition import MetricsCollector
from pymager.telemetry.shared_memory import SharedMetrics
from tests.live.scraped import Scrape, scraped
from tests.servers.process import free_port

_PLACES = 16
_UNTIL = 30.0


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server that gives each request half a second."""
    monkeypatch.setattr(server, "_REQUEST_TIMEOUT_SECONDS", 0.5)
    collector, shared, port = MetricsCollector(), SharedMetrics(), free_port()
    collector.add(shared, 1)
    with server.exposed("127.0.0.1", port, collector, supervisor=False):
        yield port


async def test_slow_clients_do_not_block_prometheus(port: int) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(_PLACES)]
        sending = asyncio.create_task(_dribble(slow))
        async with asyncio.timeout(_UNTIL):
            while await _scraped(port) is None:
                await asyncio.sleep(0.05)
        sending.cancel()


async def _dribble(connections: list[socket.socket]) -> None:
    while True:
        for connection in connections:
            try:
                connection.send(b"G")
            except OSError:
                continue
        await asyncio.sleep(0.02)


async def _scraped(port: int) -> Scrape | None:
    try:
        return await scraped(port)
    except aiohttp.ClientError:
        return None
