"""The program's processes: what is killed is replaced, and none outlives the program."""

import asyncio
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_PHOTO = jpeg(640, 480)


async def test_a_server_process_that_is_killed_is_replaced_and_the_port_goes_on_answering(tmp_path: Path) -> None:
    async with running(tmp_path, "--processes", "2") as program:
        await until(lambda: len(program.logged("serving")) == 2, "both processes")
        victim, survivor = program.servers()
        victim.kill()
        for _ in range(20):  # each over a connection of its own
            async with Client(program.url) as client:
                assert (await client.get("/healthz")).status == 200
        await until(lambda: len(program.logged("serving")) == 3, "the replacement")
        assert {process.pid for process in program.servers()} > {survivor.pid}
        assert victim not in program.processes()
        assert await program.stop() == 0


async def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    async with running(tmp_path, "--processes", "2") as program:
        await until(lambda: len(program.workers()) == 2, "both processes and their workers")
        await program.kill()
        assert program.processes() == []


async def test_nothing_is_left_when_the_supervisor_is_killed_while_its_processes_start(tmp_path: Path) -> None:
    async with running(tmp_path, "--processes", "2", wait=False) as program:
        await until(program.servers, "the first server process")
        await program.kill()
        assert program.processes() == []


async def test_nothing_is_left_when_a_server_is_killed_in_the_middle_of_renders(tmp_path: Path) -> None:
    async with running(tmp_path, workers=2) as program, Client(program.url) as client:
        await client.put("cat", _PHOTO)
        for worker in program.workers():
            worker.suspend()
        pending = [asyncio.create_task(client.get(f"/derived/cat-{side}x{side}.jpg")) for side in (10, 20)]
        await asyncio.sleep(0)
        await program.kill()
        assert program.processes() == []
        await asyncio.gather(*pending, return_exceptions=True)


async def test_a_worker_that_is_killed_in_the_middle_of_a_render_costs_nobody_a_picture(tmp_path: Path) -> None:
    count = tmp_path / "count"
    async with running(tmp_path, failpoint_count=count) as program, Client(program.url) as client:
        await client.put("cat", _PHOTO)
        (worker,) = program.workers()
        worker.suspend()
        pending = asyncio.create_task(client.get("/derived/cat-80x60.jpg"))
        await until(lambda: "derive.rendering" in count.read_text(), "the render")
        worker.kill()
        answer = await pending
        assert (answer.status, answer.picture.size) == (200, (80, 60))
        assert (await client.put("dog", _PHOTO)).status == 201
        assert [process.pid for process in program.workers()] != [worker.pid]
