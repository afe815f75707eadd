"""The table: created once, and rejected if it is not pymager's."""

import asyncio
import secrets
from typing import Any

import pytest

from pymager.errors import ConfigurationError, Unavailable
from pymager_dynamodb import DynamoMetadata
from tests.backends.dynamodb_tables import ask, between, by_way_of, new_table, refused, table_of
from tests.servers import DynamoLocal


@pytest.fixture
def url(dynamodb: DynamoLocal) -> str:
    return dynamodb.table_url(f"pymager-{secrets.token_hex(8)}")


async def test_a_table_is_created_once_and_reported(url: str, dynamodb: DynamoLocal) -> None:
    assert len(await DynamoMetadata(url).prepare()) == 2
    assert await DynamoMetadata(url).prepare() == []
    table = (await ask(dynamodb, "DescribeTable", TableName=table_of(url)))["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TableStatus"] == "ACTIVE"
    assert not table.keys() & {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"}


async def test_several_processes_can_create_the_table_at_once(url: str) -> None:
    done = await asyncio.gather(*(DynamoMetadata(url).prepare() for _ in range(5)))
    assert sum(len(sentences) for sentences in done) >= 2
    async with DynamoMetadata(url) as store:
        await store.ping()


async def test_a_missing_table_is_named_with_the_command_that_creates_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{table_of(url)}'.*pymager init"):
        async with DynamoMetadata(url):
            pass


@pytest.mark.parametrize(
    "keys", [{"pk": "S"}, {"id": "S", "sk": "S"}, {"pk": "S", "sk": "N"}, {"sk": "S", "pk": "S"}], ids=str
)
async def test_a_table_with_another_key_is_rejected(url: str, dynamodb: DynamoLocal, keys: dict[str, Any]) -> None:
    await ask(
        dynamodb,
        "CreateTable",
        TableName=table_of(url),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ConfigurationError, match="must have the partition key pk"):
        async with DynamoMetadata(url):
            pass
    with pytest.raises(ConfigurationError, match="must have the partition key pk"):
        await DynamoMetadata(url).prepare()


async def test_a_table_that_expires_items_by_another_attribute_is_rejected(url: str, dynamodb: DynamoLocal) -> None:
    await DynamoMetadata(url).prepare()
    for attribute, is_on in (("expires", False), ("created", True)):
        rule = {"AttributeName": attribute, "Enabled": is_on}
        await ask(dynamodb, "UpdateTimeToLive", TableName=table_of(url), TimeToLiveSpecification=rule)
    with pytest.raises(ConfigurationError, match="created"):
        await DynamoMetadata(url).prepare()


async def test_a_table_that_vanishes_makes_calls_unavailable(dynamodb: DynamoLocal) -> None:
    url = await new_table(dynamodb)
    async with DynamoMetadata(url) as store:
        await ask(dynamodb, "DeleteTable", TableName=table_of(url))
        with pytest.raises(Unavailable, match="pymager init"):
            await store.get("cat")


async def test_a_missing_permission_is_named(dynamodb: DynamoLocal) -> None:
    url = await new_table(dynamodb)
    async with between(dynamodb) as middle:
        middle.faults = [refused("AccessDeniedException", "User is not authorized to perform: dynamodb:DescribeTable")]
        with pytest.raises(ConfigurationError, match="DescribeTable"):
            async with DynamoMetadata(by_way_of(url, dynamodb, middle.port)):
                pass


async def test_a_ping_is_one_read(dynamodb: DynamoLocal) -> None:
    url = await new_table(dynamodb)
    async with between(dynamodb) as middle, DynamoMetadata(by_way_of(url, dynamodb, middle.port)) as store:
        middle.seen.clear()
        await store.ping()
        assert middle.seen == {"GetItem": 1}
