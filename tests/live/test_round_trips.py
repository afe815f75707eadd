"""How many requests an HTTP request makes to the bucket (counted by a proxy) and the catalog (in its log)."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from pymager import registry
from tests.backends.dynamodb_tables import Between, between, by_way_of
from tests.backends.s3_front import Front
from tests.live.client import Answer, Client
from tests.live.numbered import numbered
from tests.live.program import until
from tests.live.replicas import Stores, new_stores, replicas
from tests.pictures import jpeg
from tests.servers import DynamoLocal, Minio, Postgres

pytestmark = pytest.mark.live

_STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*):\s+(\w+)")
_READS = {"SELECT", "GetItem", "Query", "Scan"}


@dataclass
class Counted:
    """A replica with a memory cache and one without, and their requests to the stores."""

    warm: Client
    bare: Client
    front: Front
    log: Path | None
    middle: Between | None
    blobs: str
    _marks: list[int] = field(default_factory=lambda: [0, 0])

    def begin(self) -> None:
        """Count from here on."""
        self._marks = [len(self.front.requests), len(self._queries())]

    def bucket(self) -> list[str]:
        """The requests to the bucket: `GET` of an object, `LIST`, `POST` for a bulk delete, and so on."""
        return [_shape(request) for request in self.front.requests[self._marks[0] :]]

    def opened(self) -> list[str]:
        """The names of the objects that were read: an original is named by its extension."""
        names = [request.partition(" ")[2].rpartition("/")[2] for request in self.front.requests[self._marks[0] :]]
        return [
            "original" if re.fullmatch("[0-9a-f]{32}[.].*", name) else name
            for name, request in zip(names, self.front.requests[self._marks[0] :], strict=True)
            if request.startswith("GET ")
        ]

    def catalog(self) -> tuple[int, int]:
        """Reads and writes of the catalog and the leases."""
        queries = self._queries()[self._marks[1] :]
        reads = sum(query in _READS for query in queries)
        return reads, len(queries) - reads

    def _queries(self) -> list[str]:
        if self.middle is not None:
            return [action for action, _ in self.middle.questions]
        assert self.log is not None
        return _STATEMENT.findall(self.log.read_text(errors="replace"))


def _shape(request: str) -> str:
    method, _, target = request.partition(" ")
    return "LIST" if method == "GET" and "list-type" in urlsplit(target).query else method


@pytest.fixture(params=["postgresql", "dynamodb"])
async def counted(request: pytest.FixtureRequest, tmp_path: Path, minio: Minio) -> AsyncIterator[Counted]:
    catalog: Postgres | DynamoLocal = request.getfixturevalue(request.param)
    direct = await new_stores(minio, catalog)
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(Front(minio.port))
        log, middle, metadata = None, None, direct.metadata
        if isinstance(catalog, Postgres):
            log = catalog.folder / "log"
            with psycopg.connect(metadata, autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE \"{connection.info.dbname}\" SET log_statement = 'all'".encode())
        else:
            middle = await stack.enter_async_context(between(catalog))
            metadata = by_way_of(metadata, catalog, middle.port)
        stores = Stores(minio.by_way_of(direct.blobs, front.port), metadata)
        [warm] = await stack.enter_async_context(replicas(tmp_path / "warm", stores, 1, mezzanine=256))
        [bare] = await stack.enter_async_context(replicas(tmp_path / "bare", stores, 1, mezzanine=256, memory_cache=0))
        clients = [await stack.enter_async_context(Client(program.url)) for program in (warm, bare)]
        counted = Counted(clients[0], clients[1], front, log, middle, direct.blobs)
        for client in clients:  # connections and prepared statements, and the marks of the recipes
            assert (await client.put("first", numbered(1))).status in (200, 201)
            assert (await client.get("/derived/first-20x20.jpg")).status == 200
        await until(lambda: sum("/recipe/" in request for request in front.requests) >= 24, "the recipes' marks")
        yield counted


async def _requested(counted: Counted, client: Client, path: str, **headers: str) -> Answer:
    counted.begin()
    return await client.get(path, **headers)


async def test_a_hit_asks_the_catalog_once_and_the_bucket_at_most_once(counted: Counted) -> None:
    assert (await counted.warm.post("cat", numbered(3))).status == 201
    path = "/derived/cat-40x30.png"
    assert (await counted.warm.get(path)).status == 200
    for client, expected in ((counted.warm, []), (counted.bare, ["GET"])):
        answer = await _requested(counted, client, path)
        assert (answer.status, counted.bucket(), counted.catalog()) == (200, expected, (1, 0))
        known = answer.headers["etag"]
    answer = await _requested(counted, counted.warm, path, **{"If-None-Match": known})
    assert (answer.status, counted.bucket(), counted.catalog()) == (304, [], (1, 0))


async def test_an_original_asks_each_once_and_its_304_and_its_row_only_the_catalog(counted: Counted) -> None:
    assert (await counted.warm.post("cat", numbered(3))).status == 201
    answer = await _requested(counted, counted.bare, "/original/cat")
    assert (answer.status, counted.bucket(), counted.catalog()) == (200, ["GET"], (1, 0))
    answer = await _requested(counted, counted.bare, "/original/cat", **{"If-None-Match": answer.headers["etag"]})
    assert (answer.status, counted.bucket(), counted.catalog()) == (304, [], (1, 0))
    answer = await _requested(counted, counted.bare, "/info/cat")
    assert (answer.status, counted.bucket(), counted.catalog()) == (200, [], (1, 0))


async def test_a_render_looks_twice_loads_once_and_writes_once(counted: Counted) -> None:
    assert (await counted.warm.post("cat", numbered(3))).status == 201
    counts = []
    for width in (41, 42, 43):  # a render that takes a second has its lease renewed: the least of three counts
        answer = await _requested(counted, counted.warm, f"/derived/cat-{width}x30.png")
        assert (answer.status, sorted(counted.bucket())) == (200, ["GET", "GET", "GET", "HEAD", "PUT"])
        await until(lambda: counted.catalog()[1] >= 2, "the release of the lease")
        counts.append(counted.catalog())
    reads, writes = min(counts)
    assert (reads <= 3, writes) == (True, 2), counts


async def test_an_upload_and_a_delete_read_and_write_the_catalog_once(counted: Counted) -> None:
    counted.begin()
    assert (await counted.warm.post("cat", numbered(3))).status == 201
    assert (sorted(counted.bucket()), counted.catalog()) == (["HEAD", "PUT"], (1, 1))
    assert (await counted.warm.get("/derived/cat-40x30.png")).status == 200
    counted.begin()
    assert (await counted.warm.delete("cat")).status == 204
    reads, writes = counted.catalog()
    assert (reads <= 1, writes) == (True, 1)
    await until(lambda: counted.bucket() == ["POST", "LIST", "POST"], f"the clean-up, not {counted.bucket()}")
    assert counted.catalog()[1] == 1


async def test_a_large_original_is_not_loaded_for_variants_that_its_mezzanine_serves(counted: Counted) -> None:
    counted.begin()
    assert (await counted.warm.post("large", jpeg(2400, 1800))).status == 201
    assert (sorted(counted.bucket()), counted.catalog()) == (["HEAD", "HEAD", "PUT", "PUT"], (1, 1))
    for size in ("100x75", "40x30"):
        answer = await _requested(counted, counted.warm, f"/derived/large-{size}.png")
        assert (answer.status, sorted(counted.bucket())) == (200, ["GET", "GET", "GET", "HEAD", "PUT"])
        assert sorted(counted.opened()) == [f"{size}.png", f"{size}.png", "mezzanine.jpg"]
    answer = await _requested(counted, counted.warm, "/derived/large-400x300.png")
    assert answer.status == 200
    assert sorted(counted.opened()) == ["400x300.png", "400x300.png", "original"]


async def test_a_missing_mezzanine_is_made_of_the_original_and_written(counted: Counted) -> None:
    assert (await counted.warm.post("large", jpeg(2400, 1800))).status == 201
    [key] = [request.split()[1] for request in counted.front.requests if request.endswith("/mezzanine.jpg")][:1]
    async with registry.load_blobs(counted.blobs) as blobs:
        await blobs.delete([urlsplit(key).path.lstrip("/").partition("/")[2]])
    answer = await _requested(counted, counted.warm, "/derived/large-100x75.png")
    assert (answer.status, sorted(counted.bucket())) == (200, ["GET"] * 4 + ["HEAD"] * 2 + ["PUT"] * 2)
    assert sorted(counted.opened()) == ["100x75.png", "100x75.png", "mezzanine.jpg", "original"]
    assert counted.catalog()[0] <= 4
