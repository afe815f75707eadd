"""Three replicas over one bucket and one catalog keep their promises together, whoever is stopped or killed."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from pymager import keys, registry
from tests.live.client import Answer, Client, Lost
from tests.live.cluster_storm import assert_swept
from tests.live.program import TIMEOUT_SECONDS, Program, running, until
from tests.live.replicas import Stores, new_stores
from tests.live.scraped import scraped
from tests.pictures import jpeg
from tests.servers import Minio
from tests.servers.process import free_port

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_CROWD = 1_000
_UPLOADS, _CONNECTIONS = 500, 50
_PRESETS = "cover:800x600,gravity=north,q=70"
_PHOTO, _OTHER = jpeg(1600, 1200), jpeg(400, 300, seed=2)


@dataclass(frozen=True)
class Cluster:
    """The replicas, a client of each, the ports of their metrics; `before` are the points that they passed earlier."""

    folder: Path
    stores: Stores
    programs: list[Program]
    clients: list[Client]
    ports: list[int]
    before: Counter[str]

    def passes(self, point: str) -> int:
        """How often the replicas came to a point in this test, all together."""
        return self.passed()[point] - self.before[point]

    def passed(self) -> Counter[str]:
        """The points that were ever passed."""
        return Counter(name for path in self.folder.glob("count-*") for name in path.read_text().split())

    async def everywhere(self, path: str) -> list[Answer]:
        return list(await asyncio.gather(*(client.get(path) for client in self.clients)))

    async def rendering(self, program: Program, client: Client, path: str) -> "asyncio.Task[Answer]":
        """A request to a replica whose render is under way, and stays so: its workers were suspended."""
        leased = self.passes("derive.leased")
        for worker in program.workers():
            worker.suspend()
        pending = asyncio.create_task(client.get(path))
        await until(lambda: self.passes("derive.leased") > leased, "the lease")
        return pending

    async def waiting(self, number: int, path: str) -> "asyncio.Task[tuple[float, Answer]]":
        """A request to a replica that has seen another's lease and waits for it."""
        port, labels = self.ports[number], {"name": "pymager_leases_total", "outcome": "waited"}
        before = (await scraped(port)).total(**labels)
        task = asyncio.create_task(_timed(self.clients[number], path))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await scraped(port)).total(**labels) == before:
                await asyncio.sleep(0.01)
        return task

    async def swept(self) -> None:
        """A sweep leaves what the catalog says, and every row its blob."""
        await assert_swept(self.folder, self.stores)

    async def originals(self, id: str) -> list[str]:
        """The keys of this id's originals in the bucket."""
        async with registry.load_blobs(self.stores.blobs) as blobs:
            return [info.key async for info in blobs.list(f"{keys.ORIGINALS}{id}/")]

    async def variants(self, id: str) -> list[str]:
        """The keys of this id's variants in the bucket."""
        async with registry.load_blobs(self.stores.blobs) as blobs:
            return [info.key async for info in blobs.list(f"{keys.DERIVED}{id}/")]


def _spellings(id: str) -> list[str]:
    """Fifty URLs of one variant: by size and options, with `dpr`, by a preset, and negotiated."""
    sizes = [("800x600", ""), ("400x300", "dpr=2"), ("320x240", "dpr=2.50"), ("200x150", "dpr=04.0")]
    options = [
        "gravity=north&q=70", "q=70&gravity=NORTH", "gravity=0.5,0&q=070", "q=70&gravity=0.500%2C0.0&fit=cover",
        "fit=Cover&enlarge=true&rotate=0&gray=false&gravity=North&q=70", "v=1&gravity=north&&q=70&frame=0",
    ]  # fmt: skip
    urls = [
        f"/derived/{id}-{size}.{extension}?{query}&{dpr}"
        for size, dpr in sizes
        for query in options
        for extension in ("jpg", "auto")
    ]
    return [*urls, f"/derived/{id}@cover.jpeg", f"/derived/{id}@cover.Auto?v=2"]


@asynccontextmanager
async def _replica(
    folder: Path, stores: Stores, name: str, metrics_port: int = 0
) -> AsyncIterator[tuple[Program, Client]]:
    """One more program over these stores, which answers; the points that it passes are in a file."""
    settings = {
        "blobs": stores.blobs,
        "metadata": stores.metadata,
        "failpoint_count": folder / f"count-{name}",
        "header_timeout": 60,
        "metrics_port": metrics_port,
        "options": "*",
        "presets": _PRESETS,
    }
    async with running(folder / name, **settings) as program, Client(program.url, _CROWD) as client:
        yield program, client


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["postgresql", "dynamodb"])
async def started(
    request: pytest.FixtureRequest, minio: Minio, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """The replicas for all tests here: starting them takes longer than the tests."""
    stores = await new_stores(minio, request.getfixturevalue(request.param))
    folder = tmp_path_factory.mktemp("cluster")
    async with AsyncExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        starting = [
            stack.enter_async_context(_replica(folder, stores, f"replica-{number}", port))
            for number, port in enumerate(ports)
        ]
        programs, clients = zip(*await asyncio.gather(*starting), strict=True)
        yield Cluster(folder, stores, list(programs), list(clients), ports, Counter())


@pytest.fixture
def cluster(started: Cluster) -> Iterator[Cluster]:
    """The replicas; also a test that fails leaves none of them stopped."""
    yield replace(started, before=started.passed())
    for program in started.programs:
        program.signal(signal.SIGCONT)
        for worker in program.workers():
            worker.resume()


async def test_a_thousand_who_ask_three_replicas_get_one_render(cluster: Cluster) -> None:
    path = "/derived/crowded-800x600.jpg"
    assert (await cluster.clients[0].post("crowded", _PHOTO)).status == 201
    workers = [worker for program in cluster.programs for worker in program.workers()]
    for worker in workers:  # so that no request ends before all are sent
        worker.suspend()
    crowd = [asyncio.create_task(cluster.clients[number % 3].get(path)) for number in range(_CROWD)]
    await until(lambda: cluster.passes("derive.leased"), "the lease")
    for worker in workers:
        worker.resume()
    answers = await asyncio.gather(*crowd)
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.headers["etag"], answer.body) for answer in answers}) == 1
    later = await cluster.everywhere(path)
    assert {answer.headers["etag"] for answer in later} == {answers[0].headers["etag"]}
    assert len({answer.headers["last-modified"] for answer in later}) == 1
    assert answers[0].picture.size == (800, 600)
    assert cluster.passes("derive.rendered") == 1


