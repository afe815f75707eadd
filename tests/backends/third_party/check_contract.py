"""The third party's own test, run in an environment with its distribution: found by its URL, held to the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from pymager import registry
from pymager.ports import BlobStore
from pymager.testing.blobs import BlobStoreContract


class TestSqliteBlobs(BlobStoreContract):
    has_server = False

    @pytest_asyncio.fixture
    async def blobs(self, tmp_path: Path) -> AsyncIterator[BlobStore]:
        async with registry.load_blobs(f"sqliteblobs:{tmp_path}/blobs.db") as store:
            yield store

    @pytest_asyncio.fixture
    async def other(self, blobs: BlobStore, tmp_path: Path) -> AsyncIterator[BlobStore]:
        async with registry.load_blobs(f"SqliteBlobs:{tmp_path}/blobs.db") as store:
            yield store
