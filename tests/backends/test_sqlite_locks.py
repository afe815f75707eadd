"""SQLite has one writer at a time: who waits for whom, and for how long."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest

from pymager import failpoints
from pymager.errors import Unavailable
from pymager.testing.metadata_originals import an_original, race
from pymager_sql import SqlMetadata

DEADLINE = 60.0


@pytest.fixture
def at_point() -> Iterator[Callable[[str], tuple[Event, Event]]]:
    """Stop the first who comes to a failpoint; gives the event that it came and the event that lets it go on."""

    def stop_at(point: str) -> tuple[Event, Event]:
        arrived, go_on = Event(), Event()

        def hook(name: str) -> None:
            if name == point and not arrived.is_set():
                arrived.set()
                go_on.wait(DEADLINE)

        failpoints.hook = hook
        return arrived, go_on

    yield stop_at
    failpoints.hook = None


@pytest.fixture
async def waiting_store(path: Path) -> AsyncIterator[SqlMetadata]:
    """A store whose calls wait as long as a loaded machine takes."""
    async with SqlMetadata(f"sqlite:///{path}?timeout={DEADLINE}") as store:
        yield store


@pytest.fixture
async def in_company(path: Path, url: str) -> AsyncIterator[None]:
    """Another store has the catalog open, so that leases are rows."""
    async with SqlMetadata(url):
        yield


@pytest.mark.usefixtures("in_company")
async def test_who_finds_the_database_locked_is_told_so_in_time(store: SqlMetadata, path: Path) -> None:
    original = an_original()
    with written_by_another(path):
        for call in (store.add(original), store.remove("cat"), store.fence("cat", "f" * 32), store.tidy(0)):
            async with asyncio.timeout(DEADLINE):
                with pytest.raises(Unavailable, match="locked") as failure:
                    await call
            assert failure.value.outcome_known
        with pytest.raises(Unavailable, match="locked"):
            await store.acquire("picture")
    await store.add(original)
    await store.release(await store.acquire("picture"))


async def test_reads_go_on_while_another_process_writes(store: SqlMetadata, path: Path) -> None:
    original = an_original()
    await store.add(original)
    with written_by_another(path):
        assert await store.get("cat") == original
        assert (await store.list_page(None, 10)).items == (original,)
        await store.ping()


async def test_many_who_wait_for_a_locked_database_are_refused_together(store: SqlMetadata, path: Path) -> None:
    with written_by_another(path):
        async with asyncio.timeout(30):  # one after the other they would wait for 100 seconds
            outcomes = await race(store.add(an_original(f"cat{number}")) for number in range(100))
    assert outcomes.returned == []
    assert all(isinstance(error, Unavailable) and error.outcome_known for error in outcomes.raised)
    await store.add(an_original())


async def test_a_write_goes_on_when_the_other_process_is_done(waiting_store: SqlMetadata, path: Path) -> None:
    with written_by_another(path):
        waiting = asyncio.create_task(waiting_store.add(an_original()))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
    await waiting


@pytest.mark.usefixtures("in_company")
async def test_a_renewal_does_not_wait_for_mutations_that_wait_their_turn(
    waiting_store: SqlMetadata, at_point: Callable[[str], tuple[Event, Event]]
) -> None:
    store = waiting_store
    lease = await store.acquire("picture")
    arrived, go_on = at_point("sql.after-commit")
    mutations = [asyncio.create_task(store.add(an_original(f"cat{number}"))) for number in range(20)]
    await asyncio.to_thread(arrived.wait, DEADLINE)
    for _ in range(5):
        lease = await store.renew(lease)
    assert not any(task.done() for task in mutations)
    go_on.set()
    await asyncio.gather(*mutations, return_exceptions=True)


@pytest.mark.usefixtures("in_company")
async def test_a_renewal_waits_for_the_one_transaction_that_is_under_way(
    waiting_store: SqlMetadata, at_point: Callable[[str], tuple[Event, Event]]
) -> None:
    store = waiting_store
    lease = await store.acquire("picture")
    arrived, go_on = at_point("sql.before-commit")
    mutation = asyncio.create_task(store.add(an_original()))
    await asyncio.to_thread(arrived.wait, DEADLINE)
    renewal = asyncio.create_task(store.renew(lease))
    done, _ = await asyncio.wait([renewal], timeout=0.1)
    assert not done
    go_on.set()
    await asyncio.gather(renewal, mutation)


@pytest.mark.usefixtures("in_company")
async def test_a_renewal_comes_through_while_others_write_all_the_time(waiting_store: SqlMetadata) -> None:
    store = waiting_store
    lease = await store.acquire("picture")
    renewed = asyncio.Event()

    async def write(writer: int) -> None:
        number = 0
        while not renewed.is_set():
            await store.add(an_original(f"cat{writer}-{number}"))
            number += 1

    writers = [asyncio.create_task(write(writer)) for writer in range(10)]
    for _ in range(10):
        lease = await store.renew(lease)
    renewed.set()
    await asyncio.gather(*writers)


@contextmanager
def written_by_another(path: Path) -> Iterator[None]:
    """Another program holds the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
