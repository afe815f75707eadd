"""A replica that is stopped at any moment and wakes up late changes nothing that others were promised meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from pymager import keys, registry
from tests.live.client import Answer, Client
from tests.live.numbered import number_of, numbered
from tests.live.program import Program, command, until
from tests.live.replicas import Stores, new_stores, replicas
from tests.servers import Minio

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_RENDERING = ("derive.leased", "derive.rendering", "derive.rendered", "derive.blob-put", "derive.released")
_DELETING = ("remove.committed", "cleanup.original-deleted", "cleanup.derived-deleted")
_OLD, _NEW = 3, 6  # small PNGs both
_VARIANTS = {"options": "*", "presets": "cold:160x120,fit=fill,q=90"}


@dataclass(frozen=True)
class Cluster:
    """Three replicas, of which the first is the one that is stopped; a client of each."""

    folder: Path
    stores: Stores
    sleeper: Program
    clients: list[Client]

    async def stopped(self, point: str, asking: Coroutine[Any, Any, Answer]) -> "asyncio.Task[Answer]":
        """A request to the first replica, which has stopped at this point of it."""
        _order(self.folder, point)
        pending = asyncio.create_task(asking)
        await until(lambda: self.sleeper.process.status() == psutil.STATUS_STOPPED, f"the stop at {point}")
        assert (self.folder / "killed").read_text() == point
        return pending

    def wake(self) -> None:
        self.sleeper.signal(signal.SIGCONT)

    async def sweep(self, folder: Path, **hooks: object) -> None:
        """`pymager sweep` without a grace period."""
        folder.mkdir(exist_ok=True)
        settings = {"blobs": self.stores.blobs, "metadata": self.stores.metadata, "sweep_grace": 0}
        done = await command(folder, "sweep", **settings, **hooks)
        assert done.code == 0, done

    async def blobs(self, id: str) -> list[str]:
        """The keys in the bucket that are of this id."""
        prefixes = (f"{keys.ORIGINALS}{id}/", f"{keys.DERIVED}{id}/")
        async with registry.load_blobs(self.stores.blobs) as blobs:
            return [info.key for prefix in prefixes async for info in blobs.list(prefix)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["postgresql", "dynamodb"])
async def started(
    request: pytest.FixtureRequest, minio: Minio, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """The replicas for all tests here: starting them takes longer than the tests."""
    stores = await new_stores(minio, request.getfixturevalue(request.param))
    folder = tmp_path_factory.mktemp("cluster")
    hooks = {"failpoint_kill": folder / "order", "failpoint_killed": folder / "killed"}
    async with replicas(folder, stores, **hooks, **_VARIANTS) as programs, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(program.url)) for program in programs]
        yield Cluster(folder, stores, programs[0], clients)


@pytest.fixture
def cluster(started: Cluster) -> Iterator[Cluster]:
    """The replicas; also a test that fails leaves none of them stopped or about to stop."""
    yield started
    (started.folder / "order").unlink(missing_ok=True)
    started.wake()


async def test_a_renderer_stopped_anywhere_brings_nothing_back_after_a_delete(cluster: Cluster) -> None:
    ids = []
    for number, point in enumerate(_RENDERING):
        for again_before_it_wakes in (False, True):
            ids.append(f"{point.replace('.', '-')}-{'again' if again_before_it_wakes else 'gone'}")
            cold = _cold(ids[-1])[(number + again_before_it_wakes) % 2]
            await _stop_delete_and_wake(cluster, point, cold, ids[-1], again_before_it_wakes)
    for number, id in enumerate(ids):
        assert (await cluster.clients[number % 3].delete(id)).status == 204
        await _assert_gone(cluster.clients, id)
    await cluster.sweep(cluster.folder / "sweep")
    assert [await cluster.blobs(id) for id in ids] == [[]] * len(ids)


async def test_a_deleter_stopped_anywhere_takes_nothing_of_the_next_upload(cluster: Cluster) -> None:
    sleeper, other, third = cluster.clients
    for point in _DELETING:
        id = point.replace(".", "-")
        await _upload_and_warm(cluster, id)
        deleting = await cluster.stopped(point, sleeper.delete(id))
        await _assert_gone([other, third], id)
        assert (await other.post(id, numbered(_NEW))).status == 201
        await _assert_serves([third, other], id, _NEW)
        cluster.wake()
        assert (await deleting).status == 204
        await _assert_serves(cluster.clients, id, _NEW)


async def test_a_replace_stopped_after_its_commit_is_undone_by_a_delete_for_good(cluster: Cluster) -> None:
    sleeper, other, third = cluster.clients
    await _upload_and_warm(cluster, "replaced-and-gone")
    replacing = await cluster.stopped("replace.committed", sleeper.put("replaced-and-gone", numbered(_NEW)))
    await _assert_serves([other, third], "replaced-and-gone", _NEW)
    assert (await third.delete("replaced-and-gone")).status == 204
    cluster.wake()
    await _assert_gone(cluster.clients, "replaced-and-gone")
    assert (await replacing).status == 200
    await _assert_gone(cluster.clients, "replaced-and-gone")


async def test_an_uploader_stopped_before_its_commit_acknowledges_nothing_that_a_sweep_took(cluster: Cluster) -> None:
    sleeper, other, _ = cluster.clients
    late = await cluster.stopped("upload.blob-put", sleeper.post("new", numbered(_OLD)))
    await cluster.sweep(cluster.folder / "sweep")
    assert await cluster.blobs("new") == []
    cluster.wake()
    assert (await late).status == 503
    await _assert_gone(cluster.clients, "new")

    assert (await other.post("replaced", numbered(_NEW))).status == 201
    late = await cluster.stopped("upload.blob-put", sleeper.put("replaced", numbered(_OLD)))
    await cluster.sweep(cluster.folder / "sweep")
    cluster.wake()
    assert (await late).status == 503
    await _assert_serves(cluster.clients, "replaced", _NEW)

    late = await cluster.stopped("upload.committed", sleeper.post("committed", numbered(_OLD)))
    await cluster.sweep(cluster.folder / "sweep")
    cluster.wake()
    assert (await late).status == 201
    await _assert_serves(cluster.clients, "committed", _OLD)


async def test_a_sweep_stopped_before_it_deletes_takes_nothing_that_was_acknowledged(cluster: Cluster) -> None:
    sleeper, other, _ = cluster.clients
    folder = cluster.folder / "stopped-sweep"
    folder.mkdir()
    late = await cluster.stopped("upload.blob-put", sleeper.post("fenced", numbered(_OLD)))
    _order(folder, "sweep.fenced")
    hooks = {"failpoint_kill": folder / "order", "failpoint_killed": folder / "killed"}
    sweeping = asyncio.create_task(cluster.sweep(folder, **hooks))
    sweep = await until(lambda: _stopped_in(folder), "the sweep's stop")
    cluster.wake()
    assert (await late).status == 503
    assert (await other.post("fenced", numbered(_NEW))).status == 201
    sweep.resume()
    await sweeping
    await _assert_serves(cluster.clients, "fenced", _NEW)
    assert len([key for key in await cluster.blobs("fenced") if key.startswith(keys.ORIGINALS)]) == 1


async def _stop_delete_and_wake(cluster: Cluster, point: str, cold: str, id: str, again_before_it_wakes: bool) -> None:
    """Stop a render at this point, DELETE under it, upload the id again, and let the render go on."""
    sleeper, other, third = cluster.clients
    awake = [other, third]
    await _upload_and_warm(cluster, id)
    late = await cluster.stopped(point, sleeper.get(cold))
    under_way = [asyncio.create_task(client.get(f"/derived/{id}-120x90.png")) for client in awake]
    assert (await third.delete(id)).status == 204
    after = [asyncio.create_task(sleeper.get(path)) for path in _paths(id)]
    await _assert_gone(awake, id)
    if again_before_it_wakes:
        assert (await other.post(id, numbered(_NEW))).status == 201
        await _assert_serves(awake, id, _NEW)
        cluster.wake()
        await _assert_serves(cluster.clients, id, _NEW)
    else:
        cluster.wake()
        await _assert_gone(cluster.clients, id)
    older = await asyncio.gather(late, *under_way)
    # Requested before the DELETE. A replica that is stopped for longer than a call's time limit answers 503.
    assert {answer.status for answer in older} <= {200, 404, 503}
    for path, answer in zip(_paths(id), await asyncio.gather(*after), strict=True):
        assert answer.status == 404 or (again_before_it_wakes and _number(path, answer) == _NEW), (path, answer)
    if not again_before_it_wakes:
        await _assert_gone(cluster.clients, id)
        assert (await third.post(id, numbered(_NEW))).status == 201
    await _assert_serves(cluster.clients, id, _NEW)


def _paths(id: str) -> tuple[str, ...]:
    """The original, variants that are in every memory, and those whose renders are stopped."""
    return f"/original/{id}", *_warm(id), *_cold(id), f"/info/{id}"


def _warm(id: str) -> tuple[str, ...]:
    return f"/derived/{id}-80x60.png", f"/derived/{id}-80x.webp?q=95&enlarge=true"


def _cold(id: str) -> tuple[str, ...]:
    """A plain variant, and one with options whose format is only known with the original."""
    return f"/derived/{id}-160x120.png", f"/derived/{id}@cold.auto"


def _number(path: str, answer: Answer) -> int:
    """The number of the picture that an answer shows or describes."""
    assert answer.status == 200, (path, answer)
    if not path.startswith("/info/"):
        return number_of(answer.picture)
    return {sha256(numbered(number)).hexdigest(): number for number in (_OLD, _NEW)}[answer.json["sha256"]]


async def _upload_and_warm(cluster: Cluster, id: str) -> None:
    assert (await cluster.clients[0].post(id, numbered(_OLD))).status == 201
    for _ in range(2):
        for client in cluster.clients:
            for path in _warm(id):
                assert _number(path, await client.get(path)) == _OLD


async def _assert_gone(clients: list[Client], id: str) -> None:
    pending = [(path, client.get(path)) for path in _paths(id) for client in clients]
    answers = await asyncio.gather(*(asking for _, asking in pending))
    found = [(path, answer) for (path, _), answer in zip(pending, answers, strict=True) if answer.status != 404]
    assert found == []


async def _assert_serves(clients: list[Client], id: str, number: int) -> None:
    """All of them serve this picture, each path with the same validators."""
    for path in _paths(id):
        answers = await asyncio.gather(*(client.get(path) for client in clients))
        assert {_number(path, answer) for answer in answers} == {number}
        assert len({(answer.headers.get("etag"), answer.body) for answer in answers}) == 1


def _order(folder: Path, point: str) -> None:
    """Have the process with these hooks stop when it comes to this point."""
    (folder / "killed").unlink(missing_ok=True)
    (folder / "order.draft").write_text(f"{point} 1 SIGSTOP")
    (folder / "order.draft").rename(folder / "order")


def _stopped_in(folder: Path) -> psutil.Process | None:
    """The process that these tests started there, once it has stopped."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_STOPPED and child.cwd() == str(folder):
                return child
    return None
