"""Direct requests, which bypass aiohttp, between others on one connection."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.http import RawRequestMessage

from pymager.telemetry.context import CURRENT, RequestContext
from pymager.web.connections import Connection, ConnectionLimits, Shared, make_connection
from pymager.web.direct import DirectHandler, DirectRequest
from tests.unit.web.patience import LIMITS
from tests.waiting import until

DIRECT = b"GET /direct HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
FOUND = re.compile("/direct")


class Sent:
    """A response that was sent."""

    status = 200

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive


class Site:
    """A server that answers `/direct` directly, with its number, as soon as `may_respond` is set."""

    server: web.Server

    def __init__(self) -> None:
        self.may_respond = asyncio.Event()
        self.may_respond.set()
        self.keep_alive = True
        self.error: Exception | None = None
        self.contexts: list[RequestContext | None] = []
        self.was_canceled = False

    def match(self, message: RawRequestMessage) -> re.Match[str] | None:
        return FOUND.fullmatch(message.path)

    def context(self, request: DirectRequest) -> RequestContext:
        return RequestContext(f"request-{len(self.contexts)}", request.remote, time.perf_counter())

    async def respond(self, request: DirectRequest) -> Any:
        self.contexts.append(CURRENT.get())
        try:
            await self.may_respond.wait()
        except asyncio.CancelledError:
            self.was_canceled = True
            raise
        if self.error is not None:
            raise self.error
        assert request.protocol.transport is not None
        request.protocol.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect")
        return Sent(keep_alive=self.keep_alive)

    async def other(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text="other.")

    @property
    def connection(self) -> Connection:
        (connection,) = self.server.connections
        assert isinstance(connection, Connection)
        return connection


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def bodies(self, count: int) -> list[bytes]:
        async with asyncio.timeout(60):
            return [
                (await self.reader.readuntil(b"\r\n\r\n"), await self.reader.readexactly(6))[1] for _ in range(count)
            ]

    async def rest(self) -> bytes:
        async with asyncio.timeout(60):
            return await self.reader.read()


@asynccontextmanager
async def connected(site: Site, limits: ConnectionLimits = LIMITS) -> AsyncIterator[Client]:
    server = site.server = web.Server(site.other)
    handler = DirectHandler(site.match, site.context, site.respond)
    loop = asyncio.get_running_loop()
    factory = make_connection(server, Shared.of(limits, direct=handler))
    listener = await loop.create_server(factory, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        listener.close()
        await server.shutdown(1)


async def test_direct_requests_and_others_take_turns_on_a_connection() -> None:
    site = Site()
    async with connected(site) as client:
        for request, body in [(DIRECT, b"direct"), (OTHER, b"other."), (DIRECT, b"direct")] * 30:
            client.writer.write(request)
            assert await client.bodies(1) == [body]
    assert [context and context.id for context in site.contexts] == [f"request-{number}" for number in range(60)]
    assert {context.client for context in site.contexts if context} == {"127.0.0.1"}


class QuickClient(asyncio.Transport):
    """The other end of a connection: it sends the next request as soon as it has a response."""

    def __init__(self, loop: asyncio.AbstractEventLoop, requests: list[bytes]) -> None:
        super().__init__()
        self._loop = loop
        self._requests = requests
        self.received: list[bytes] = []
        self.closed = False

    def connect(self, connection: Connection) -> None:
        """Connect, and send the first request before the server does anything else."""
        self._connection = connection
        connection.connection_made(self)
        connection.data_received(self._requests.pop(0))

    def write(self, data: Any) -> None:
        self.received.append(bytes(data)[-6:])
        if self._requests:  # before the event loop does what became ready while the response was sent
            self._loop.call_soon(self._connection.data_received, self._requests.pop(0))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever buffered."""

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self._connection.connection_lost, None)


@asynccontextmanager
async def quickly_connected(site: Site, requests: list[bytes]) -> AsyncIterator[QuickClient]:
    server = site.server = web.Server(site.other)
    handler = DirectHandler(site.match, site.context, site.respond)
    loop = asyncio.get_running_loop()
    client = QuickClient(loop, requests)
    client.connect(Connection(server, loop, Shared.of(LIMITS, direct=handler)))
    try:
        yield client
    finally:
        client.close()
        await server.shutdown(1)


@pytest.mark.parametrize("before", [[], [OTHER], [DIRECT, OTHER], [OTHER, OTHER]])
async def test_a_direct_request_that_arrives_before_aiohttp_waits_for_it_is_direct(before: list[bytes]) -> None:
    requests = [*before, DIRECT, DIRECT]
    site = Site()
    async with quickly_connected(site, list(requests)) as client:
        await until(lambda: len(client.received) == len(requests))
        await until(lambda: site.connection.is_idle)
    assert client.received == [b"direct" if request is DIRECT else b"other." for request in requests]
    assert len(site.contexts) == requests.count(DIRECT)


