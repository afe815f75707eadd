"""A body that nobody reads takes little memory, however fast it arrives."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop
from aiohttp import web

from pymager.web.connections import Shared, make_connection
from pymager.web.small_reads import MAX_READ_BYTES, MIN_READ_BYTES, read_bytes
from tests.unit.web.patience import LIMITS
from tests.waiting import until

PAUSE_BYTES = 16 * 1024
BODY = bytes(range(256)) * (4 << 12)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def test_many_connections_together_read_little_more_than_few() -> None:
    assert read_bytes(1) == read_bytes(16) == MAX_READ_BYTES
    assert read_bytes(128) == read_bytes(4_096) == MIN_READ_BYTES == 32 * 1024
    assert all(read_bytes(number) * number <= (4 << 20) + MIN_READ_BYTES * number for number in range(1, 4_096))


async def test_a_body_that_is_not_read_is_held_back_and_then_arrives_whole() -> None:
    requests: list[web.BaseRequest] = []
    read_on = asyncio.Event()

    async def late(request: web.BaseRequest) -> web.Response:
        requests.append(request)
        await read_on.wait()
        return web.Response(text=str(await request.content.read() == BODY))

    manager = web.Server(late)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(make_connection(manager, Shared.of(LIMITS)), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        writer.write(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        writer.write(BODY)
        await until(lambda: requests and requests[0].content.total_bytes)
        await until(lambda: manager.connections[0]._reading_paused)
        assert requests[0].content.total_bytes <= MAX_READ_BYTES + PAUSE_BYTES
        read_on.set()
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(4) == b"True"
    finally:
        writer.close()
        listener.close()
        await manager.shutdown(1)
