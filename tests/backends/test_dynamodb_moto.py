"""The contract on moto: another implementation of DynamoDB's documentation, although not a database."""

from collections.abc import AsyncIterator

import pytest

from pymager.testing.metadata import MetadataStoreContract as Contract
from pymager_dynamodb import DynamoMetadata
from tests.backends.dynamodb_tables import new_table
from tests.servers import Moto


@pytest.fixture
async def url(moto: Moto) -> str:
    return await new_table(moto)


@pytest.fixture
async def metadata(url: str) -> AsyncIterator[DynamoMetadata]:
    async with DynamoMetadata(url) as store:
        yield store


@pytest.fixture
async def other(metadata: DynamoMetadata, url: str) -> AsyncIterator[DynamoMetadata]:
    async with DynamoMetadata(url) as store:
        yield store


@pytest.mark.asyncio
class TestMoto:
    """Only the tests without races: moto's conditional writes are not atomic."""

    test_a_row_comes_back = Contract.test_a_row_comes_back_with_every_field
    test_an_id_without_a_row = Contract.test_an_id_without_a_row_is_not_found
    test_a_second_add = Contract.test_a_second_add_is_refused_and_changes_nothing
    test_a_replace = Contract.test_a_replace_changes_every_field_and_returns_the_old_row
    test_another_revision = Contract.test_an_unexpected_revision_is_neither_replaced_nor_removed
    test_a_used_revision = Contract.test_a_used_revision_is_always_refused
    test_a_fenced_revision = Contract.test_a_fence_outlives_the_rows_of_its_id
    test_what_stays_is_listed = Contract.test_a_row_that_stays_is_listed_once_while_others_are_added_and_removed
    test_a_takeover = Contract.test_a_lease_cannot_be_taken_over_with_a_stale_token
    test_a_release = Contract.test_a_late_release_does_not_free_the_new_holders_lease
