"""Three replicas over one bucket and one catalog keep their promises together, whoever is stopped or killed."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pymager import keys, plugins
from tests.live.client import Answer, Client, Lost
from tests.live.program import Program, command, running, until
from tests.live.replicas import Stores
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_CROWD = 1_000
_UPLOADS, _CONNECTIONS = 500, 50
_PHOTO, _OTHER = jpeg(1600, 1200), jpeg(400, 300, seed=2)
_PATH = "/derived/cat-800x600.jpg"


@dataclass(frozen=True)
class Cluster:
    """The replicas, a client of each, and a file each with the points that they pass."""

    folder: Path
    stores: Stores
    programs: list[Program]
    clients: list[Client]

    def passes(self, point: str) -> int:
        """How often the replicas came to a point, all together."""
        return sum(path.read_text().split().count(point) for path in self.folder.glob("count-*"))

    async def everywhere(self, path: str) -> list[Answer]:
        return list(await asyncio.gather(*(client.get(path) for client in self.clients)))

    async def rendering(self, number: int) -> "asyncio.Task[Answer]":
        """A request to a replica whose render is under way, and stays so: its workers were suspended."""
        for worker in self.programs[number].workers():
            worker.suspend()
        asked = asyncio.create_task(self.clients[number].get(_PATH))
        await until(lambda: self.passes("derive.leased"), "the lease")
        return asked

    async def command(self, *arguments: str) -> str:
        settings = {"blobs": self.stores.blobs, "metadata": self.stores.metadata, "sweep_grace": 0}
        done = await command(self.folder, *arguments, **settings)
        assert done.code == 0, done
        return done.out

    async def originals(self) -> list[str]:
        """The keys of all originals in the bucket."""
        async with plugins.load_blobs(self.stores.blobs) as blobs:
            return [info.key async for info in blobs.list(keys.ORIGINALS)]


@pytest.fixture
async def cluster(tmp_path: Path, stores: Stores) -> AsyncIterator[Cluster]:
    async with _started(tmp_path, stores) as cluster:
        yield cluster


@asynccontextmanager
async def _started(folder: Path, stores: Stores) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        programs, clients = [], []
        for number in range(3):
            settings = {
                "blobs": stores.blobs,
                "metadata": stores.metadata,
                "failpoint_count": folder / f"count-{number}",
            }
            starting = running(folder / f"replica-{number}", wait=False, header_timeout=60, **settings)
            programs.append(await stack.enter_async_context(starting))
        for program in programs:
            await program.answers()
            clients.append(await stack.enter_async_context(Client(program.url, _CROWD)))
        yield Cluster(folder, stores, programs, clients)


async def test_a_thousand_who_ask_three_replicas_get_one_render(cluster: Cluster) -> None:
    assert (await cluster.clients[0].post("cat", _PHOTO)).status == 201
    workers = [worker for program in cluster.programs for worker in program.workers()]
    for worker in workers:  # so that nobody is done before all have asked
        worker.suspend()
    crowd = [asyncio.create_task(cluster.clients[number % 3].get(_PATH)) for number in range(_CROWD)]
    await until(lambda: cluster.passes("derive.leased"), "the lease")
    for worker in workers:
        worker.resume()
    answers = await asyncio.gather(*crowd)
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.headers["etag"], answer.body) for answer in answers}) == 1
    later = await cluster.everywhere(_PATH)
    assert {answer.headers["etag"] for answer in later} == {answers[0].headers["etag"]}
    assert len({answer.headers["last-modified"] for answer in later}) == 1
    assert answers[0].picture.size == (800, 600)
    assert cluster.passes("derive.rendered") == 1


async def test_of_five_hundred_uploads_of_a_new_id_one_succeeds_and_one_blob_stays(cluster: Cluster) -> None:
    places = asyncio.Semaphore(_CONNECTIONS)

    async def upload(number: int) -> int:
        async with places:
            return (await cluster.clients[number % 3].post("cat", _OTHER)).status

    statuses = Counter(await asyncio.gather(*map(upload, range(_UPLOADS))))
    assert statuses == {201: 1, 409: _UPLOADS - 1}
    await cluster.command("sweep")
    assert len(await cluster.originals()) == 1
    await cluster.command("check")


async def test_after_a_delete_nobody_serves_it_nor_a_replica_that_slept_through_it(cluster: Cluster) -> None:
    paused, other, third = cluster.clients
    assert (await paused.post("cat", _PHOTO)).status == 201
    warm = "/derived/cat-80x60.jpg"
    for answer in await cluster.everywhere(warm) + await cluster.everywhere(warm):  # in each memory cache
        assert answer.status == 200
    late = await cluster.rendering(0)
    cluster.programs[0].signal(signal.SIGSTOP)
    assert (await other.get(_PATH)).status == 200  # it takes the lease over
    assert (await third.delete("cat")).status == 204
    asked = [asyncio.create_task(paused.get(path)) for path in (warm, "/original/cat", "/info/cat")]
    for path in (warm, _PATH, "/original/cat", "/info/cat"):
        assert [(await client.get(path)).status for client in (other, third)] == [404, 404]
    cluster.programs[0].signal(signal.SIGCONT)
    for worker in cluster.programs[0].workers():
        worker.resume()
    assert [answer.status for answer in await asyncio.gather(*asked)] == [404, 404, 404]
    assert (await late).status in (200, 404)  # it was asked for before the DELETE
    assert (await other.post("cat", _OTHER)).status == 201
    fresh = await cluster.everywhere("/original/cat")
    assert {answer.body for answer in fresh} == {_OTHER}
    assert (
        len({(answer.status, answer.headers["etag"], answer.body) for answer in await cluster.everywhere(_PATH)}) == 1
    )
    await cluster.command("check")
    await cluster.command("sweep")
    assert len(await cluster.originals()) == 1


async def test_a_renderer_that_dies_is_replaced(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert (await cluster.clients[0].post("cat", _PHOTO)).status == 201
    lost = await cluster.rendering(0)
    waiting = [asyncio.create_task(client.get(_PATH)) for client in cluster.clients[1:]]
    await until(lambda: cluster.passes("derive.leased") == 1, "one lease only")
    died = time.monotonic()
    await cluster.programs[0].kill()
    with pytest.raises(Lost):
        await lost
    answers = await asyncio.gather(*waiting)
    with capsys.disabled():
        print(f"\nreplaced {time.monotonic() - died:.2f} s after it was killed")
    assert {(answer.status, answer.picture.size) for answer in answers} == {(200, (800, 600))}
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert cluster.passes("derive.rendered") == 1
