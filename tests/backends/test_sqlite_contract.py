"""SQLite keeps the contract of a metadata store, over two independent stores on one file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.testing.metadata import MetadataStoreContract
from pymager_sql import SqlMetadata


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[SqlMetadata]:
    async with SqlMetadata(f"sqlite:///{tmp_path}/catalog.db") as store:
        yield store


@pytest.fixture
async def other(metadata: SqlMetadata, tmp_path: Path) -> AsyncIterator[SqlMetadata]:
    async with SqlMetadata(f"sqlite:///{tmp_path}/catalog.db") as store:
        yield store


class TestSqlite(MetadataStoreContract):
    has_server = False
