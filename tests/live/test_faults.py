"""The bucket and the database stopped, silent, slow and cut: no wrong byte, nothing lost, and no restart of pymager."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.client import Answer, Client, Lost
from tests.live.program import TIMEOUT_SECONDS, Program
from tests.live.replicas import Stores, new_stores, replicas
from tests.pictures import jpeg
from tests.servers import DynamoLocal, Minio, Postgres, Proxy, Toxiproxy

pytestmark = pytest.mark.live

_LIMIT = 1.5  # the `timeout` of the store that is away, in seconds
_AMPLE = 60.0  # that of the other, which a slow machine does not reach
_PHOTO = jpeg(1600, 1200)
_WARM = "/derived/cat-80x60.jpg"
Fault = Callable[[Proxy], Callable[[], None]]


@dataclass
class Faulty:
    """One replica with a proxy before its bucket and one before its catalog; `cat` is uploaded, and one size warm."""

    program: Program
    client: Client
    bucket: Proxy
    catalog: Proxy
    sizes: int = 100

    async def cold(self) -> Answer:
        """A size that was not requested before."""
        self.sizes += 1
        return await self.client.get(f"/derived/cat-{self.sizes}x60.jpg")

    async def upload(self, id: str) -> None:
        """201; where a slow machine exceeds the limit, 503 and then 201, or 409 if the upload was stored after all."""
        allowed = {201}
        end = time.monotonic() + TIMEOUT_SECONDS
        while (answer := await self.client.post(id, _PHOTO)).status == 503:
            assert time.monotonic() < end, answer
            allowed = {201, 409}
        assert answer.status in allowed, answer

    async def ready(self, **backends: str) -> None:
        """Ready whatever is away, and before long with these states: a slow machine exceeds the limit now and then."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while True:
            answer = await self.client.get("/readyz")
            assert answer.status == 200
            if answer.json["backends"] == backends:
                return
            assert time.monotonic() < end, answer

    async def healed(self) -> None:
        """All works again, without a restart."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while (answer := await self.cold()).status != 200:
            assert time.monotonic() < end, answer
        assert (await answered(self.client, "/original/cat")).body == _PHOTO
        await self.ready(blobs="ok", metadata="ok")


async def answered(client: Client, path: str) -> Answer:
    """The first answer that is not a 503."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while (answer := await client.get(path)).status == 503:
        assert time.monotonic() < end, answer
    return answer


def _cut(proxy: Proxy) -> Callable[[], None]:
    """Connections are closed, and new ones refused."""
    proxy.cut()
    return proxy.mend


def _black(stream: str) -> Fault:
    """What is sent in this direction never arrives."""

    def begin(proxy: Proxy) -> Callable[[], None]:
        name = proxy.add("timeout", stream, timeout=0)
        return lambda: proxy.remove(name)

    return begin


_FAULTS = {"refused": _cut, "no answers": _black("downstream"), "no questions": _black("upstream")}


@pytest.fixture(params=["postgresql", "dynamodb"])
async def faulty_bucket(
    request: pytest.FixtureRequest, tmp_path: Path, minio: Minio, toxiproxy: Toxiproxy
) -> AsyncIterator[Faulty]:
    catalog: Postgres | DynamoLocal = request.getfixturevalue(request.param)
    async with _behind_proxies(tmp_path, minio, catalog, toxiproxy, blobs=_LIMIT) as faulty:
        yield faulty


@pytest.fixture(params=["postgresql", "dynamodb"])
async def faulty_catalog(
    request: pytest.FixtureRequest, tmp_path: Path, minio: Minio, toxiproxy: Toxiproxy
) -> AsyncIterator[Faulty]:
    catalog: Postgres | DynamoLocal = request.getfixturevalue(request.param)
    async with _behind_proxies(tmp_path, minio, catalog, toxiproxy, metadata=_LIMIT) as faulty:
        yield faulty


@asynccontextmanager
async def _behind_proxies(
    folder: Path,
    minio: Minio,
    catalog: Postgres | DynamoLocal,
    toxiproxy: Toxiproxy,
    *,
    blobs: float = _AMPLE,
    metadata: float = _AMPLE,
) -> AsyncIterator[Faulty]:
    direct = await new_stores(minio, catalog)
    ways = toxiproxy.proxy(minio.port), toxiproxy.proxy(catalog.port)
    stores = Stores(
        _limited(minio.by_way_of(direct.blobs, ways[0].port), blobs),
        _limited(catalog.by_way_of(direct.metadata, ways[1].port), metadata),
    )
    async with replicas(folder, stores, 1) as [program], Client(program.url) as client:
        faulty = Faulty(program, client, *ways)
        await faulty.upload("cat")
        assert (await answered(client, _WARM)).status == 200
        yield faulty
    for way in ways:
        way.delete()


def _limited(url: str, seconds: float) -> str:
    return f"{url}{'&' if '?' in url else '?'}timeout={seconds:g}"


