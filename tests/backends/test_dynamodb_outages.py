"""A server that is unreachable, silent or restarted: every call ends in time, leaves nothing, and the next succeeds."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from pymager.errors import Unavailable
from pymager.testing.metadata_originals import an_original, race
from pymager_dynamodb import DynamoMetadata
from tests.backends.dynamodb_tables import Silence, between, by_way_of, new_table
from tests.servers import DynamoLocal, Toxiproxy
from tests.servers.toxiproxy import Proxy
from tests.waiting import until

TIMEOUT = 3.0  # seconds, in which a loaded machine does what the tests ask
STARTED_WITHIN = 60.0
SLACK_SECONDS = 6.0  # what it adds; eight calls one after the other take eight times TIMEOUT


@pytest.fixture
def proxy(dynamodb: DynamoLocal, toxiproxy: Toxiproxy) -> Iterator[Proxy]:
    proxy = toxiproxy.proxy(dynamodb.port)
    yield proxy
    proxy.delete()


@pytest.fixture
async def store(dynamodb: DynamoLocal, proxy: Proxy) -> AsyncIterator[DynamoMetadata]:
    url = by_way_of(await new_table(dynamodb), dynamodb, proxy.port, timeout=TIMEOUT)
    async with DynamoMetadata(url) as store:
        yield store


def sockets() -> int:
    """How many sockets this process has open."""
    return sum(path.is_socket() for path in Path("/proc/self/fd").iterdir())


async def test_in_a_black_hole_every_call_ends_in_time_and_the_first_after_it_succeeds(
    store: DynamoMetadata, proxy: Proxy
) -> None:
    await store.add(an_original())
    await asyncio.gather(*(store.get("cat") for _ in range(20)))  # idle connections, which the hole affects too
    hole = proxy.add("timeout", timeout=0)
    begun, tasks = monotonic(), len(asyncio.all_tasks())
    calls = [store.get("cat"), store.ping(), store.list_page(None, 10), store.tidy(0)]
    calls += [store.add(an_original("dog")), store.remove("fox"), store.fence("cow", an_original().revision)]
    outcomes = await race([*calls, store.acquire("picture")])
    assert monotonic() - begun < TIMEOUT + SLACK_SECONDS
    assert {type(error) for error in outcomes.raised} == {Unavailable}
    assert not outcomes.returned
    assert len(asyncio.all_tasks()) == tasks
    proxy.remove(hole)
    assert (await store.get("cat")).id == "cat"


async def test_the_first_mutation_after_a_black_hole_succeeds(store: DynamoMetadata, proxy: Proxy) -> None:
    await asyncio.gather(*(store.ping() for _ in range(20)))
    hole = proxy.add("timeout", timeout=0)
    with pytest.raises(Unavailable):
        await store.add(an_original("dog"))
    proxy.remove(hole)
    await store.add(an_original())


async def test_the_first_mutation_after_a_read_in_a_black_hole_succeeds(store: DynamoMetadata, proxy: Proxy) -> None:
    await store.add(an_original("dog"))
    hole = proxy.add("timeout", timeout=0)
    with pytest.raises(Unavailable):
        await store.get("dog")
    proxy.remove(hole)
    await store.add(an_original())


async def test_the_outcome_is_known_if_nothing_listens(store: DynamoMetadata, proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises(Unavailable):
        await store.ping()
    with pytest.raises(Unavailable) as failure:
        await store.add(an_original())
    assert failure.value.outcome_known
    proxy.mend()
    await store.add(an_original())


async def test_the_outcome_is_known_if_the_connect_times_out(dynamodb: DynamoLocal) -> None:
    url = await new_table(dynamodb)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # fills the backlog; later connects time out
            begun = monotonic()
            with pytest.raises(Unavailable, match="is unreachable") as failure:
                async with DynamoMetadata(by_way_of(url, dynamodb, port, timeout=TIMEOUT)):
                    pass
    assert failure.value.outcome_known
    assert monotonic() - begun < TIMEOUT + SLACK_SECONDS


async def test_a_connection_that_breaks_in_a_response_is_a_lost_response(store: DynamoMetadata, proxy: Proxy) -> None:
    toxic = proxy.add("limit_data", bytes=20)
    with pytest.raises(Unavailable) as failure:
        await store.add(an_original())
    assert not failure.value.outcome_known
    proxy.remove(toxic)
    assert (await store.get("cat")).id == "cat"


async def test_a_restarted_server_is_used_again() -> None:
    with DynamoLocal() as server:
        async with DynamoMetadata(by_way_of(await new_table(server), server, server.port)) as store:
            await store.add(an_original())
            server.kill()
            with pytest.raises(Unavailable):
                await store.get("cat")
            server.start()
            await first_answer(store)
            await store.remove("cat")


async def first_answer(store: DynamoMetadata) -> None:
    """A server that has just started can take longer for its first answer than a call waits."""
    async with asyncio.timeout(STARTED_WITHIN):
        while True:
            with suppress(Unavailable):
                assert (await store.get("cat")).id == "cat"
                return


async def test_a_server_that_pauses_for_a_moment_is_waited_for(dynamodb: DynamoLocal) -> None:
    async with DynamoMetadata(await new_table(dynamodb)) as store:
        await store.add(an_original())
        dynamodb.pause()
        try:
            reading = asyncio.create_task(store.get("cat"))
            done, _ = await asyncio.wait([reading], timeout=0.2)
            assert not done
        finally:
            dynamodb.resume()
        assert (await reading).id == "cat"


async def test_a_renewal_does_not_wait_for_reads_without_a_response(dynamodb: DynamoLocal) -> None:
    url = await new_table(dynamodb)
    async with (
        between(dynamodb) as middle,
        DynamoMetadata(by_way_of(url, dynamodb, middle.port, timeout=60)) as store,
    ):
        lease = await store.acquire("picture")
        middle.faults = [Silence() for _ in range(64)]
        reads = [asyncio.create_task(store.get("cat")) for _ in range(80)]
        await until(lambda: middle.seen["GetItem"] == 64)
        await store.renew(lease)
        assert not any(read.done() for read in reads)
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_connections_are_bounded_and_none_is_left(dynamodb: DynamoLocal) -> None:
    url = await new_table(dynamodb)
    before, tasks = sockets(), len(asyncio.all_tasks())
    async with DynamoMetadata(url) as store:
        await asyncio.gather(*(store.ping() for _ in range(300)))
        assert 0 < sockets() - before <= 64
    await until(lambda: sockets() <= before)
    assert len(asyncio.all_tasks()) == tasks
