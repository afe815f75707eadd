"""How rows, used revisions and leases are stored in the table, and which requests they take."""

from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from pymager.errors import Fenced, LeaseHeld, NoSpace, NotFound, Unavailable
from pymager.testing.metadata_originals import an_original
from pymager_dynamodb import DynamoMetadata
from tests.backends.dynamodb_tables import ask, between, by_way_of, items, new_table, table_of
from tests.servers import DynamoLocal


@pytest.fixture
async def url(dynamodb: DynamoLocal) -> str:
    return await new_table(dynamodb)


@pytest.fixture
async def store(url: str) -> AsyncIterator[DynamoMetadata]:
    async with DynamoMetadata(url) as store:
        yield store


async def test_a_removed_row_leaves_only_its_used_revisions_and_dates(
    store: DynamoMetadata, url: str, dynamodb: DynamoLocal
) -> None:
    originals = [an_original(), an_original(), an_original()]
    await store.fence("cat", originals[0].revision)
    await store.add(originals[1])
    await store.replace(originals[2])
    await store.remove("cat")
    (item,) = await items(dynamodb, url)
    assert item.keys() == {"pk", "sk", "used", "created", "removed"}
    assert item["pk"] == {"S": "original#cat"}
    marks = {b64encode(bytes.fromhex(original.revision)).decode() for original in originals}
    assert set(item["used"]["BS"]) == marks
    with pytest.raises(NotFound):
        await store.get("cat")
    assert (await store.list_page(None, 10)).items == ()


async def test_only_a_lease_may_expire(store: DynamoMetadata, url: str, dynamodb: DynamoLocal) -> None:
    await store.add(an_original())
    await store.fence("dog", an_original().revision)
    await store.acquire("picture")
    expiring = [item for item in await items(dynamodb, url) if "expires" in item]
    assert [item["sk"]["S"] for item in expiring] == ["picture"]
    assert int(expiring[0]["expires"]["N"]) - int(expiring[0]["touched"]["N"]) == 86_400
    description = await ask(dynamodb, "DescribeTimeToLive", TableName=table_of(url))
    assert description["TimeToLiveDescription"] == {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}


async def test_a_released_lease_leaves_nothing(store: DynamoMetadata, url: str, dynamodb: DynamoLocal) -> None:
    await store.release(await store.acquire("picture"))
    assert await items(dynamodb, url) == []


async def test_an_id_and_a_lease_of_the_same_name_are_independent(store: DynamoMetadata) -> None:
    for name in ("cat", "original", "lease#0"):
        await store.add(an_original(name))
        lease = await store.acquire(name)
        with pytest.raises(LeaseHeld):
            await store.acquire(name)
        await store.remove(name)
        await store.renew(lease)


async def test_the_listing_skips_leases_and_ids_without_a_row(store: DynamoMetadata) -> None:
    for number in range(40):
        await store.fence(f"gone{number}", an_original().revision)
        await store.acquire(f"picture{number}")
    staying = {f"cat{number}" for number in range(5)}
    for id in staying:
        await store.add(an_original(id))
    seen, cursor = [], None
    for _ in range(5):
        page = await store.list_page(cursor, 2)
        seen += [original.id for original in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == sorted(staying)
    assert cursor is None


async def test_a_later_page_takes_no_more_requests(dynamodb: DynamoLocal, url: str) -> None:
    async with between(dynamodb) as middle, DynamoMetadata(by_way_of(url, dynamodb, middle.port)) as store:
        for number in range(30):
            await store.add(an_original(f"cat{number}"))
        requests, cursor = [], None
        for _ in range(6):
            middle.seen.clear()
            cursor = (await store.list_page(cursor, 5)).next
            requests.append(middle.seen["Scan"])
    assert max(requests[:-1]) == 1
    assert requests[-1] <= 2
    assert cursor is None


async def test_every_read_is_consistent_and_nothing_overwrites_an_ids_item(dynamodb: DynamoLocal, url: str) -> None:
    async with between(dynamodb) as middle, DynamoMetadata(by_way_of(url, dynamodb, middle.port)) as store:
        middle.questions.clear()
        original = an_original()
        await store.add(original)
        await store.get("cat")
        await store.list_page(None, 10)
        await store.replace(an_original())
        await store.fence("cat", original.revision)
        await store.remove("cat")
        await store.acquire("picture")
        await store.tidy(3_600)  # with 0, whether the lease is tidied depends on the time
    reads = [question for action, question in middle.questions if action in ("GetItem", "Scan", "Query")]
    assert len(reads) == 18
    assert all(question["ConsistentRead"] is True and "IndexName" not in question for question in reads)
    writes = [question for action, question in middle.questions if action not in ("GetItem", "Scan", "Query")]
    assert [action for action, _ in middle.questions].count("UpdateItem") == len(writes)
    assert all("ConditionExpression" in question for question in writes)


async def test_a_full_set_of_revisions_rejects_the_upload_and_changes_nothing(
    store: DynamoMetadata, url: str, dynamodb: DynamoLocal
) -> None:
    first, second = an_original(), an_original()
    await store.add(first)
    await use_up(dynamodb, url, range(24_000))
    assert await store.replace(second) == first, "24,000 revisions fit"
    await use_up(dynamodb, url, range(24_000, 25_560))
    current = second
    with pytest.raises(NoSpace, match="400 KB"):
        for _ in range(100):
            next = an_original()
            await store.replace(next)
            current = next
    with pytest.raises(Unavailable) as failure:
        await store.fence("cat", an_original().revision)
    assert failure.value.outcome_known
    with pytest.raises(Fenced):
        await store.replace(first)
    assert await store.get("cat") == current
    assert await store.remove("cat") == current
    with pytest.raises(Fenced):
        await store.add(first)


async def use_up(server: DynamoLocal, url: str, numbers: range) -> None:
    """Add these used revisions to the cat's item."""
    response = await ask(
        server,
        "UpdateItem",
        TableName=table_of(url),
        Key={"pk": {"S": "original#cat"}, "sk": {"S": "original"}},
        UpdateExpression="ADD used :marks",
        ExpressionAttributeValues={":marks": {"BS": [b64encode(number.to_bytes(16)).decode() for number in numbers]}},
    )
    assert "__type" not in response