@pytest.mark.parametrize("kind", _FAULTS)
async def test_while_the_bucket_is_away_memory_serves_and_the_rest_is_503(
    faulty_bucket: Faulty, kind: str, summarize: Callable[[str], None]
) -> None:
    faulty = faulty_bucket
    end = _FAULTS[kind](faulty.bucket)
    began = time.monotonic()
    waiting = [asyncio.create_task(faulty.cold()) for _ in range(5)]
    waiting.append(asyncio.create_task(faulty.client.get("/original/cat")))
    uploading = asyncio.create_task(faulty.client.post("dog", _PHOTO))
    hits = [await faulty.client.get(_WARM) for _ in range(20)]
    assert {answer.status for answer in hits} == {200}
    assert len({answer.body for answer in hits}) == 1
    for answer in [*await asyncio.gather(*waiting), await uploading]:
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
    summarize(f"503 after {time.monotonic() - began:.1f} s with a limit of {_LIMIT:g} s")
    await faulty.ready(blobs="unavailable", metadata="ok")
    assert (await faulty.client.get("/info/dog")).status == 404
    end()
    await faulty.healed()
    await faulty.upload("dog")


@pytest.mark.parametrize("kind", _FAULTS)
async def test_while_the_catalog_is_away_all_is_503(faulty_catalog: Faulty, kind: str) -> None:
    faulty = faulty_catalog
    end = _FAULTS[kind](faulty.catalog)
    pending = [
        faulty.client.get(_WARM),
        faulty.cold(),
        faulty.client.get("/original/cat"),
        faulty.client.get("/info/cat"),
    ]
    for answer in await asyncio.gather(*pending, faulty.client.post("dog", _PHOTO), faulty.client.delete("cat")):
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
    await faulty.ready(blobs="ok", metadata="unavailable")
    end()
    if (await answered(faulty.client, _WARM)).status != 404:  # the DELETE's outcome is not known; done, it is for good
        await faulty.healed()


@pytest.mark.parametrize("catalog", ["postgresql", "dynamodb"])
async def test_with_half_a_second_more_to_each_all_works(
    request: pytest.FixtureRequest, tmp_path: Path, minio: Minio, toxiproxy: Toxiproxy, catalog: str
) -> None:
    server: Postgres | DynamoLocal = request.getfixturevalue(catalog)
    async with _behind_proxies(tmp_path, minio, server, toxiproxy) as faulty:
        for way in (faulty.bucket, faulty.catalog):
            way.add("latency", latency=500)
        assert (await faulty.client.get(_WARM)).status == 200
        assert (await faulty.cold()).status == 200
        assert (await faulty.client.post("dog", _PHOTO)).status == 201
        assert (await faulty.client.delete("dog")).status == 204


async def test_a_body_cut_in_the_middle_is_never_a_short_picture(faulty_bucket: Faulty) -> None:
    faulty = faulty_bucket
    name = faulty.bucket.add("limit_data", bytes=len(_PHOTO) // 2)
    for _ in range(3):
        try:
            answer = await faulty.client.get("/original/cat")
        except Lost:
            continue  # cut short where the client sees it
        assert answer.status == 503 or answer.body == _PHOTO
    faulty.bucket.remove(name)
    await faulty.healed()


async def test_an_upload_cut_in_the_middle_is_not_acknowledged(faulty_bucket: Faulty) -> None:
    faulty = faulty_bucket
    name = faulty.bucket.add("limit_data", "upstream", bytes=len(_PHOTO) // 2)
    assert (await faulty.client.post("dog", _PHOTO)).status == 503
    assert (await faulty.client.get("/info/dog")).status == 404
    faulty.bucket.remove(name)
    await faulty.upload("dog")
    assert (await answered(faulty.client, "/original/dog")).body == _PHOTO


async def test_a_catalog_that_goes_away_during_a_render_leaves_no_lease_stuck(faulty_catalog: Faulty) -> None:
    faulty = faulty_catalog
    workers = faulty.program.workers()
    for worker in workers:
        worker.suspend()
    path = "/derived/cat-800x600.jpg"
    pending = asyncio.create_task(faulty.client.get(path))
    await asyncio.sleep(0)
    faulty.catalog.cut()
    for worker in workers:
        worker.resume()
    assert (await pending).status in (200, 503)
    faulty.catalog.mend()
    await faulty.healed()
    assert (await answered(faulty.client, path)).status == 200


@pytest.mark.parametrize("which", ["bucket", "catalog"])
async def test_a_server_that_is_stopped_started_paused_and_continued_is_used_again(
    tmp_path: Path, toxiproxy: Toxiproxy, which: str
) -> None:
    with Minio() as minio, Postgres() as postgres:
        async with _behind_proxies(tmp_path, minio, postgres, toxiproxy, blobs=_LIMIT, metadata=_LIMIT) as faulty:
            server = minio if which == "bucket" else postgres
            for begin, end in ((server.stop, server.start), (server.pause, server.resume), (server.kill, server.start)):
                await asyncio.to_thread(begin)
                assert (await faulty.cold()).status == 503
                await asyncio.to_thread(end)
                await faulty.healed()
