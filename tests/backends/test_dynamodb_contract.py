"""DynamoDB fulfils the contract of a metadata store, with two independent stores on one table."""

from collections.abc import AsyncIterator

import pytest

from pymager.testing.metadata import MetadataStoreContract
from pymager_dynamodb import DynamoMetadata
from tests.backends.dynamodb_tables import by_way_of, new_table
from tests.servers import DynamoLocal, Toxiproxy


@pytest.fixture
async def url(dynamodb: DynamoLocal) -> str:
    return await new_table(dynamodb)


@pytest.fixture
async def metadata(url: str) -> AsyncIterator[DynamoMetadata]:
    async with DynamoMetadata(url) as store:
        yield store


@pytest.fixture
async def other(metadata: DynamoMetadata, url: str) -> AsyncIterator[DynamoMetadata]:
    async with DynamoMetadata(url) as store:
        yield store


class TestDynamoDb(MetadataStoreContract):
    @pytest.fixture
    async def unreachable(self, url: str, dynamodb: DynamoLocal, toxiproxy: Toxiproxy) -> AsyncIterator[DynamoMetadata]:
        proxy = toxiproxy.proxy(dynamodb.port)
        async with DynamoMetadata(by_way_of(url, dynamodb, proxy.port)) as store:
            await store.ping()
            proxy.cut()
            yield store
        proxy.delete()
