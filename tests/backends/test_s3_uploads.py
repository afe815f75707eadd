"""Large blobs, which are written in parts."""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.errors import NotFound, Unavailable
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import client_of, new_bucket, through
from tests.backends.s3_front import Front
from tests.servers import Minio
from tests.servers.s3 import S3Server

KEY = "original/cat/1.jpg"
LARGE = secrets.token_bytes(20_000_000)
_MEMORY = 32 << 10  # KiB

_MEASURED = """
import asyncio, hashlib, sys
from pathlib import Path
from pymager_s3 import S3Blobs

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

async def main(url, source):
    async with S3Blobs(url) as store:
        # All modules are loaded and all connections made, for one part more than fits into one.
        Path(source + ".small").write_bytes(bytes(9 << 20))
        await store.put("small", Path(source + ".small"), "image/jpeg")
        before = peak()
        await store.put("large", Path(source), "image/jpeg")
        written = peak()
        digest = hashlib.sha256()
        async with store.open("large") as blob:
            async for piece in blob.chunks:
                digest.update(piece)
    print(written - before, peak() - written, digest.hexdigest())

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(params=["minio", "versitygw"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def bucket(server: S3Server) -> str:
    return await new_bucket(server)


@pytest.fixture
async def front(server: S3Server) -> AsyncIterator[Front]:
    async with Front(server.port) as front:
        yield front


@pytest.fixture
async def store(front: Front, bucket: str) -> AsyncIterator[S3Blobs]:
    async with S3Blobs(through(front.port, bucket, "pictures")) as store:
        yield store


def _under_way(server: S3Server, bucket: str) -> int:
    return len(client_of(server).list_multipart_uploads(Bucket=bucket).get("Uploads", ()))


async def test_a_file_of_100_mb_takes_little_memory_in_both_directions(
    server: S3Server, bucket: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        for _ in range(100):
            file.write(secrets.token_bytes(1_000_000))
    command = [sys.executable, "-c", _MEASURED, server.url(bucket, timeout=30), str(source)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written, read, digest = done.stdout.split()
    assert int(written) < _MEMORY
    assert int(read) < _MEMORY
    assert digest == subprocess.run(["sha256sum", source], capture_output=True, text=True, check=True).stdout[:64]


async def test_a_put_that_is_cancelled_aborts_its_upload(
    store: S3Blobs, front: Front, server: S3Server, bucket: str
) -> None:
    put = asyncio.ensure_future(store.put(KEY, LARGE, "image/jpeg"))
    async with asyncio.timeout(30):
        while not any("uploadId" in request for request in front.requests):
            await asyncio.sleep(0.001)
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert _under_way(server, bucket) == 0
    with pytest.raises(NotFound):
        await store.stat(KEY)


async def test_a_put_that_fails_aborts_its_upload(store: S3Blobs, front: Front, server: S3Server, bucket: str) -> None:
    front.is_spoiling = True
    with pytest.raises(Unavailable):
        await store.put(KEY, LARGE, "image/jpeg")
    assert any("uploadId" in request for request in front.requests)
    assert _under_way(server, bucket) == 0


async def test_tidy_aborts_only_old_uploads_under_the_prefix(store: S3Blobs, server: S3Server, bucket: str) -> None:
    client = client_of(server)
    for key in ("pictures/a", "pictures/b/c", "picture/a", "elsewhere"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    assert await store.tidy(3_600) == 0
    assert _under_way(server, bucket) == 4
    async with asyncio.timeout(30):
        while (aborted := await store.tidy(1)) == 0:
            await asyncio.sleep(0.1)
        while aborted < 2:
            aborted += await store.tidy(1)
    left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert {upload["Key"] for upload in left} == {"picture/a", "elsewhere"}
    assert await store.tidy(0) == 0


async def test_an_upload_that_another_tidies_away_leaves_no_blob(minio: Minio) -> None:
    url = minio.url(await new_bucket(minio))
    async with S3Blobs(url) as store, S3Blobs(url) as other:
        put = asyncio.ensure_future(store.put(KEY, LARGE, "image/jpeg"))
        aborted = 0
        while not put.done() and not aborted:
            aborted = await other.tidy(0)
        if aborted:
            with pytest.raises(Unavailable):
                await put
            assert [info async for info in store.list("")] == []
        else:
            await put
