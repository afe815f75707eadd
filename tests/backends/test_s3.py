"""The requests that the store sends, and how it handles the responses."""

import asyncio
import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from pymager.errors import ConfigurationError, NoSpace, NotFound, Unavailable
from pymager.testing.blobs_contents import read
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import client_of, new_bucket, session_of, through
from tests.backends.s3_front import Front
from tests.servers import Minio
from tests.servers.s3 import S3Server

KEY = "original/cat/1.jpg"
LARGE = secrets.token_bytes(20_000_000)


@pytest.fixture(params=["minio", "versitygw"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def front(server: S3Server) -> AsyncIterator[Front]:
    async with Front(server.port) as front:
        yield front


@pytest.fixture
async def bucket(server: S3Server) -> str:
    return await new_bucket(server)


@pytest.fixture
async def store(front: Front, bucket: str) -> AsyncIterator[S3Blobs]:
    async with S3Blobs(through(front.port, bucket, "pictures")) as store:
        yield store


@pytest.mark.parametrize(("start", "stop"), [(0, None), (10, 20), (-5, None), (0, -5), (-9, -4), (-99_999, 7)])
async def test_a_blob_or_a_range_of_it_is_one_get(
    store: S3Blobs, front: Front, bucket: str, start: int, stop: int | None
) -> None:
    info = await store.put(KEY, body := secrets.token_bytes(30_000), "image/jpeg")
    front.requests.clear()
    async with store.open(KEY, start, stop) as blob:
        assert blob.info == info
        assert b"".join([chunk async for chunk in blob.chunks]) == body[start:stop]
    assert front.requests == [f"GET /{bucket}/pictures/{KEY}"]


async def test_each_call_sends_no_more_requests_than_it_needs(store: S3Blobs, front: Front, bucket: str) -> None:
    path = f"/{bucket}/pictures/{KEY}"
    front.requests.clear()
    await store.put(KEY, b"cat", "image/jpeg")
    assert front.requests == [f"PUT {path}", f"HEAD {path}"]
    front.requests.clear()
    await store.stat(KEY)
    assert front.requests == [f"HEAD {path}"]
    front.requests.clear()
    await store.ping()
    assert len(front.requests) == 1
    front.requests.clear()
    await store.delete([f"derived/{n}" for n in range(1_001)])
    assert front.requests == [f"POST /{bucket}?delete"] * 2


async def test_connections_are_reused(minio: Minio) -> None:  # versitygw closes each after its response
    async with Front(minio.port) as front, S3Blobs(through(front.port, await new_bucket(minio))) as store:
        await store.ping()
        await store.put(KEY, b"cat", "image/jpeg")
        front.connections = 0
        await _use(store)
        assert front.connections <= 2


async def _use(store: S3Blobs) -> None:
    for _ in range(50):
        assert await read(store, KEY) == b"cat"
        await store.stat(KEY)
        await store.put(KEY, b"cat", "image/jpeg")
        await store.delete(["original/dog/1.jpg"])


async def test_requests_to_a_busy_server_are_retried(store: S3Blobs, front: Front) -> None:
    async def listed() -> list[str]:
        return [info.key async for info in store.list("")]

    for call in (
        lambda: store.put(KEY, b"cat", "image/jpeg"),
        lambda: store.put(KEY, LARGE[: 9 << 20], "image/jpeg"),
        lambda: read(store, KEY),
        lambda: store.stat(KEY),
        listed,
        lambda: store.delete([KEY]),
    ):
        front.refusals = 2
        await call()
        assert front.refusals == 0


async def test_a_body_that_changes_on_its_way_is_rejected(store: S3Blobs, front: Front) -> None:
    for size in (30_000, 9 << 20):
        front.is_spoiling = True
        with pytest.raises(Unavailable):
            await store.put(KEY, LARGE[:size], "image/jpeg")
        front.is_spoiling = False
        with pytest.raises(NotFound):
            await store.stat(KEY)


async def test_an_object_has_its_content_type_and_is_under_the_prefix(
    store: S3Blobs, server: S3Server, bucket: str
) -> None:
    for body in (b"cat", LARGE[: 9 << 20]):
        info = await store.put(KEY, body, "image/webp")
        found = client_of(server).head_object(Bucket=bucket, Key=f"pictures/{KEY}")
        assert (found["ContentType"], found["Metadata"]) == ("image/webp", {})
        assert (found["ContentLength"], found["ETag"].strip('"')) == (info.size, info.etag)


async def test_only_objects_under_the_prefix_are_listed(store: S3Blobs, server: S3Server, bucket: str) -> None:
    for key in ("pictures.txt", "picture/1", "other/1"):
        client_of(server).put_object(Bucket=bucket, Key=key, Body=b"not ours")
    await store.put(KEY, b"cat", "image/jpeg")
    assert [info.key async for info in store.list("")] == [KEY]


async def test_an_invalid_key_is_rejected_before_any_request(store: S3Blobs, front: Front) -> None:
    await store.put(KEY, b"cat", "image/jpeg")
    front.requests.clear()
    for key in ("", "/cat", "cat/", "cat//1", "../cat", "cat/.1", "a b", "½", "c" * 256, f"{'c/' * 350}cc"):
        for call in (store.stat(key), store.put(key, b"cat", "image/jpeg"), store.delete([KEY, key]), read(store, key)):
            with pytest.raises(ValueError, match="invalid blob key"):
                await call
    for prefix in ("/", "//", "../", "a b", "½"):
        with pytest.raises(ValueError, match="invalid blob key"):
            await anext(store.list(prefix))
    assert front.requests == []
    assert await read(store, KEY) == b"cat"


async def test_objects_whose_names_are_not_keys_are_not_listed(store: S3Blobs, server: S3Server, bucket: str) -> None:
    for name in ("a b.jpg", "original/½.jpg", "original/.hidden"):
        client_of(server).put_object(Bucket=bucket, Key=f"pictures/{name}", Body=b"not a blob")
    await store.put(KEY, b"cat", "image/jpeg")
    assert [info.key async for info in store.list("")] == [KEY]


async def test_a_slow_reader_gets_the_rest_over_another_connection(store: S3Blobs, front: Front) -> None:
    await store.put(KEY, LARGE, "image/jpeg")
    front.requests.clear()
    async with store.open(KEY, 5) as blob:
        chunks = [await anext(blob.chunks)]
        connections = front.open
        async with asyncio.timeout(30):
            while front.open == connections:
                await asyncio.sleep(0.02)
        chunks += [chunk async for chunk in blob.chunks]
    assert b"".join(chunks) == LARGE[5:]
    assert [request.partition(" ")[0] for request in front.requests] == ["GET", "GET"]


async def test_a_missing_bucket_is_named_with_the_command_that_creates_it(minio: Minio) -> None:
    url = minio.url(name := f"missing-{secrets.token_hex(4)}")
    with pytest.raises(ConfigurationError, match=f"'{name}'.*pymager init"):
        async with S3Blobs(url):
            pass
    assert await S3Blobs(url).prepare() == [f"created the bucket '{name}' in us-east-1"]
    assert await S3Blobs(url).prepare() == []
    async with S3Blobs(url) as store:
        await store.ping()


async def test_a_bucket_that_vanishes_is_not_a_missing_blob(server: S3Server) -> None:
    name = await new_bucket(server)
    async with S3Blobs(server.url(name)) as store:
        client_of(server).delete_bucket(Bucket=name)
        for call in (read(store, KEY), store.stat(KEY), store.put(KEY, b"cat", "image/jpeg"), store.ping()):
            with pytest.raises(Unavailable):
                await call


async def test_a_key_that_cannot_be_deleted_is_reported_and_the_others_are_deleted(
    minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await new_bucket(minio)
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{name}/b"}
    for variable, value in session_of(minio, [allow, deny]).items():
        monkeypatch.setenv(variable, value)
    async with S3Blobs(minio.url(name)) as store:
        for key in ("a", "b", "c"):
            await store.put(key, b"cat", "image/jpeg")
        with pytest.raises(Unavailable, match="AccessDenied"):
            await store.delete(["a", "b", "c"])
        assert [info.key async for info in store.list("")] == ["b"]


async def test_a_full_bucket_raises_no_space(minio: Minio) -> None:
    # `minio` only ensures that the binary is there; this test starts another server.
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    server = type(minio)()
    disk = server.folder / "data"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=False).returncode:
        shutil.rmtree(server.folder)
        pytest.skip("a small disk can't be mounted here")
    try:
        with server:
            await _fill(server.url(await new_bucket(server)))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
        shutil.rmtree(server.folder)


async def _fill(url: str) -> None:
    async with S3Blobs(url) as store:
        for size in (1 << 20, 9 << 20):
            with pytest.raises(NoSpace):
                for n in range(200):
                    with suppress(Unavailable):  # MinIO's first errors are vague
                        await store.put(f"{size}/{n}", LARGE[:size], "image/jpeg")
