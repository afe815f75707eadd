"""Connections of clients that stall, on a real socket."""

import asyncio

from aiohttp import web

from pymager.web.connections import Connection, ConnectionLimits, make_connection
from tests.waiting import until

HOUR = 3_600.0
LIMITS = ConnectionLimits(
    max_connections=10, header_timeout=0.05, stall_timeout=HOUR, min_rate=1, keepalive_timeout=HOUR
)


async def test_the_header_timeout_also_covers_headers_that_begin_during_a_response() -> None:
    request_received, answered = asyncio.Event(), asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.Response:
        request_received.set()
        await answered.wait()
        return web.Response(text="at last")

    manager = web.Server(slow)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(make_connection(manager, LIMITS), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await request_received.wait()
        writer.write(b"GET / HT")
        (connection,) = manager.connections
        assert isinstance(connection, Connection)
        await until(lambda: connection._header_timer is not None)
        first = connection._header_timer
        await until(lambda: connection._header_timer is not first)  # its time is over, and the answer is not there yet
        answered.set()
        async with asyncio.timeout(60):
            assert (await reader.read()).endswith(b"at last")
    finally:
        writer.close()
        listener.close()
        await manager.shutdown(1)
