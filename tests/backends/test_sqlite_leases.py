"""The leases of a SQLite catalog: in memory while one store alone has it open, rows as soon as there are two."""

import fcntl
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from pymager.errors import LeaseHeld, LeaseLost
from pymager.ports import Lease
from pymager.testing.metadata_originals import race
from pymager_sql import SqlMetadata
from pymager_sql.lone_leases import UNPUBLISHED
from tests.backends.test_sqlite_processes import processes

STORES = 8


@pytest.fixture
async def late(url: str) -> AsyncIterator[AsyncExitStack]:
    """Closes the stores that a test opens later."""
    async with AsyncExitStack() as stack:
        yield stack


def rows(path: Path) -> list[str]:
    """The names of the leases in the table."""
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM leases ORDER BY name")]


async def token_seen_by(store: SqlMetadata, name: str) -> str:
    with pytest.raises(LeaseHeld) as held:
        await store.acquire(name)
    return held.value.token


async def test_a_store_that_is_alone_writes_no_row(store: SqlMetadata, path: Path) -> None:
    lease = await store.acquire("picture")
    renewed = await store.renew(lease)
    assert renewed.token != lease.token
    assert await token_seen_by(store, "picture") == renewed.token
    assert rows(path) == []
    await store.release(renewed)
    assert (await store.acquire("picture")).name == "picture"


async def test_a_store_in_company_writes_a_row(store: SqlMetadata, url: str, path: Path, late: AsyncExitStack) -> None:
    other = await late.enter_async_context(SqlMetadata(url))
    for number, each in enumerate((store, other)):
        await each.acquire(f"picture{number}")
    assert rows(path) == ["picture0", "picture1"]


async def test_a_lease_taken_alone_holds_against_a_store_that_opens_later(
    store: SqlMetadata, url: str, path: Path, late: AsyncExitStack
) -> None:
    lease = await store.acquire("picture")
    other = await late.enter_async_context(SqlMetadata(url))
    assert await token_seen_by(other, "picture") == UNPUBLISHED
    lease = await store.renew(lease)
    assert rows(path) == ["picture"]
    assert await token_seen_by(other, "picture") == lease.token
    lease = await store.renew(lease)
    assert await token_seen_by(other, "picture") == lease.token
    await store.release(lease)
    await other.release(await other.acquire("picture"))


async def test_a_store_that_opens_later_takes_leases_when_those_in_memory_are_released(
    store: SqlMetadata, url: str, late: AsyncExitStack
) -> None:
    first, second = await store.acquire("first"), await store.acquire("second")
    other = await late.enter_async_context(SqlMetadata(url))
    await store.release(first)
    assert await token_seen_by(other, "another") == UNPUBLISHED
    await store.release(second)
    assert (await other.acquire("another")).name == "another"
    assert (await other.acquire("first")).name == "first"


async def test_a_lease_in_memory_of_a_store_that_hangs_is_taken_over(
    store: SqlMetadata, url: str, late: AsyncExitStack
) -> None:
    paused = await store.acquire("picture")
    other = await late.enter_async_context(SqlMetadata(url))
    taken = await other.acquire("picture", instead_of=UNPUBLISHED)
    with pytest.raises(LeaseLost):
        await store.renew(paused)
    await store.release(paused)
    assert await token_seen_by(store, "picture") == taken.token
    assert (await other.renew(taken)).name == "picture"


async def test_of_a_renewal_and_a_takeover_of_a_lease_in_memory_one_succeeds(
    store: SqlMetadata, url: str, late: AsyncExitStack
) -> None:
    leases = [await store.acquire(f"picture{number}") for number in range(10)]
    other = await late.enter_async_context(SqlMetadata(url))
    for lease in leases:
        outcomes = await race([store.renew(lease), other.acquire(lease.name, UNPUBLISHED)])
        assert len(outcomes.returned) == 1
        assert isinstance(outcomes.raised[0], LeaseHeld | LeaseLost)


async def test_a_store_that_is_alone_again_keeps_the_leases_that_are_rows(
    store: SqlMetadata, url: str, path: Path
) -> None:
    async with SqlMetadata(url):
        lease = await store.acquire("picture")
    assert await token_seen_by(store, "picture") == lease.token
    await store.release(await store.renew(lease))
    await store.acquire("picture")
    assert rows(path) == []


async def test_the_leases_of_a_killed_process_are_free_at_once(store: SqlMetadata, url: str, path: Path) -> None:
    assert await processes(url, ("hold", "picture"), status=-signal.SIGKILL) == [""]
    assert rows(path) == ["picture"]  # two stores had the catalog open
    await store.release(await store.acquire("picture"))


async def test_the_leases_in_memory_of_a_killed_process_are_free_for_every_store(
    url: str, late: AsyncExitStack
) -> None:
    assert await processes(url, ("hold", "picture"), status=-signal.SIGKILL) == [""]
    first, second = [await late.enter_async_context(SqlMetadata(url)) for _ in range(2)]
    await first.release(await first.acquire("picture"))
    await second.release(await second.acquire("picture"))


async def test_of_stores_that_open_and_take_a_lease_at_the_same_time_one_gets_it(
    url: str, late: AsyncExitStack
) -> None:
    await SqlMetadata(url).prepare()
    stores = [SqlMetadata(f"{url}0") for _ in range(STORES)]

    async def open_and_acquire(store: SqlMetadata) -> Lease:
        await late.enter_async_context(store)
        return await store.acquire("picture")

    outcomes = await race(open_and_acquire(store) for store in stores)
    assert len(outcomes.returned) == 1
    assert {type(error) for error in outcomes.raised} == {LeaseHeld}


async def test_without_the_kernels_locks_leases_are_rows(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, command: int, argument: bytes) -> bytes:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    async with SqlMetadata(url) as store:
        await store.acquire("picture")
        assert rows(path) == ["picture"]
