"""Clients that stall are cut off in time, and nobody else notices."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from time import monotonic

import pytest
from PIL import Image

from tests.live.client import Client, Raw, connected, head
from tests.live.program import Program, clients_of, running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_BODY = jpeg(640, 480)
_SIDE = 2600  # a BMP of this side has 20 MB
_MOST = 5
_ATTEMPTS = 10
_SLOW, _WAYS = 500, ("head", "put", "post", "read")
_USUAL, _LATEST = 15, 60  # seconds: a loaded machine accepts and answers some of them late


@asynccontextmanager
async def _hasty(folder: Path, **settings: object) -> AsyncIterator[Program]:
    """A program that waits for a head or a stalled body for one second, and then serves others still."""
    async with running(folder, **{"header_timeout": 1, "stall_timeout": 1, **settings}) as program:
        yield program
        async with Client(program.url) as client:
            assert (await client.get("/healthz")).status == 200
        assert program.logged("internal error") == []


@pytest.mark.parametrize(
    "sent", [b"", b"GET", b"GET /healthz HTTP/1.1\r\nHost: local"], ids=["nothing", "verb", "half"]
)
async def test_a_head_that_does_not_come_is_not_waited_for(tmp_path: Path, sent: bytes) -> None:
    async with _hasty(tmp_path) as program, connected(program.port) as raw:
        await raw.send(sent)
        assert await raw.rest() == b""


async def test_a_head_that_comes_a_byte_at_a_time_is_cut_off(tmp_path: Path) -> None:
    async with _hasty(tmp_path) as program, connected(program.port) as raw:
        end = asyncio.create_task(raw.rest())
        sent = 0
        for byte in head("GET", "/healthz", X_Padding="x" * 10_000):
            await asyncio.wait([end], timeout=0.05)
            if end.done():
                break
            raw.writer.write(bytes([byte]))
            sent += 1
        assert await end == b""
        assert 0 < sent < 2_000


async def test_the_second_head_of_a_connection_is_not_waited_for_either(tmp_path: Path) -> None:
    async with _hasty(tmp_path) as program, connected(program.port) as raw:
        await raw.send(head("GET", "/healthz"))
        assert (await raw.answer()).status == 200
        await raw.send(b"GET /healthz HT")
        assert await raw.rest() == b""


async def test_a_connection_that_asks_for_nothing_more_is_kept_for_its_time_and_closed(tmp_path: Path) -> None:
    async with _hasty(tmp_path, keepalive_timeout=2) as program, connected(program.port) as raw:
        await raw.send(head("GET", "/healthz"))
        assert (await raw.answer()).status == 200
        assert await raw.rest() == b""


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_body_that_stalls_is_answered_408_and_cut_off(tmp_path: Path, method: str) -> None:
    async with _hasty(tmp_path) as program, connected(program.port) as raw:
        kind = "multipart/form-data; boundary=b" if method == "POST" else None
        form = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' if method == "POST" else b""
        lines = {"Content_Length": len(_BODY)} | ({"Content_Type": kind} if kind else {})
        await raw.send(head(method, "/original/cat", **lines) + form + _BODY[:1000])
        answer = await raw.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert await raw.rest() == b""


async def test_a_client_that_never_reads_its_answer_is_cut_off(tmp_path: Path) -> None:
    async with _hasty(tmp_path) as program, Client(program.url) as client, AsyncExitStack() as stack:
        assert (await client.put("big", _bmp(_SIDE))).status == 201
        clients = [
            stack.enter_context(_deaf(program, path)) for path in ("/original/big", "/derived/big-2000x2000.bmp")
        ]
        ports = {deaf.getsockname()[1] for deaf in clients}
        await until(lambda: ports <= clients_of(program.process), "the connections")
        assert (await client.get("/derived/big-40x30.jpg")).status == 200
        await until(lambda: not ports & clients_of(program.process), "the end of the connections")


async def test_a_slow_reader_that_goes_on_reading_gets_everything(tmp_path: Path) -> None:
    data = _bmp(_SIDE)
    async with _hasty(tmp_path) as program, Client(program.url) as client:
        assert (await client.put("big", data)).status == 201
        for attempt in range(_ATTEMPTS):
            async with connected(program.port) as raw:
                await raw.send(head("GET", "/original/big"))
                status, headers = await raw.head()
                assert (status, int(headers["content-length"])) == (200, len(data))
                read = _SlowReader(raw.reader, len(data))
                try:
                    assert await read.all() == data
                except asyncio.IncompleteReadError:
                    # On a busy machine this reader can stall like one that is to be cut off.
                    assert read.longest_pause > 0.5
                    assert attempt < _ATTEMPTS - 1
                else:
                    return


class _SlowReader:
    """Reads over more than the time in which a stalled reader is cut off, and notes its longest pause in seconds."""

    def __init__(self, reader: asyncio.StreamReader, size: int) -> None:
        self._reader = reader
        self._size = size
        self.longest_pause = 0.0

    async def all(self) -> bytes:
        pieces = []
        for _ in range(20):
            pieces.append(await self._reader.readexactly(self._size // 40))
            paused = monotonic()
            await asyncio.sleep(0.1)
            self.longest_pause = max(self.longest_pause, monotonic() - paused)
        pieces.append(await self._reader.readexactly(self._size - sum(map(len, pieces))))
        return b"".join(pieces)


async def test_hundreds_that_send_or_read_a_byte_a_second_are_cut_off_and_others_are_served(tmp_path: Path) -> None:
    """With the settings as they are. Seconds are counted by the bytes, so that a slow machine makes no difference."""
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.put("big", _bmp(1000))).status == 201
        assert (await client.get("/derived/big-40x30.jpg")).status == 200
        slow = [asyncio.create_task(_trickle(program, way)) for _ in range(_SLOW // 4) for way in _WAYS]
        served = 0
        while not all(task.done() for task in slow):
            assert (await client.get("/derived/big-40x30.jpg")).status == 200
            served += 1
            await asyncio.wait(slow, timeout=0.1)
        assert served > 1
        seconds = await asyncio.gather(*slow)
        assert all(median(seconds[number :: len(_WAYS)]) <= _USUAL for number in range(len(_WAYS))), seconds
        assert program.logged("internal error") == []


async def _trickle(program: Program, way: str) -> int:
    """Send or read a byte a second; gives how many that were when the server hung up."""
    path = "/original/big" if way == "read" else f"/original/{way}"
    form = {"Content_Type": "multipart/form-data; boundary=b"} if way == "post" else {}
    asking = head("GET" if way in ("head", "read") else way.upper(), path, Content_Length=_length(way), **form)
    with socket.socket() as raw:
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", program.port))
        await loop.sock_sendall(raw, asking[:-2] + b"X: " if way == "head" else asking)  # a head without an end
        for count in range(1, _LATEST + 1):
            await asyncio.sleep(1)
            if not _goes_on(raw, way):
                return count
    raise AssertionError(f"{way}: not cut off in {_LATEST} seconds")


def _length(way: str) -> int | None:
    return None if way in ("head", "read") else len(_BODY)


def _goes_on(raw: socket.socket, way: str) -> bool:
    """Send or take one byte more; whether the server is still there for it."""
    try:
        if way == "read":
            raw.recv(1)
            return raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        raw.send(b"x")
        while raw.recv(4096):  # an answer, or nothing as yet
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def test_connections_over_the_bound_are_told_to_come_back(tmp_path: Path) -> None:
    bounds = {"max_connections": _MOST, "max_connections_per_client": _MOST}
    async with running(tmp_path, **bounds) as program, AsyncExitStack() as stack:
        full = [await stack.enter_async_context(connected(program.port)) for _ in range(_MOST)]
        for raw in full:  # each has an upload under way, so none gives way
            await raw.send(head("PUT", "/original/cat", Content_Length=len(_BODY), Expect="100-continue"))
            assert (await raw.head())[0] == 100
        async with connected(program.port) as surplus:
            answer = await surplus.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert await surplus.rest() == b""
        full[0].writer.close()
        await until(lambda: len(clients_of(program.process)) < _MOST, "room for one more")
        async with connected(program.port) as welcome:
            assert (await _requested(welcome)) == 200


async def _requested(raw: Raw) -> int:
    await raw.send(head("GET", "/healthz"))
    return (await raw.answer()).status


def _deaf(program: Program, path: str) -> socket.socket:
    """A connection that asks and then never reads; little fits into its buffer."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", program.port))
    deaf.sendall(head("GET", path))
    return deaf


def _bmp(side: int) -> bytes:
    out = BytesIO()
    Image.effect_noise((side, side), 50).convert("RGB").save(out, "BMP")
    return out.getvalue()
