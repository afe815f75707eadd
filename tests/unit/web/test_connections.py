"""Timeouts of the heads on a connection, on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from aiohttp import web

from pymager.web.connections import Connection, ConnectionLimits, Shared, make_connection
from tests.waiting import until

HOUR = 3_600.0
LIMITS = ConnectionLimits(
    max_connections=10,
    max_per_client=10,
    header_timeout=0.05,
    stall_timeout=HOUR,
    min_rate=1,
    keepalive_timeout=HOUR,
    max_body=1 << 20,
)
PATIENT = replace(LIMITS, header_timeout=HOUR)
PARTIAL = b"GET / HTTP/1.1\r\nHost: x\r\n"
GET = PARTIAL + b"\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nbo\r\n\r\ndy"
CHUNKED = b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: web.Server

    @property
    def connection(self) -> Connection:
        (connection,) = self.server.connections
        assert isinstance(connection, Connection)
        return connection

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces one by one: each is received before the next is sent."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.005)

    async def answers(self, count: int) -> None:
        async with asyncio.timeout(60):
            for _ in range(count):
                assert (await self.reader.readuntil(b"read")).startswith(b"HTTP/1.1 200")


async def read_all(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(text="read")


@asynccontextmanager
async def client(
    limits: ConnectionLimits, handler: Callable[[web.BaseRequest], Awaitable[web.Response]] = read_all
) -> AsyncIterator[Client]:
    server = web.Server(handler)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(make_connection(server, Shared.of(limits)), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        yield Client(reader, writer, server)
    finally:
        writer.close()
        listener.close()
        await server.shutdown(1)


async def test_the_header_timeout_also_covers_headers_that_begin_during_a_response() -> None:
    request_received, answered = asyncio.Event(), asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.Response:
        request_received.set()
        await answered.wait()
        return web.Response(text="at last")

    async with client(LIMITS, slow) as one:
        one.writer.write(GET)
        await request_received.wait()
        one.writer.write(b"GET / HT")
        await until(lambda: one.connection._header_timer is not None)
        first = one.connection._header_timer
        # Its time is over, and the answer is not there yet.
        await until(lambda: one.connection._header_timer is not first)
        answered.set()
        async with asyncio.timeout(60):
            assert (await one.reader.read()).endswith(b"at last")


WHOLE = pytest.mark.parametrize(
    ("whole", "answers"),
    [(GET, 1), (PUT, 1), (CHUNKED, 1), (GET + PUT, 2), (PUT + GET, 2), (CHUNKED + GET, 2), (GET * 40, 40)],
    ids=["get", "put", "chunked", "get-put", "put-get", "chunked-get", "more-than-are-queued"],
)


@WHOLE
@pytest.mark.parametrize("partial", [PARTIAL, b"G", PARTIAL + b"X: y\r\n\r"], ids=["lines", "byte", "almost-all"])
async def test_a_head_that_begins_behind_a_whole_request_has_its_timeout(
    whole: bytes, answers: int, partial: bytes
) -> None:
    async with client(LIMITS) as one:
        await one.send(whole + partial)
        await one.answers(answers)
        async with asyncio.timeout(60):
            assert await one.reader.read() == b""


@WHOLE
async def test_a_connection_that_waits_for_its_next_request_has_no_timeout_of_a_head(
    whole: bytes, answers: int
) -> None:
    async with client(PATIENT) as one:
        await one.send(whole)
        await one.answers(answers)
        await until(lambda: one.connection.is_idle)
        assert one.connection._header_timer is None
        await one.send(b"\r\n")  # an empty line begins no head
        assert one.connection._header_timer is None


@WHOLE
@pytest.mark.parametrize("size", [1, 2, 3, 7, 60])
async def test_pieces_of_any_size_are_the_same_requests(whole: bytes, answers: int, size: int) -> None:
    async with client(PATIENT) as one:
        await until(lambda: one.server.connections)
        for start in range(0, len(whole), size):
            one.connection.data_received(whole[start : start + size])
            await asyncio.sleep(0)
        await one.answers(answers)
        await until(lambda: one.connection.is_idle)
        assert one.connection._header_timer is None
        one.connection.data_received(b"GET")
        assert one.connection._header_timer is not None


async def test_a_slow_body_has_no_timeout_of_a_head() -> None:
    async with client(LIMITS) as one:
        await one.send(PUT[:-4], b"\r", b"\n")
        assert one.connection._header_timer is None
        await one.send(PUT[-2:])
        await one.answers(1)


async def test_the_body_of_a_request_that_waits_behind_another_has_no_timeout_of_a_head() -> None:
    answered = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.Response:
        await answered.wait()
        return await read_all(request)

    async with client(PATIENT, slow) as one:
        await one.send(GET + PUT[:-4], PUT[-4:-2])
        assert one.connection._header_timer is None
        answered.set()
        await one.send(PUT[-2:])
        await one.answers(2)


async def test_a_client_that_leaves_at_once_is_noticed_by_a_handler_that_has_not_begun() -> None:
    failed: list[BaseException] = []

    async def reading(request: web.BaseRequest) -> web.Response:
        try:
            return await read_all(request)
        except BaseException as error:
            failed.append(error)
            raise ConnectionResetError from error

    async with client(PATIENT, reading) as one:
        await until(lambda: one.server.connections)
        connection = one.connection
        connection.data_received(PUT[:-2])
        await asyncio.sleep(0)  # now there is a task for the request, and it has not run yet
        assert not connection._request_in_progress
        connection.connection_lost(OSError(113, "No route to host"))
        await until(lambda: failed)
        assert isinstance(failed[0], ConnectionError)
