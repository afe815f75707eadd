"""A service moved over real servers and back again: what comes back is what went, whatever happened on the way."""

import asyncio
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from pymager import registry
from pymager.ports import BlobStore, Original
from pymager_filesystem.layout import Layout
from tests.live.client import Client
from tests.live.program import command, environment, running
from tests.pictures import encoded, jpeg, photograph
from tests.servers import DynamoLocal, Minio, Postgres, Toxiproxy

pytestmark = pytest.mark.live

_COUNT = 40
_IDS = ("large", "猫", "café", "z" * 200)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a service with originals of many ids and sizes, pictures derived from some, and a recipe's mark."""
    folder = tmp_path_factory.mktemp("library")
    album = folder / "album"
    album.mkdir()
    for number, id in enumerate([*_IDS, *(f"id{number}" for number in range(_COUNT))]):
        (album / f"{id}.jpg").write_bytes(jpeg(64, 48, seed=number))
    (album / "large.jpg").write_bytes(jpeg(2400, 1800, quality=95))
    imported = [sys.executable, "-m", "pymager", "import", str(album)]
    subprocess.run(imported, env=environment(folder, {}), check=True, capture_output=True)
    layout = Layout.under(folder / "data")
    keys = [f"derived/{id}/{'0' * 32}/{'a' * 12}/8x6.webp" for id in _IDS]
    for key in (*keys, f"recipe/{'a' * 12}"):
        path = Path(os.fsdecode(layout.path(key)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photograph(8, 6), "WEBP") if key in keys else b"")
    return folder / "data"


async def test_blobs_go_from_a_folder_to_minio_and_back_byte_for_byte(tmp_path: Path, data: Path, minio: Minio) -> None:
    bucket = minio.url("there-and-back", "a/prefix")
    there = await command(tmp_path, "copy-blobs", f"file:{data}", bucket)
    assert (there.code, there.err) == (0, "")
    assert "TO: " in there.out
    again = await command(tmp_path, "copy-blobs", f"file:{data}", bucket, "--verify")
    already_there = len(_files(data)) - 1  # all but the mark of the deployment
    assert (again.code, again.out.split()[:3]) == (0, ["0", "copied,", str(already_there)])
    back = await command(tmp_path, "copy-blobs", bucket, f"file:{tmp_path}/back")
    assert (back.code, back.err) == (0, "")
    assert _files(tmp_path / "back") == _files(data)


async def test_rows_go_from_sqlite_over_postgresql_and_dynamodb_and_back_field_for_field(
    tmp_path: Path, data: Path, postgresql: Postgres, dynamodb: DynamoLocal
) -> None:
    first, last = f"sqlite:///{data}/catalog.db", f"sqlite:///{tmp_path}/back.db"
    way = [first, postgresql.new_database(), dynamodb.patient_url("there-and-back"), last]
    for source, target in pairwise(way):
        for words in ("{} copied, 0 already there, 0 failed", "0 copied, {} already there, 0 failed"):
            done = await command(tmp_path, "copy-metadata", source, target)
            assert done.code == 0, done
            assert all(" already there, 0 failed" in line for line in done.err.splitlines()), done  # progress, if slow
            assert done.out.splitlines()[-1] == words.format(_COUNT + len(_IDS))
    assert await _rows(last) == await _rows(first)


async def test_a_service_moved_to_servers_answers_as_before(
    tmp_path: Path, data: Path, minio: Minio, postgresql: Postgres
) -> None:
    moved = {"blobs": minio.url("moved"), "metadata": postgresql.new_database()}
    assert (await command(tmp_path, "copy-blobs", f"file:{data}", moved["blobs"])).code == 0
    assert (await command(tmp_path, "copy-metadata", f"sqlite:///{data}/catalog.db", moved["metadata"])).code == 0
    assert (await command(tmp_path, "check", **moved)).code == 0
    answers = []
    for settings in ({"data": data}, moved):
        async with running(tmp_path, **settings) as program, Client(program.url) as client:
            answer = await client.get("/original/large")
            answers.append((answer.status, answer.body, answer.headers["etag"], answer.headers["last-modified"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 200


async def test_a_copy_to_minio_goes_on_after_kill_9(tmp_path: Path, data: Path, minio: Minio) -> None:
    bucket = minio.url("killed")
    await registry.load_blobs(bucket).prepare()
    async with registry.load_blobs(bucket) as store:
        for least in (5, 17, 30):
            await _killed(tmp_path, store, least, "copy-blobs", "--jobs", "1", f"file:{data}", bucket)
        assert await _counted(store) < len(_files(data))
    assert (await command(tmp_path, "copy-blobs", f"file:{data}", bucket)).code == 0
    assert (await command(tmp_path, "copy-blobs", bucket, f"file:{tmp_path}/back")).code == 0
    assert _files(tmp_path / "back") == _files(data)


async def test_a_bucket_that_goes_away_ends_the_copy_and_another_run_goes_on(
    tmp_path: Path, data: Path, minio: Minio, toxiproxy: Toxiproxy
) -> None:
    bucket = minio.url("cut")
    await registry.load_blobs(bucket).prepare()
    proxy = toxiproxy.proxy(minio.port)
    latency = proxy.add("latency", latency=200)  # slow enough to be cut in its midst
    far = minio.url("cut", endpoint=f"http://127.0.0.1:{proxy.port}", timeout=2)
    copy = asyncio.create_task(command(tmp_path, "copy-blobs", "--jobs", "20", f"file:{data}", far))
    async with registry.load_blobs(bucket) as store:
        while await _counted(store) < 2:  # the first is the mark of the deployment
            assert not copy.done()
    proxy.cut()
    done = await copy
    assert done.code == 1
    assert "in a row failed" in done.err
    proxy.mend()
    proxy.remove(latency)
    assert (await command(tmp_path, "copy-blobs", f"file:{data}", far, "--verify")).code == 0
    assert (await command(tmp_path, "copy-blobs", bucket, f"file:{tmp_path}/back")).code == 0
    assert _files(tmp_path / "back") == _files(data)


async def _killed(folder: Path, store: BlobStore, least: int, *arguments: str) -> None:
    """Start a command, and kill it once so many blobs are in the store."""
    with subprocess.Popen(
        [sys.executable, "-m", "pymager", *arguments],
        env=environment(folder, {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            async with asyncio.timeout(60):
                while await _counted(store) < least:
                    await asyncio.sleep(0)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


async def _counted(store: BlobStore) -> int:
    return len([info async for info in store.list("")])


def _files(folder: Path) -> dict[Path, bytes]:
    root = folder / "blobs"
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def _rows(url: str) -> list[Original]:
    async with registry.load_metadata(url) as store:
        page = await store.list_page(None, 1_000)
    assert page.next is None
    return list(page.items)
