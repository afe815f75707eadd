"""A catalog that is empty, old or another's: no command and no server deletes an original because of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pymager import keys, registry
from tests.live.client import Client
from tests.live.program import Done, command, running, until
from tests.live.scraped import scraped
from tests.pictures import jpeg
from tests.servers import DynamoLocal, Minio, Postgres
from tests.servers.process import free_port

pytestmark = pytest.mark.live

_REFUSED = 3
_COUNT = 4
_STORE_TIMEOUT_SECONDS = 60  # so that a busy machine is not taken for a store that is down


@dataclass(frozen=True)
class Place:
    """A folder for the programs, and stores that were never used."""

    folder: Path
    new_blobs: Callable[[], str]
    new_catalog: Callable[[], str]

    async def run(self, *arguments: str, blobs: str, catalog: str, **settings: object) -> Done:
        return await command(self.folder, *arguments, blobs=blobs, metadata=catalog, sweep_grace=0, **settings)

    async def uploaded(self, blobs: str, catalog: str, *ids: str) -> None:
        """Start a server, upload originals, and request a variant of each."""
        async with (
            running(self.folder, name=secrets.token_hex(4), blobs=blobs, metadata=catalog) as program,
            Client(program.url) as client,
        ):
            for id in ids:
                assert (await client.put(id, jpeg(64, 48))).status == 201
                assert (await client.get(f"/derived/{id}-8x6.jpg")).status == 200
            assert await program.stop() == 0


@pytest.fixture(params=["embedded", "postgresql", "dynamodb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "embedded":
        return Place(
            tmp_path,
            lambda: f"file:{tmp_path}/blobs-{secrets.token_hex(4)}",
            lambda: f"sqlite:///{tmp_path}/{secrets.token_hex(4)}.db",
        )
    minio: Minio = request.getfixturevalue("minio")
    server: Postgres | DynamoLocal = request.getfixturevalue(request.param)

    def new_catalog() -> str:
        if isinstance(server, Postgres):
            return f"{server.new_database()}?timeout={_STORE_TIMEOUT_SECONDS}"
        return server.table_url(f"pymager-{secrets.token_hex(6)}", timeout=_STORE_TIMEOUT_SECONDS)

    return Place(tmp_path, lambda: minio.url(f"pymager-{secrets.token_hex(6)}"), new_catalog)


async def pictures(blobs: str) -> set[str]:
    async with registry.load_blobs(blobs) as store:
        return {info.key for prefix in (keys.ORIGINALS, keys.DERIVED) async for info in store.list(prefix)}


async def deployed(place: Place) -> tuple[str, str]:
    """A blob store and a catalog with few originals, so that no limit protects them, which were swept once."""
    blobs, catalog = place.new_blobs(), place.new_catalog()
    assert (await place.run("init", blobs=blobs, catalog=catalog)).code == 0
    await place.uploaded(blobs, catalog, *(f"cat{number}" for number in range(_COUNT)))
    done = await place.run("sweep", blobs=blobs, catalog=catalog)
    assert (done.code, done.err) == (0, ""), done
    return blobs, catalog


async def assert_sound(place: Place, blobs: str, catalog: str, count: int = _COUNT) -> None:
    done = await place.run("sweep", blobs=blobs, catalog=catalog)
    assert (done.code, done.err) == (0, ""), done
    done = await place.run("check", blobs=blobs, catalog=catalog)
    assert (done.code, done.out) == (0, f"{count} originals checked, 0 lost or damaged\n"), done


async def assert_refused(place: Place, blobs: str, catalog: str) -> None:
    """Each command that could do harm exits with 2 and names both settings; the server does not start."""
    for arguments in (["sweep"], ["sweep", "--force"], ["check"], ["warm", "--sizes", "8x6"], ["import", "."]):
        done = await place.run(*arguments, blobs=blobs, catalog=catalog)
        assert done.code == 2, (arguments, done)
        assert "PYMAGER_BLOBS, PYMAGER_METADATA: " in done.err, (arguments, done)
    async with running(place.folder, name=secrets.token_hex(4), wait=False, blobs=blobs, metadata=catalog) as program:
        assert await program.ended() == 2, program.log
        assert "PYMAGER_BLOBS, PYMAGER_METADATA: " in program.log


async def test_a_catalog_that_was_wiped(place: Place) -> None:
    blobs, catalog = await deployed(place)
    before, wiped = await pictures(blobs), place.new_catalog()
    done = await place.run("init", blobs=blobs, catalog=wiped)
    assert (done.code, done.out) == (2, ""), done
    assert "the catalog is empty, but the blob store has originals" in done.err
    await assert_refused(place, blobs, wiped)
    assert (await place.run("init", "--adopt", blobs=blobs, catalog=wiped)).code == 0
    for arguments in (["sweep"], ["sweep", "--dry-run"]):
        done = await place.run(*arguments, blobs=blobs, catalog=wiped)
        assert done.code == _REFUSED, done
        assert f"{2 * _COUNT} orphans, {2 * _COUNT} kept for now" in done.out
        assert "pymager: no orphan was deleted: this catalog is older than the last sweep" in done.err
        assert await pictures(blobs) == before
    await assert_sound(place, blobs, catalog)


async def test_a_catalog_that_was_restored_from_last_week(place: Place) -> None:
    blobs, catalog = await deployed(place)
    last_week = place.new_catalog()
    assert (await command(place.folder, "copy-metadata", catalog, last_week)).code == 0
    await place.uploaded(blobs, catalog, "dog")
    await assert_sound(place, blobs, catalog, _COUNT + 1)
    before, port = await pictures(blobs), free_port()
    settings = {"blobs": blobs, "metadata": last_week, "sweep_grace": 0, "sweep_interval": 0.2, "metrics_port": port}
    async with running(place.folder, name="restored", **settings) as program, Client(program.url) as client:
        await until(lambda: len(program.logged("sweep refused")) >= 2, "sweeps")
        refused = program.logged("sweep refused")[0]
        assert (refused["level"], refused["orphaned_originals"], refused["deleted"]) == ("error", 1, 0)
        assert "this catalog is older" in refused["reason"]
        assert program.logged("sweep finished") == []
        assert (await scraped(port)).total("pymager_sweeps_total", outcome="refused") >= 2
        assert (await client.get("/original/cat0")).status == 200
        assert (await client.get("/original/dog")).status == 404
        assert await program.stop() == 0
    assert await pictures(blobs) == before
    await assert_sound(place, blobs, catalog, _COUNT + 1)
    done = await place.run("sweep", "--force", blobs=blobs, catalog=last_week)
    assert done.code == 0, done
    assert ", 2 deleted (" in done.out
    await assert_sound(place, blobs, last_week)


async def test_a_catalog_that_was_swapped_with_another_deployments(place: Place) -> None:
    blobs, catalog = await deployed(place)
    other_blobs, other_catalog = place.new_blobs(), place.new_catalog()
    assert (await place.run("init", blobs=other_blobs, catalog=other_catalog)).code == 0
    before = await pictures(blobs)
    for arguments in (["init"], ["init", "--adopt"]):
        done = await place.run(*arguments, blobs=blobs, catalog=other_catalog)
        assert done.code == 2
        assert "the stores belong to different deployments" in done.err
    await assert_refused(place, blobs, other_catalog)
    assert await pictures(blobs) == before
    await assert_sound(place, blobs, catalog)


async def test_two_deployments_on_one_prefix(place: Place) -> None:
    """The second one has no id and rows of its own, as before the update that introduced the id."""
    blobs, catalog = await deployed(place)
    second_blobs, second = place.new_blobs(), place.new_catalog()
    assert (await place.run("init", blobs=second_blobs, catalog=second)).code == 0
    await place.uploaded(second_blobs, second, "horse", "cow")
    before, without_id = await pictures(blobs), place.new_catalog()
    await registry.load_metadata(without_id).prepare()
    async with registry.load_metadata(second) as source, registry.load_metadata(without_id) as target:
        for row in (await source.list_page(None, 10)).items:
            await target.add(row)
    for one in (second, without_id):
        await assert_refused(place, blobs, one)
        assert (await place.run("init", blobs=blobs, catalog=one)).code == 2
    assert await pictures(blobs) == before
    await assert_sound(place, blobs, catalog)
    assert (await place.run("init", blobs=second_blobs, catalog=without_id)).code == 0, "these belong together"


async def test_more_orphans_than_the_limit(place: Place) -> None:
    blobs, catalog = await deployed(place)
    async with registry.load_blobs(blobs) as store:
        for number in range(101):
            await store.put(f"{keys.ORIGINALS}ghost{number}/{secrets.token_hex(16)}.jpg", b"x", "image/jpeg")
    before = await pictures(blobs)
    done = await place.run("sweep", blobs=blobs, catalog=catalog)
    assert done.code == _REFUSED
    assert f"101 of {101 + _COUNT} originals have no row in the catalog, and at most 100 are allowed" in done.err
    assert "pymager sweep --force" in done.err
    assert await pictures(blobs) == before
    assert (await place.run("sweep", blobs=blobs, catalog=catalog, sweep_max_orphan_percent=100)).code == 0
    await assert_sound(place, blobs, catalog)


async def test_a_server_that_starts_on_stores_without_an_id_pairs_them(place: Place) -> None:
    """The stores of a deployment from before the update, and new stores, both without `init`."""
    blobs, catalog = place.new_blobs(), place.new_catalog()
    await registry.load_blobs(blobs).prepare()
    await registry.load_metadata(catalog).prepare()
    done = await place.run("sweep", blobs=blobs, catalog=catalog)
    assert done.code == 2
    assert "the stores have no deployment id" in done.err
    assert (await place.run("check", blobs=blobs, catalog=catalog)).code == 0
    await place.uploaded(blobs, catalog, *(f"cat{number}" for number in range(_COUNT)))
    await assert_sound(place, blobs, catalog)
    async with registry.load_blobs(blobs) as store:
        await store.delete([info.key async for info in store.list(keys.DEPLOYMENTS)])
    done = await place.run("check", blobs=blobs, catalog=catalog)
    assert done.code == 2
    assert "the blob store to none" in done.err
    await place.uploaded(blobs, catalog)
    await assert_sound(place, blobs, catalog)