async def test_fifty_spellings_of_one_variant_at_once_get_one_render_and_one_object(cluster: Cluster) -> None:
    spellings = _spellings("spelled")
    assert len(set(spellings)) == len(spellings) == 50
    assert (await cluster.clients[0].post("spelled", _PHOTO)).status == 201
    workers = [worker for program in cluster.programs for worker in program.workers()]
    for worker in workers:  # so that no request ends before all are sent
        worker.suspend()
    asked = [
        asyncio.create_task(client.get(path, Accept="image/webp;q=0, */*"))
        for path in spellings
        for client in cluster.clients
    ]
    await until(lambda: cluster.passes("derive.leased"), "the lease")
    for worker in workers:
        worker.resume()
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.headers["etag"], answer.body) for answer in answers}) == 1
    assert answers[0].picture.size == (800, 600)
    assert cluster.passes("derive.rendered") == 1
    assert [key.rpartition("/")[2] for key in await cluster.variants("spelled")] == ["800x600_gravity-north_q-70.jpg"]


async def test_of_five_hundred_uploads_of_a_new_id_one_succeeds_and_one_blob_stays(cluster: Cluster) -> None:
    places = asyncio.Semaphore(_CONNECTIONS)

    async def upload(number: int) -> int:
        async with places:
            return (await cluster.clients[number % 3].post("contended", _OTHER)).status

    statuses = Counter(await asyncio.gather(*map(upload, range(_UPLOADS))))
    assert statuses == {201: 1, 409: _UPLOADS - 1}
    await cluster.swept()
    assert len(await cluster.originals("contended")) == 1


async def test_after_a_delete_nobody_serves_it_nor_a_replica_that_slept_through_it(cluster: Cluster) -> None:
    paused, other, third = cluster.clients
    assert (await paused.post("cat", _PHOTO)).status == 201
    warm, cold = "/derived/cat-80x60.jpg", "/derived/cat-800x600.jpg"
    for answer in await cluster.everywhere(warm) + await cluster.everywhere(warm):  # in each memory cache
        assert answer.status == 200
    late = await cluster.rendering(cluster.programs[0], paused, cold)
    cluster.programs[0].signal(signal.SIGSTOP)
    assert (await other.get(cold)).status == 200  # it takes the lease over
    assert (await third.delete("cat")).status == 204
    pending = [asyncio.create_task(paused.get(path)) for path in (warm, "/original/cat", "/info/cat")]
    for path in (warm, cold, "/original/cat", "/info/cat"):
        assert [(await client.get(path)).status for client in (other, third)] == [404, 404]
    cluster.programs[0].signal(signal.SIGCONT)
    for worker in cluster.programs[0].workers():
        worker.resume()
    assert [answer.status for answer in await asyncio.gather(*pending)] == [404, 404, 404]
    assert (await late).status in (200, 404)  # it was asked for before the DELETE
    assert (await other.post("cat", _OTHER)).status == 201
    fresh = await cluster.everywhere("/original/cat")
    assert {answer.body for answer in fresh} == {_OTHER}
    derived = await cluster.everywhere(cold)
    assert len({(answer.status, answer.headers["etag"], answer.body) for answer in derived}) == 1
    await cluster.swept()
    assert len(await cluster.originals("cat")) == 1


async def test_a_renderer_that_dies_is_replaced(cluster: Cluster, summarize: Callable[[str], None]) -> None:
    path = "/derived/orphaned-800x600.jpg"
    assert (await cluster.clients[0].post("orphaned", _PHOTO)).status == 201
    async with _replica(cluster.folder, cluster.stores, "dying") as (program, client):
        lost = await cluster.rendering(program, client, path)
        waiting = [await cluster.waiting(number, path) for number in range(3)]
        assert cluster.passes("derive.leased") == 1
        died = time.monotonic()
        await program.kill()
        with pytest.raises(Lost):
            await lost
    answers = await asyncio.gather(*waiting)
    summarize(f"replaced {max(at for at, _ in answers) - died:.2f} s after its SIGKILL was sent; 3.5 s are aimed at")
    assert {(answer.status, answer.picture.size) for _, answer in answers} == {(200, (800, 600))}
    assert len({answer.headers["etag"] for _, answer in answers}) == 1
    assert cluster.passes("derive.rendered") == 1


async def _timed(client: Client, path: str) -> tuple[float, Answer]:
    """An answer and when it was there."""
    answer = await client.get(path)
    return time.monotonic(), answer
