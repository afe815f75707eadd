"""Large blobs, which are uploaded in parts."""

import asyncio
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.errors import NotFound, Unavailable
from pymager.testing.blobs_contents import read
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import client_of, new_bucket, through
from tests.backends.s3_front import Front
from tests.servers import Minio
from tests.servers.s3 import S3Server

KEY = "original/cat/1.jpg"
LARGE = secrets.token_bytes(20_000_000)
_MAX_MEMORY_KIB = 32 << 10

_MEASURE = """
import asyncio, hashlib, sys
from pathlib import Path
from pymager_s3 import S3Blobs

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

async def main(url, path, kind):
    source = Path(path).read_bytes() if kind == "bytes" else Path(path)
    async with S3Blobs(url) as store:
        # Load all modules and open connections, with an upload of two parts.
        Path(path + ".small").write_bytes(bytes(9 << 20))
        await store.put("small", Path(path + ".small"), "image/jpeg")
        before = peak()
        await store.put("large", source, "image/jpeg")
        written = peak()
        digest = hashlib.sha256()
        async with store.open("large") as blob:
            async for chunk in blob.chunks:
                digest.update(chunk)
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


def _uploads_in_progress(server: S3Server, bucket: str) -> int:
    return len(client_of(server).list_multipart_uploads(Bucket=bucket).get("Uploads", ()))


@pytest.mark.parametrize("kind", ["file", "bytes"])
async def test_100_mb_take_little_memory_in_both_directions(
    server: S3Server, bucket: str, tmp_path: Path, kind: str
) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        for _ in range(100):
            file.write(secrets.token_bytes(1_000_000))
    command = [sys.executable, "-c", _MEASURE, server.url(bucket, timeout=30), str(source), kind]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written, read_back, digest = done.stdout.split()
    assert int(written) < _MAX_MEMORY_KIB
    assert int(read_back) < _MAX_MEMORY_KIB
    assert digest == subprocess.run(["sha256sum", source], capture_output=True, text=True, check=True).stdout[:64]


async def test_a_put_that_is_canceled_aborts_its_upload(
    store: S3Blobs, front: Front, server: S3Server, bucket: str
) -> None:
    put = asyncio.ensure_future(store.put(KEY, LARGE, "image/jpeg"))
    async with asyncio.timeout(30):
        while not any("uploadId" in request for request in front.requests):
            await asyncio.sleep(0.001)
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert _uploads_in_progress(server, bucket) == 0
    with pytest.raises(NotFound):
        await store.stat(KEY)


async def test_a_put_that_fails_aborts_its_upload(store: S3Blobs, front: Front, server: S3Server, bucket: str) -> None:
    front.is_spoiling = True
    with pytest.raises(Unavailable):
        await store.put(KEY, LARGE, "image/jpeg")
    assert any("uploadId" in request for request in front.requests)
    assert _uploads_in_progress(server, bucket) == 0


async def test_tidy_aborts_only_old_uploads_under_the_prefix(store: S3Blobs, server: S3Server, bucket: str) -> None:
    client = client_of(server)
    for key in ("pictures/a", "pictures/b/c", "picture/a", "elsewhere"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    assert await store.tidy(3_600) == 0
    assert _uploads_in_progress(server, bucket) == 4
    async with asyncio.timeout(30):
        while (aborted := await store.tidy(1)) == 0:
            await asyncio.sleep(0.1)
        while aborted < 2:
            aborted += await store.tidy(1)
    left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert {upload["Key"] for upload in left} == {"picture/a", "elsewhere"}
    assert await store.tidy(0) == 0


async def test_an_upload_that_another_process_aborts_leaves_no_blob_or_a_whole_one(minio: Minio) -> None:
    url = minio.url(await new_bucket(minio))
    async with S3Blobs(url) as store, S3Blobs(url) as other:
        put = asyncio.ensure_future(store.put(KEY, LARGE, "image/jpeg"))
        aborted = 0
        while not put.done() and not aborted:
            aborted = await other.tidy(0)
        try:
            await put
        except Unavailable:
            assert aborted
            assert [info async for info in store.list("")] == []
        else:
            # It completed before the abort: a server may report an abort that has no effect as successful.
            assert await read(store, KEY) == LARGE


@pytest.mark.parametrize("kind", ["file", "bytes"])
async def test_a_lost_response_does_not_fail_the_put(
    store: S3Blobs, front: Front, server: S3Server, bucket: str, tmp_path: Path, kind: str
) -> None:
    """Of a part, and of the completion: its second attempt fails, so the stored object decides."""
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    for request in ("PUT", f"POST /{bucket}/pictures/{KEY}?uploadId"):
        front.requests.clear()
        front.lost_response = request
        await store.put(KEY, source if kind == "file" else LARGE, "image/jpeg")
        assert front.lost_response is None
        assert sum(line.startswith(request) for line in front.requests) == (4 if request == "PUT" else 2)
        assert await read(store, KEY) == LARGE
        assert _uploads_in_progress(server, bucket) == 0
        await store.delete([KEY])


async def test_a_connection_that_is_cut_in_a_part_costs_that_part(store: S3Blobs, front: Front) -> None:
    front.cut_request = "partNumber=2"
    await store.put(KEY, LARGE, "image/jpeg")
    assert front.cut_request is None
    parts = [request for request in front.requests if request.startswith("PUT")]
    assert sorted(request.partition("partNumber=")[2][:1] for request in parts) == ["1", "2", "2", "3"]
    assert await read(store, KEY) == LARGE


async def test_every_part_has_its_checksum_in_a_header(store: S3Blobs, front: Front) -> None:
    await store.put(KEY, LARGE, "image/jpeg")
    parts = [head.lower() for head in front.heads if head.startswith("PUT")]
    assert len(parts) == 3
    for head in parts:
        assert "\r\nx-amz-checksum-sha256: " in head
        assert re.search(r"\r\nx-amz-content-sha256: [0-9a-f]{64}\r\n", head)


async def test_a_canceled_put_is_not_retried(store: S3Blobs, front: Front, server: S3Server, bucket: str) -> None:
    """After the cancellation, a server that fails every request gets one attempt to abort the upload."""
    put = asyncio.ensure_future(store.put(KEY, LARGE, "image/jpeg"))
    async with asyncio.timeout(30):
        while not any("partNumber" in request for request in front.requests):
            await asyncio.sleep(0.001)
    front.refusals = 1_000
    before = [request for request in front.requests if "partNumber" in request]
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    after = [request for request in front.requests if "partNumber" in request]
    assert len(after) - len(before) <= 3
    assert sum(request.startswith("DELETE") for request in front.requests) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("s3-transfer")]


async def test_many_large_puts_at_once_are_all_stored(store: S3Blobs) -> None:
    keys = [f"original/cat/{number}.jpg" for number in range(20)]
    await asyncio.gather(*(store.put(key, LARGE[: 9 << 20], "image/jpeg") for key in keys))
    assert sorted([info.key async for info in store.list("")]) == sorted(keys)
