"""The blob store in a bucket fulfils the contract, on three servers that share no code."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from pymager.testing.blobs import BlobStoreContract
from pymager_s3 import S3Blobs
from tests.backends.s3_buckets import new_bucket, through
from tests.servers import Minio, Moto, Toxiproxy, Versitygw
from tests.servers.s3 import S3Server


class OnServer(BlobStoreContract):
    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls, server: S3Server) -> str:
        return asyncio.run(new_bucket(server))

    @pytest.fixture
    def url(self, server: S3Server, bucket: str) -> str:
        return server.url(bucket, f"some/{secrets.token_hex(4)}")

    @pytest.fixture
    async def blobs(self, url: str) -> AsyncIterator[S3Blobs]:
        async with S3Blobs(url) as store:
            yield store

    @pytest.fixture
    async def other(self, url: str) -> AsyncIterator[S3Blobs]:
        async with S3Blobs(url) as store:
            yield store

    @pytest.fixture
    async def unreachable(self, server: S3Server, bucket: str, toxiproxy: Toxiproxy) -> AsyncIterator[S3Blobs]:
        proxy = toxiproxy.proxy(server.port)
        async with S3Blobs(through(proxy.port, bucket, timeout=2)) as store:
            await store.ping()
            proxy.cut()
            yield store
        proxy.delete()


class TestOnMinio(OnServer):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, minio: Minio) -> S3Server:
        return minio


class TestOnVersitygw(OnServer):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, versitygw: Versitygw) -> S3Server:
        return versitygw


class TestOnMoto(OnServer):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, moto: Moto) -> S3Server:
        return moto
