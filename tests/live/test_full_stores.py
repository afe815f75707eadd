"""A bucket and a database without room: uploads are refused whole, the rest goes on, and room is all that is needed."""

import asyncio
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.client import Answer, Client
from tests.live.cluster_storm import assert_swept
from tests.live.replicas import new_stores, replicas
from tests.pictures import encoded, jpeg, photograph
from tests.servers import Minio, Postgres, Versitygw
from tests.servers.process import Server
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.live

_SMALL = jpeg(320, 240)
_BUCKET_DISK, _DATABASE_DISK = 96 << 20, 160 << 20
_RECOVERED_WITHIN = 90.0


@functools.cache
def _large() -> bytes:
    return encoded(photograph(2000, 1500), "BMP")  # 9 MB


@dataclass
class Place:
    """A server whose folder is a small file system of its own."""

    server: Server

    def fill(self) -> None:
        """Leave not a byte."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(os.urandom(size))
                except OSError:
                    pass

    def make_room(self) -> None:
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.server.folder / "filler"


@contextmanager
def _small(kind: Callable[[], Server], size: int) -> Iterator[Place]:
    server = kind()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(server.folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"can't mount a small file system: {done.stderr.strip()}")
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "-l", str(server.folder)], check=True)
        if server.user is not None and os.geteuid() == 0:
            shutil.chown(server.folder, server.user)
        stack.enter_context(server)  # type: ignore[arg-type]
        yield Place(server)


def _is_refused(answer: Answer) -> bool:
    return answer.status == 507 or (answer.status == 503 and "retry-after" in answer.headers)


async def _until_taken(client: Client, id: str, data: bytes) -> None:
    """Upload once the server has noticed that there is room."""
    async with asyncio.timeout(_RECOVERED_WITHIN):
        while (answer := await client.put(id, data)).status not in (200, 201):
            assert _is_refused(answer), answer
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kind", [Minio, Versitygw])
async def test_a_full_bucket_refuses_uploads_and_serves_the_rest(
    tmp_path: Path, postgresql: Postgres, kind: type[S3Server]
) -> None:
    with _small(kind, _BUCKET_DISK) as place:
        assert isinstance(place.server, S3Server)
        stores = await new_stores(place.server, postgresql)
        async with replicas(tmp_path, stores, 1) as [program], Client(program.url) as client:
            assert (await client.put("cat", _SMALL)).status == 201
            assert (await client.get("/derived/cat-80x60.jpg")).status == 200
            place.fill()
            for method in (client.post, client.put):
                assert _is_refused(await method("another", _large()))
            assert _is_refused(await client.put("cat", _large()))
            assert (await client.get("/info/another")).status == 404
            assert (await client.get("/original/cat")).body == _SMALL
            assert (await client.get("/derived/cat-80x60.jpg")).status == 200
            place.make_room()
            await _until_taken(client, "another", _large())
            assert (await client.get("/original/another")).body == _large()
            assert (await client.get("/derived/cat-40x30.jpg")).picture.size == (40, 30)
            assert program.logged("internal error") == []
        await assert_swept(tmp_path, stores)


async def test_a_full_database_refuses_uploads_and_serves_the_rest(tmp_path: Path, minio: Minio) -> None:
    with _small(Postgres, _DATABASE_DISK) as place:
        assert isinstance(place.server, Postgres)
        stores = await new_stores(minio, place.server)
        async with replicas(tmp_path, stores, 1) as [program], Client(program.url) as client:
            assert (await client.put("cat", _SMALL)).status == 201
            assert (await client.get("/derived/cat-80x60.jpg")).status == 200
            place.fill()
            acknowledged = []
            for number in range(400):
                answer = await client.put(f"id-{number}", _SMALL)
                if answer.status != 201:
                    assert _is_refused(answer), answer
                    break
                acknowledged.append(f"id-{number}")
            else:
                pytest.fail("the database was never full")
            statuses = {(await client.get(path)).status for path in ("/original/cat", "/derived/cat-80x60.jpg")}
            assert statuses <= {200, 503}
            place.make_room()
            await _until_taken(client, "another", _SMALL)
            for id in ("cat", *acknowledged):
                assert (await client.get(f"/original/{id}")).body == _SMALL
            assert program.logged("internal error") == []
        await assert_swept(tmp_path, stores)
