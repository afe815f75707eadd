"""Trees that `import` reads: the contract, and names that no blob store of pymager takes."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pymager.errors import ConfigurationError, Unavailable
from pymager.operations.importing.trees import BlobTree
from pymager.ports import Tree
from pymager.testing.backends import MemoryBlobs
from pymager.testing.trees import FILES, TreeContract
from pymager_s3 import S3Tree
from tests.backends.s3_buckets import client_of, new_bucket, through
from tests.backends.s3_front import Front
from tests.servers import Minio
from tests.servers.s3 import S3Server

ODD_NAMES = [
    "my cat.jpg",
    "a+b%20c?&=#.jpg",
    "été/e\u0301té.jpg",
    ".hidden",
    "quote'\".jpg",
    "tab\t.jpg",
    "back\\slash",
]


class TestMemory(TreeContract):
    @pytest_asyncio.fixture
    async def tree(self) -> AsyncIterator[Tree]:
        async with BlobTree(MemoryBlobs("memory:")) as tree:
            for name, body in FILES.items():
                await tree._blobs.put(name, body, "image/jpeg")
            yield tree


class TestS3(TreeContract):
    @pytest_asyncio.fixture(params=["minio", "versitygw"])
    async def tree(self, request: pytest.FixtureRequest) -> AsyncIterator[Tree]:
        server: S3Server = request.getfixturevalue(request.param)
        bucket = await new_bucket(server)
        for name, body in FILES.items():
            client_of(server).put_object(Bucket=bucket, Key=f"some where/{name}", Body=body)
        client_of(server).put_object(Bucket=bucket, Key="some where else", Body=b"outside of the prefix")
        async with S3Tree(server.url(bucket, "some%20where")) as tree:
            yield tree


async def test_names_of_every_kind_are_listed_and_opened(minio: Minio) -> None:
    bucket, client = await new_bucket(minio), client_of(minio)
    for name in ODD_NAMES:
        client.put_object(Bucket=bucket, Key=f"odd/{name}", Body=name.encode())
    client.put_object(Bucket=bucket, Key="odd/folder/", Body=b"")
    async with S3Tree(minio.url(bucket, "odd/")) as tree:
        assert {file.name async for file in tree.list()} == set(ODD_NAMES)
        for name in ODD_NAMES:
            async with tree.open(name) as opened:
                assert b"".join([chunk async for chunk in opened.chunks]) == name.encode()


async def test_a_version_changes_with_the_bytes(minio: Minio) -> None:
    bucket, client = await new_bucket(minio), client_of(minio)
    client.put_object(Bucket=bucket, Key="cat", Body=b"one")
    async with S3Tree(minio.url(bucket)) as tree:
        first = await tree.stat("cat")
        client.put_object(Bucket=bucket, Key="cat", Body=b"two")
        assert (await tree.stat("cat")).version != first.version


async def test_more_objects_than_a_page_has_are_listed(minio: Minio) -> None:
    bucket, client = await new_bucket(minio), client_of(minio)
    names = {f"{number:04}" for number in range(1_005)}
    for name in names:
        client.put_object(Bucket=bucket, Key=name, Body=b"x")
    async with S3Tree(minio.url(bucket)) as tree:
        assert {file.name async for file in tree.list()} == names


async def test_a_bucket_that_does_not_exist_is_a_configuration_error(minio: Minio) -> None:
    with pytest.raises(ConfigurationError, match="no bucket"):
        async with S3Tree(minio.url(f"pymager-{secrets.token_hex(8)}")):
            pass


async def test_a_server_that_is_gone_is_unavailable(minio: Minio) -> None:
    bucket = await new_bucket(minio)
    client_of(minio).put_object(Bucket=bucket, Key="cat", Body=b"x")
    async with Front(minio.port) as front:
        tree = S3Tree(through(front.port, bucket, timeout=3))
        await tree.__aenter__()
    try:
        with pytest.raises(Unavailable):
            await tree.stat("cat")
        with pytest.raises(Unavailable):
            async with tree.open("cat"):
                pass
    finally:
        await tree.__aexit__(None, None, None)
