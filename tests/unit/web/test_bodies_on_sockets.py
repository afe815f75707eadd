"""Request bodies over real connections: clients that stall, disconnect, break the framing, or wait for 100 Continue."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from pymager.errors import PymagerError
from pymager.telemetry.context import RequestContext
from pymager.web import bodies, failures
from pymager.web.bodies import BodyLimits
from pymager.web.failures import BadRequest, RequestTimeout
from pymager.web.request_context import CONTEXT
from tests.waiting import until

STALL = 0.3
LIMITS = BodyLimits(max_bytes=1 << 20, stall_timeout=STALL, min_rate=1_000)
SHORT = BodyLimits(max_bytes=1_000, stall_timeout=30.0, min_rate=1)


async def _wait_for_body(request: web.Request) -> None:
    """As the application does."""


@dataclass(slots=True)
class Uploads:
    """A server that reads bodies, and what it received."""

    limits: BodyLimits
    port: int = 0
    got: bytearray = field(default_factory=bytearray)
    ended: list[BaseException | None] = field(default_factory=list)
    pause: Callable[[], Awaitable[None]] | None = None
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        request[CONTEXT] = RequestContext("1", "192.0.2.1", started=0.0)
        reader = bodies.bare_body if request.method == "PUT" else bodies.form_file
        try:
            bodies.check_headers(request, self.limits)
            await bodies.send_continue(request)
            async for chunk in reader(request, self.limits):
                self.got += chunk
                if self.pause is not None:
                    await self.pause()
        except PymagerError as error:
            self.ended.append(error)
            return failures.error_response(error, "")
        except BaseException as error:
            self.ended.append(error)
            raise
        self.ended.append(None)
        return web.Response(text="taken")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.clients.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        for client in self.clients:
            client.close()
            with suppress(ConnectionError):
                await client.wait_closed()


@asynccontextmanager
async def serving(limits: BodyLimits) -> AsyncIterator[Uploads]:
    uploads = Uploads(limits)
    app = web.Application()
    for method in ("PUT", "POST"):
        app.router.add_route(method, "/", uploads.handle, expect_handler=_wait_for_body)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        uploads.port = runner.addresses[0][1]
        yield uploads
    finally:
        await uploads.hang_up()
        await runner.cleanup()


@pytest.fixture
async def uploads() -> AsyncIterator[Uploads]:
    async with serving(LIMITS) as several:
        yield several


@pytest.fixture
async def small_uploads() -> AsyncIterator[Uploads]:
    async with serving(SHORT) as several:
        yield several


def head(*lines: str, method: str = "PUT", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: here", *lines, "", ""]).encode("latin-1")


async def answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    async with asyncio.timeout(20):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:"))
        body = (await reader.readexactly(length)).decode()
    status = int(lines[0].split()[1])
    return status, body if status == 200 else json.loads(body)["detail"]


async def exchanged(uploads: Uploads, request: bytes) -> tuple[int, str]:
    reader, writer = await uploads.connect()
    writer.write(request)
    return await answer(reader)


async def test_a_body_that_stalls_is_cut_off(uploads: Uploads) -> None:
    reader, writer = await uploads.connect()
    writer.write(head("Content-Length: 100000") + b"x" * 5_000)
    status, detail = await answer(reader)
    assert status == 408
    assert "1000 bytes per second over 0.3 seconds" in detail
    assert len(uploads.got) == 5_000


async def test_a_body_that_trickles_is_cut_off(uploads: Uploads) -> None:
    reader, writer = await uploads.connect()
    writer.write(head("Content-Length: 100000"))

    async def trickle() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(STALL / 20)

    trickling = asyncio.create_task(trickle())
    assert (await answer(reader))[0] == 408
    trickling.cancel()
    assert 0 < len(uploads.got) < LIMITS.min_rate * STALL


async def test_the_time_that_the_server_takes_does_not_count(uploads: Uploads) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await uploads.connect()

    async def store_slowly() -> None:
        uploads.pause = None
        begun = loop.time()
        await until(lambda: loop.time() > begun + 2 * STALL)
        loop.call_soon(writer.write, b"yz")  # only now: nothing is there yet when the server wants to read on

    uploads.pause = store_slowly
    writer.write(head("Content-Length: 3") + b"x")
    assert await answer(reader) == (200, "taken")
    assert uploads.got == b"xyz"


async def test_a_steady_body_is_accepted_however_long_it_takes(uploads: Uploads) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await uploads.connect()
    writer.write(head("Transfer-Encoding: chunked"))
    begun, sent = loop.time(), 0
    while loop.time() < begun + 3 * STALL:
        writer.write(b"800\r\n" + b"x" * 0x800 + b"\r\n")
        sent += 0x800
        await until(lambda: len(uploads.got) == sent)  # noqa: B023
    writer.write(b"0\r\n\r\n")
    assert await answer(reader) == (200, "taken")


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"3\r\nabcX", b"-1\r\n", b"fffffffffffffffffffff\r\n", b"1;\xff\n\n"])
async def test_malformed_chunks_are_never_a_complete_body(uploads: Uploads, chunk: bytes) -> None:
    """aiohttp does not report them to the handler, which sees a body that stalls."""
    reader, writer = await uploads.connect()
    writer.write(head("Transfer-Encoding: chunked") + b"3\r\nabc\r\n")
    await until(lambda: uploads.got == b"abc")
    writer.write(chunk + b"0\r\n\r\n")
    status, _ = await answer(reader)
    assert status in (400, 408)
    assert isinstance(uploads.ended[0], (BadRequest, RequestTimeout))


async def test_a_client_that_disconnects_is_a_connection_error(small_uploads: Uploads) -> None:
    _, writer = await small_uploads.connect()
    writer.write(head("Content-Length: 100") + b"abc")
    await until(lambda: small_uploads.got == b"abc")
    writer.close()
    await until(lambda: small_uploads.ended)
    assert isinstance(small_uploads.ended[0], ConnectionError)


async def test_a_client_that_waits_gets_100_continue(small_uploads: Uploads) -> None:
    reader, writer = await small_uploads.connect()
    writer.write(head("Content-Length: 3", "Expect: 100-Continue"))
    async with asyncio.timeout(20):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert small_uploads.got == b""
    writer.write(b"abc")
    assert await answer(reader) == (200, "taken")


async def test_a_client_that_waits_can_be_refused_before_its_body(small_uploads: Uploads) -> None:
    reader, writer = await small_uploads.connect()
    writer.write(head("Content-Length: 1001", "Expect: 100-continue"))
    assert (await answer(reader))[0] == 413


async def test_a_client_of_http_1_0_gets_no_100_continue(small_uploads: Uploads) -> None:
    """RFC 9110 section 10.1.1: the expectation must be ignored there."""
    request = head("Content-Length: 3", "Expect: 100-continue", version="1.0") + b"abc"
    assert await exchanged(small_uploads, request) == (200, "taken")


async def test_another_expectation_is_refused(small_uploads: Uploads) -> None:
    request = head("Content-Length: 3", "Expect: a-miracle") + b"abc"
    assert (await exchanged(small_uploads, request))[0] == 400


async def test_a_chunked_body_is_limited_to_the_byte(small_uploads: Uploads) -> None:
    chunked = head("Transfer-Encoding: chunked")
    fits = b"3e8\r\n" + b"x" * 1_000 + b"\r\n0\r\n\r\n"
    assert await exchanged(small_uploads, chunked + fits) == (200, "taken")
    assert len(small_uploads.got) == 1_000
    over = b"3e9\r\n" + b"x" * 1_001 + b"\r\n0\r\n\r\n"
    assert (await exchanged(small_uploads, chunked + over))[0] == 413


async def test_a_boundary_that_is_not_utf_8_is_a_bad_request(small_uploads: Uploads) -> None:
    request = head('Content-Type: multipart/form-data; boundary="\xff"', "Content-Length: 1", method="POST") + b"x"
    status, detail = await exchanged(small_uploads, request)
    assert status == 400
    assert "boundary" in detail
