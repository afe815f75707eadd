"""MariaDB keeps the contract of a metadata store, over two independent stores on one database."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete

from pymager.testing.metadata import MetadataStoreContract
from pymager_sql import SqlMetadata, dialects, tables
from tests.servers import MariaDb, Toxiproxy


@pytest.fixture(scope="module")
def url(mariadb: MariaDb) -> str:
    return mariadb.new_database()


@pytest.fixture
async def metadata(url: str) -> AsyncIterator[SqlMetadata]:
    async with SqlMetadata(url) as store:
        clear(url)
        yield store


@pytest.fixture
async def other(metadata: SqlMetadata, url: str) -> AsyncIterator[SqlMetadata]:
    async with SqlMetadata(url) as store:
        yield store


class TestMariaDb(MetadataStoreContract):
    @pytest.fixture
    async def unreachable(self, url: str, mariadb: MariaDb, toxiproxy: Toxiproxy) -> AsyncIterator[SqlMetadata]:
        proxy = toxiproxy.proxy(mariadb.port)
        async with SqlMetadata(mariadb.by_way_of(url, proxy.port)) as store:
            await store.ping()
            proxy.cut()
            yield store
        proxy.delete()


def clear(url: str) -> None:
    """Leave no row: that is quicker than a database of its own for each test."""
    engine = dialects.dialect(url).transaction_engine()
    with engine.begin() as connection:
        for table in tables.metadata.tables.values():
            connection.execute(delete(table))
    engine.dispose()