@pytest.mark.parametrize("behind", [OTHER, DIRECT, OTHER + DIRECT])
async def test_requests_right_behind_one_that_arrives_so_early_are_answered_after_it(behind: bytes) -> None:
    site = Site()
    async with quickly_connected(site, [DIRECT]) as client:
        assert not site.connection.is_idle
        site.connection.data_received(behind)
        count = behind.count(b"GET")
        await until(lambda: len(client.received) == 1 + count)
        await until(lambda: site.connection.is_idle)
    assert [context and context.id for context in site.contexts] == []  # what is pipelined is aiohttp's
    assert client.received == [b"other."] * (1 + count)


async def test_a_client_that_leaves_right_after_such_a_request_leaves_nothing_behind() -> None:
    site = Site()
    async with quickly_connected(site, [DIRECT]) as client:
        client.close()
        await until(lambda: not site.server.connections)
    assert client.received == []


@pytest.mark.parametrize("behind", [OTHER, DIRECT, OTHER * 100, DIRECT + OTHER])
async def test_requests_behind_a_direct_one_are_answered_after_it(behind: bytes) -> None:
    site = Site()
    site.may_respond.clear()
    async with connected(site) as client:
        client.writer.write(DIRECT)
        await until(lambda: len(site.contexts) == 1)
        client.writer.write(behind)
        await asyncio.sleep(0.01)
        assert not site.connection.is_idle
        site.may_respond.set()
        count = behind.count(b"GET")
        assert await client.bodies(1 + count) == [b"direct", *[b"other."] * count]
        await until(lambda: site.connection.is_idle)
    assert len(site.contexts) == 1  # what is pipelined is aiohttp's


async def test_two_requests_that_arrive_together_are_answered_in_order() -> None:
    site = Site()
    async with connected(site) as client:
        client.writer.write(OTHER + DIRECT)
        assert await client.bodies(2) == [b"other.", b"other."]
        client.writer.write(DIRECT)
        assert await client.bodies(1) == [b"direct"]


async def test_a_connection_that_is_idle_after_a_direct_request_is_closed() -> None:
    site = Site()
    site.may_respond.clear()
    async with connected(site, replace(LIMITS, keepalive_timeout=0.05)) as client:
        client.writer.write(DIRECT)
        await until(lambda: len(site.contexts) == 1)
        await until(lambda: site.connection._keepalive_handle is None)  # it does not count while a response is due
        site.may_respond.set()
        assert (await client.rest()).endswith(b"direct")


async def test_a_connection_closes_after_a_direct_response_that_says_so() -> None:
    site = Site()
    site.keep_alive = False
    async with connected(site) as client:
        client.writer.write(DIRECT)
        assert (await client.rest()).endswith(b"direct")
        await until(lambda: not site.server.connections)


async def test_a_bug_behind_a_direct_request_is_logged_and_closes_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site()
    site.error = ZeroDivisionError("a bug")
    async with connected(site) as client:
        client.writer.write(DIRECT)
        assert await client.rest() == b""
        await until(lambda: not site.server.connections)
    assert "a bug" in caplog.text


async def test_a_client_that_leaves_is_known_to_its_direct_request() -> None:
    site = Site()
    site.may_respond.clear()
    async with connected(site) as client:
        client.writer.write(DIRECT)
        await until(lambda: len(site.contexts) == 1)
        (context,) = site.contexts
        assert context is not None and not context.client_left
        client.writer.transport.abort()
        await until(lambda: context.client_left)
        site.error = ConnectionResetError()
        site.may_respond.set()


async def test_a_stop_waits_for_a_direct_request() -> None:
    site = Site()
    site.may_respond.clear()
    async with connected(site) as client:
        client.writer.write(DIRECT)
        await until(lambda: len(site.contexts) == 1)
        stop = asyncio.create_task(site.server.shutdown(60))
        await asyncio.sleep(0.01)
        site.may_respond.set()
        assert await client.bodies(1) == [b"direct"]
        async with asyncio.timeout(60):
            await stop
    assert not site.was_canceled


async def test_a_stop_cancels_a_direct_request_that_takes_too_long() -> None:
    site = Site()
    site.may_respond.clear()
    async with connected(site) as client:
        client.writer.write(DIRECT)
        await until(lambda: len(site.contexts) == 1)
        await site.server.shutdown(0.01)
        assert site.was_canceled
        assert await client.rest() == b""
