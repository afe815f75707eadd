"""A full disk: the upload is refused, nothing half is left, and the service goes on once there is room."""

import asyncio
import functools
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import running
from tests.live.traces import assert_disk_is_as_the_catalog_says, assert_swept
from tests.pictures import encoded, jpeg, photograph

pytestmark = pytest.mark.live

_SMALL = jpeg(320, 240)
_DISK = 12 << 20


@functools.cache
def _large() -> bytes:
    return encoded(photograph(2000, 1500), "BMP")  # 9 MB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"can't mount a small file system; the bound on a file's size stands for it: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_uploads_go_on_once_there_is_room_again(tmp_path: Path, small_disk: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.put("first", _SMALL)).status == 201
        assert (await client.put("large", _large())).status == 201
        for method in (client.post, client.put):
            answer = await method("another", _large())
            assert answer.status == 507, answer
        assert (await client.put("large", encoded(photograph(1999, 1500), "BMP"))).status == 507
        assert (await client.get("/original/large")).body == _large()
        assert_disk_is_as_the_catalog_says(tmp_path)
        assert (await client.delete("large")).status == 204
        await _until_taken(client, "another", _large())
        assert (await client.get("/original/first")).body == _SMALL
        assert program.logged("internal error") == []
    await assert_swept(tmp_path)


async def test_a_disk_that_is_full_to_the_last_byte_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.put("cat", _SMALL)).status == 201
        filler = small_disk / "filler"
        _fill(filler)
        for number in range(5):
            assert (await client.put(f"id-{number}", _SMALL)).status in (503, 507)
        assert (await client.put("cat", jpeg(320, 240, seed=1))).status in (503, 507)
        assert (await client.get("/derived/cat-80x60.jpg")).status in (503, 507)
        assert (await client.get("/original/cat")).body == _SMALL
        assert (await client.get("/info/cat")).status == 200
        filler.unlink()
        await _until_taken(client, "dog", _SMALL)
        assert (await client.get("/derived/cat-80x60.jpg")).picture.size == (80, 60)
        assert (await client.delete("cat")).status == 204
        assert program.logged("internal error") == []
    await assert_swept(tmp_path)


async def test_a_file_that_may_not_grow_stands_for_a_full_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as program, Client(program.url) as client:
        assert (await client.put("first", _SMALL)).status == 201
        before = resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))
        assert (await client.put("large", _large())).status == 507
        assert (await client.post("large", _large())).status == 507
        assert (await client.get("/original/large")).status == 404
        assert_disk_is_as_the_catalog_says(tmp_path)
        spooled = [path for path in (tmp_path / "spool").rglob("*") if path.is_file() and path.name != "lock"]
        assert spooled == []
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, before)
        assert (await client.put("large", _large())).status == 201
        assert (await client.get("/original/large")).body == _large()


async def _until_taken(client: Client, id: str, data: bytes) -> None:
    """Upload once the blobs that a delete left behind are gone too."""
    async with asyncio.timeout(60):
        while (answer := await client.put(id, data)).status == 507:
            await asyncio.sleep(0.05)
    assert answer.status == 201, answer


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                pass
