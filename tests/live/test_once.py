"""A missing picture is rendered once, however many ask on however many programs, and whoever leaves or dies."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.live.client import Client, Lost, Raw, connected, head
from tests.live.program import Program, clients_of, command, running, unread, until
from tests.live.traces import assert_disk_is_as_the_catalog_says
from tests.pictures import jpeg

pytestmark = pytest.mark.live

Server = tuple[int, psutil.Process]
"""The port that a server process serves on, and the process."""

_CROWD = 200
_PHOTO = jpeg(1600, 1200)
_PATH = "/derived/cat-800x600.jpg"


@asynccontextmanager
async def _programs(folder: Path, count: int, *arguments: str) -> AsyncIterator[list[tuple[Program, Client]]]:
    """Programs side by side over one folder, with a client of each, and an original `cat`."""
    async with AsyncExitStack() as stack:
        pairs = []
        for number in range(count):
            program = await stack.enter_async_context(
                running(
                    folder,
                    *arguments,
                    name=f"program-{number}",
                    failpoint_count=folder / "count",
                    header_timeout=60,
                )
            )
            pairs.append((program, await stack.enter_async_context(Client(program.url, _CROWD))))
        assert (await pairs[0][1].put("cat", _PHOTO)).status == 201
        yield pairs


@pytest.mark.parametrize(
    ("programs", "arguments"),
    [(1, ()), (1, ("--processes", "2")), (2, ())],
    ids=["one", "two processes", "two programs"],
)
async def test_two_hundred_who_ask_at_once_get_one_render(
    tmp_path: Path, programs: int, arguments: tuple[str, ...]
) -> None:
    async with _programs(tmp_path, programs, *arguments) as pairs, AsyncExitStack() as stack:
        expected = programs + len(arguments) // 2
        await until(lambda: sum(len(program.logged("serving")) for program, _ in pairs) == expected, "all servers")
        servers = [(program.port, server) for program, _ in pairs for server in program.servers() or [program.process]]
        crowd = [raw for server in servers for raw in await _connections(stack, server, servers)]
        workers = [worker for program, _ in pairs for worker in program.workers()]
        for worker in workers:  # so that no request ends before all are sent
            worker.suspend()
        for raw in crowd:
            raw.writer.write(head("GET", _PATH))
        await until(lambda: not any(unread(program.port) for program, _ in pairs), "all requests to be read")
        for worker in workers:
            worker.resume()
        answers = await asyncio.gather(*(raw.answer() for raw in crowd))
    assert len(answers) == _CROWD
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.headers["etag"], answer.body) for answer in answers}) == 1
    assert answers[0].picture.size == (800, 600)
    assert _passes(tmp_path, "derive.rendered") == 1


async def test_the_others_are_served_by_the_one_render_when_the_first_client_leaves(tmp_path: Path) -> None:
    async with _programs(tmp_path, 1) as [(program, client)]:
        (worker,) = program.workers()
        worker.suspend()
        async with connected(program.port) as first:
            await first.send(head("GET", _PATH))
            await until(lambda: _passes(tmp_path, "derive.leased"), "the render")
        pending = [asyncio.create_task(client.get(_PATH)) for _ in range(_CROWD - 1)]
        await until(lambda: len(clients_of(program.process)) >= _CROWD - 1, "the others")
        worker.resume()
        answers = await asyncio.gather(*pending)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert _passes(tmp_path, "derive.rendered") == 1


async def test_another_program_takes_over_from_one_that_died_with_the_lease(tmp_path: Path) -> None:
    async with _programs(tmp_path, 2) as [(dying, its_client), (_, client)]:
        lost = await _rendering(tmp_path, dying, its_client)
        pending = asyncio.create_task(client.get(_PATH))
        await dying.kill()
        with pytest.raises(Lost):
            await lost
        answer = await pending
    assert (answer.status, answer.picture.size) == (200, (800, 600))
    assert _passes(tmp_path, "derive.rendered") == 1


async def test_a_paused_program_that_wakes_up_after_a_delete_brings_nothing_back(tmp_path: Path) -> None:
    async with _programs(tmp_path, 2) as [(paused, its_client), (_, client)]:
        late = await _rendering(tmp_path, paused, its_client)
        paused.signal(signal.SIGSTOP)
        assert (await client.get(_PATH)).status == 200
        assert (await client.delete("cat")).status == 204
        paused.signal(signal.SIGCONT)
        for worker in paused.workers():
            worker.resume()
        assert (await late).status in (200, 404)  # it was asked for before the DELETE
        for asking in (client, its_client):
            assert (await asking.get(_PATH)).status == 404
            assert (await asking.get("/original/cat")).status == 404
        assert (await client.put("cat", jpeg(400, 300, seed=2))).status == 201
        fresh = [await asking.get(_PATH) for asking in (client, its_client)]
        assert fresh[0].headers["etag"] == fresh[1].headers["etag"]
        assert await paused.stop() == 0
    assert (await command(tmp_path, "sweep", sweep_grace=0)).code == 0
    assert_disk_is_as_the_catalog_says(tmp_path)


async def _connections(stack: AsyncExitStack, server: Server, servers: list[Server]) -> list[Raw]:
    """This server's share of the crowd: processes that share a port leave it to chance who accepts."""
    others = [other for _, other in servers if other != server[1]]
    for other in others:
        other.suspend()
    try:
        share = [await stack.enter_async_context(connected(server[0])) for _ in range(_CROWD // len(servers))]
        ports = {raw.port for raw in share}
        await until(lambda: ports <= clients_of(server[1]), "the server's connections")
        return share
    finally:
        for other in others:
            other.resume()


async def _rendering(folder: Path, program: Program, client: Client) -> asyncio.Task:  # type: ignore[type-arg]
    """A request whose render is under way: its worker was suspended."""
    (worker,) = program.workers()
    worker.suspend()
    pending = asyncio.create_task(client.get(_PATH))
    await until(lambda: _passes(folder, "derive.leased"), "the render")
    return pending


def _passes(folder: Path, point: str) -> int:
    return (folder / "count").read_text().split().count(point)
