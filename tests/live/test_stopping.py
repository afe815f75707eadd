"""SIGTERM: what is under way is finished, nothing new is taken, and it ends in time."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live.client import Client, Raw, connected, head
from tests.live.program import Program, running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_PHOTO = jpeg(640, 480)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_upload_under_way_is_finished_and_idle_connections_are_closed(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with running(tmp_path, name="first") as program, connected(program.port) as idle:
        await idle.send(head("GET", "/healthz"))
        assert (await idle.answer()).status == 200
        async with _half_uploaded(program) as upload:
            program.signal(number)
            await until(lambda: _refuses(program.port), "no new connections")
            assert await idle.rest() == b""
            await upload.send(_PHOTO[1000:])
            answer = await upload.answer()
            assert (answer.status, answer.headers["connection"]) == (201, "close")
        assert await program.ended() == 0
    async with running(tmp_path, name="second") as program, Client(program.url) as client:
        assert (await client.get("/original/slow")).body == _PHOTO


async def test_a_render_under_way_is_finished(tmp_path: Path) -> None:
    count = tmp_path / "count"
    async with running(tmp_path, failpoint_count=count) as program, Client(program.url) as client:
        await client.put("cat", _PHOTO)
        (worker,) = program.workers()
        worker.suspend()
        pending = asyncio.create_task(client.get("/derived/cat-80x60.jpg"))
        await until(lambda: "derive.leased" in count.read_text(), "the render")
        program.signal(signal.SIGTERM)
        await until(lambda: _refuses(program.port), "no new connections")
        worker.resume()
        answer = await pending
        assert (answer.status, answer.picture.size) == (200, (80, 60))
        assert await program.ended() == 0


async def test_the_deadline_cuts_off_what_does_not_finish(tmp_path: Path) -> None:
    async with running(tmp_path, shutdown_timeout=1, stall_timeout=3600) as program, _half_uploaded(program) as upload:
        assert await program.stop() == 0
        assert b" 201 " not in await upload.rest()
    assert list((tmp_path / "spool").iterdir()) == []


async def test_several_processes_stop_together(tmp_path: Path) -> None:
    async with running(tmp_path, "--processes", "2", name="first") as program:
        await until(lambda: len(program.logged("serving")) == 2, "both processes")
        async with _half_uploaded(program) as upload:
            program.signal(signal.SIGTERM)
            await until(lambda: _refuses(program.port), "no new connections")
            await upload.send(_PHOTO[1000:])
            assert (await upload.answer()).status == 201
        assert await program.ended() == 0


async def test_processes_that_are_stopped_while_they_start_leave_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, "--processes", "2", wait=False) as program:
        await until(program.servers, "the first server process")
        assert await program.stop() == 0


@asynccontextmanager
async def _half_uploaded(program: Program) -> AsyncIterator[Raw]:
    """A connection over which the server has taken a part of `_PHOTO`, and waits for the rest."""
    async with connected(program.port) as raw:
        await raw.send(head("PUT", "/original/slow", Content_Length=len(_PHOTO), Expect="100-continue"))
        assert (await raw.head())[0] == 100
        await raw.send(_PHOTO[:1000])
        yield raw


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
