"""A mutation is applied at most once, whatever fails, and its error tells whether the outcome is known."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pymager.errors import AlreadyExists, NotFound, Unavailable
from pymager.ports import Original
from pymager.testing.metadata_originals import an_original, race
from pymager_dynamodb import DynamoMetadata
from tests.backends.dynamodb_tables import (
    Between,
    CutAfter,
    CutBefore,
    Fault,
    Silence,
    between,
    by_way_of,
    new_table,
    refused,
)
from tests.servers import DynamoLocal

TIMEOUT = 10.0  # seconds, in which a loaded machine finds credentials and answers again
DEADLINE = 60.0
THROTTLES = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
CONFLICTS = ["TransactionConflictException", "ReplicatedWriteConflictException"]
MUTATIONS = ["add", "replace", "remove", "fence", "acquire"]


@pytest.fixture
async def middle(dynamodb: DynamoLocal) -> AsyncIterator[Between]:
    async with between(dynamodb) as middle:
        yield middle


@pytest.fixture
async def store(dynamodb: DynamoLocal, middle: Between) -> AsyncIterator[DynamoMetadata]:
    url = by_way_of(await new_table(dynamodb), dynamodb, middle.port, timeout=TIMEOUT)
    async with DynamoMetadata(url) as store:
        middle.seen.clear()
        yield store


async def mutate(store: DynamoMetadata, name: str, original: Original) -> object:
    calls = {
        "add": lambda: store.add(original),
        "replace": lambda: store.replace(original),
        "remove": lambda: store.remove(original.id),
        "fence": lambda: store.fence(original.id, original.revision),
        "acquire": lambda: store.acquire("picture"),
    }
    async with asyncio.timeout(DEADLINE):
        return await calls[name]()


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        *((CutAfter(), name) for name in MUTATIONS),
        *((fault, "add") for fault in (CutBefore(), Silence())),
        *((refused("InternalServerError", status=status), "add") for status in (500, 502, 503)),
    ],
)
async def test_a_mutation_whose_response_is_lost_is_sent_once_and_its_outcome_is_unknown(
    store: DynamoMetadata, middle: Between, fault: Fault, name: str
) -> None:
    if name in ("replace", "remove"):
        await store.add(an_original())
        middle.seen.clear()
    middle.faults = [fault]
    with pytest.raises(Unavailable) as failure:
        await mutate(store, name, an_original())
    assert not failure.value.outcome_known
    assert middle.seen == {"UpdateItem": 1}


async def test_an_add_whose_response_is_lost_is_stored(store: DynamoMetadata, middle: Between) -> None:
    original = an_original()
    middle.faults = [CutAfter()]
    with pytest.raises(Unavailable):
        await store.add(original)
    assert await store.get("cat") == original
    with pytest.raises(AlreadyExists):
        await store.add(an_original())


async def test_a_remove_whose_response_is_lost_removes_no_later_row(store: DynamoMetadata, middle: Between) -> None:
    await store.add(an_original())
    middle.faults = [CutAfter()]
    with pytest.raises(Unavailable):
        await store.remove("cat")
    with pytest.raises(NotFound):
        await store.get("cat")
    later = await store.add(an_original())
    assert await store.get("cat") == later


@pytest.mark.parametrize("kind", THROTTLES + CONFLICTS)
async def test_a_throttled_mutation_is_retried(store: DynamoMetadata, middle: Between, kind: str) -> None:
    middle.faults = [refused(kind), refused(kind)]
    original = an_original()
    await store.add(original)
    assert middle.seen == {"UpdateItem": 3}
    assert await store.get("cat") == original


async def test_a_mutation_that_is_throttled_to_the_end_has_a_known_outcome(
    store: DynamoMetadata, middle: Between
) -> None:
    middle.always = THROTTLES[0]
    outcomes = await race(mutate(store, name, an_original()) for name in MUTATIONS)
    assert not outcomes.returned
    assert all(isinstance(error, Unavailable) and error.outcome_known for error in outcomes.raised)
    assert {THROTTLES[0] in str(error) for error in outcomes.raised} == {True}
    assert middle.seen["UpdateItem"] < 20 * len(MUTATIONS), "too many retries for a server that is short of capacity"


@pytest.mark.parametrize(
    "fault", [CutBefore(), CutAfter(), Silence(), refused("InternalServerError", status=500), refused(THROTTLES[0])]
)
async def test_a_read_whose_response_is_lost_is_retried(store: DynamoMetadata, middle: Between, fault: Fault) -> None:
    original = an_original()
    await store.add(original)
    middle.faults = [fault]
    assert await store.get("cat") == original
    assert middle.seen["GetItem"] == 2


async def test_a_read_that_always_fails_is_given_up(store: DynamoMetadata, middle: Between) -> None:
    middle.faults = [refused("InternalServerError", status=500) for _ in range(100)]
    with pytest.raises(Unavailable):
        await store.get("cat")
    assert 1 < middle.seen["GetItem"] < 10


@pytest.mark.parametrize("kind", ["ExpiredTokenException", "UnrecognizedClientException"])
async def test_rejected_credentials_are_looked_up_again(store: DynamoMetadata, middle: Between, kind: str) -> None:
    middle.faults = [refused(kind)]
    await store.add(an_original())
    assert middle.seen == {"UpdateItem": 2}
    middle.always = kind
    with pytest.raises(Unavailable, match=kind) as failure:
        await store.add(an_original("dog"))
    assert failure.value.outcome_known
    assert middle.seen == {"UpdateItem": 4}


async def test_a_response_that_is_not_from_dynamodb_counts_as_lost(store: DynamoMetadata, middle: Between) -> None:
    page = refused("x", status=200)
    page.body = b"<html>Welcome to this hotel</html>"
    middle.faults = [page]
    with pytest.raises(Unavailable) as failure:
        await store.add(an_original())
    assert not failure.value.outcome_known
    assert middle.seen == {"UpdateItem": 1}


async def test_the_error_of_a_wrong_signature_does_not_contain_the_session_token(
    store: DynamoMetadata, middle: Between
) -> None:
    message = "The signature does not match.\n\nThe Canonical String should have been\nx-amz-security-token:SECRET"
    middle.faults = [refused("InvalidSignatureException", message)]
    with pytest.raises(Unavailable, match="The signature does not match") as failure:
        await store.add(an_original())
    assert "SECRET" not in str(failure.value)
    assert failure.value.outcome_known


async def test_every_mutation_is_one_request_whatever_its_outcome(store: DynamoMetadata, middle: Between) -> None:
    first, second = an_original(), an_original()
    await store.add(first)
    for refusal in (store.add(first), store.add(second), store.replace(first), store.remove("dog")):
        await asyncio.gather(refusal, return_exceptions=True)
    await store.replace(second, first.revision)
    await store.fence("cat", first.revision)
    await store.remove("cat")
    lease = await store.acquire("picture")
    await asyncio.gather(store.acquire("picture"), return_exceptions=True)
    await store.renew(lease)
    assert middle.seen == {"UpdateItem": 11}
