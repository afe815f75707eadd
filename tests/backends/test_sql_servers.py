"""What PostgreSQL and MariaDB are alike in: networks fail, servers restart and stand still, replicas start at once."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import psutil
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from pymager.errors import NotFound, Unavailable
from pymager.testing.metadata_originals import A_DESCRIPTION, an_original, race
from pymager_sql import SqlMetadata, dialects, schema
from pymager_sql.tables import metadata
from tests.servers import MariaDb, Postgres, Proxy, Toxiproxy

TIMEOUT = 3.0  # seconds, in which a loaded machine does what the tests ask
SLACK = 6.0  # what it adds; where calls wait for one another it takes ten times TIMEOUT
POOL = 5
DEADLINE = 10.0


@dataclass(frozen=True)
class Way:
    """A server, a database on it, and a proxy between."""

    server: Postgres | MariaDb
    proxy: Proxy
    direct: str
    proxied: str


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Postgres | MariaDb:
    return request.getfixturevalue(request.param)


@pytest.fixture
def url(server: Postgres | MariaDb) -> str:
    return f"{server.new_database()}?timeout={TIMEOUT}&pool={POOL}"


@pytest.fixture
def way(server: Postgres | MariaDb, url: str, toxiproxy: Toxiproxy) -> Iterator[Way]:
    proxy = toxiproxy.proxy(server.port)
    yield Way(server, proxy, url, server.by_way_of(url, proxy.port))
    proxy.delete()


def calls(store: SqlMetadata) -> dict[str, Callable[[], Awaitable[object]]]:
    """One of each, as it would be for an id that has no row."""
    return {
        "ping": lambda: store.ping(),
        "get": lambda: store.get("cat"),
        "list_page": lambda: store.list_page(None, 10),
        "add": lambda: store.add(an_original("new")),
        "replace": lambda: store.replace(an_original("cat")),
        "remove": lambda: store.remove("cat"),
        "describe": lambda: store.describe("cat", an_original().revision, A_DESCRIPTION),
        "fence": lambda: store.fence("cat", an_original().revision),
        "acquire": lambda: store.acquire("picture"),
        "tidy": lambda: store.tidy(3600.0),
    }


async def works(store: SqlMetadata) -> None:
    original = an_original(an_original().revision)
    await store.add(original)
    assert await store.get(original.id) == original
    assert (await store.list_page(None, 1)).items
    await store.release(await store.acquire(original.id))
    assert await store.remove(original.id) == original


def used() -> tuple[int, int]:
    """Threads and sockets of this process that are connected."""
    connected = [one for one in psutil.Process().net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]
    return threading.active_count(), len(connected)


async def all_end_in_time(store: SqlMetadata) -> None:
    """Ten times the pool, at once; every call ends within its time, though nothing answers."""
    begun = monotonic()
    reads = [store.get("cat") for _ in range(5 * POOL)]
    writes = [store.add(an_original(f"x{number}")) for number in range(4 * POOL)]
    others = [call() for call in calls(store).values()]
    outcomes = await race([*reads, *writes, *others])  # type: ignore[list-item]
    assert monotonic() - begun < TIMEOUT + SLACK
    assert outcomes.returned == []
    assert {type(error) for error in outcomes.raised} == {Unavailable}


async def settles(before: tuple[int, int]) -> None:
    end = monotonic() + DEADLINE
    while (now := used()) > before or now[1] > before[1]:
        assert monotonic() < end, f"{now} threads and connections, where there were {before}"
        await asyncio.sleep(0.02)


async def warm(store: SqlMetadata) -> None:
    """All threads and connections are there."""
    await race([store.get("cat") for _ in range(20)])
    await race([store.list_page(None, 1) for _ in range(20)])
    await race([store.tidy(3600.0) for _ in range(20)])
    await works(store)


async def test_through_a_black_hole_every_call_ends_and_leaves_nothing_behind(way: Way) -> None:
    async with SqlMetadata(way.proxied) as store:
        await warm(store)
        before = used()
        toxics = [way.proxy.add("timeout", stream, timeout=0) for stream in ("upstream", "downstream")]
        await all_end_in_time(store)
        await all_end_in_time(store)
        for toxic in toxics:
            way.proxy.remove(toxic)
        await works(store)
        await warm(store)
        await settles(before)


async def test_a_server_that_stands_still_is_waited_for_no_longer_than_allowed(way: Way) -> None:
    async with SqlMetadata(way.direct) as store:
        await warm(store)
        before = used()
        for pid in family(way.server.pid):
            pid.suspend()
        try:
            await all_end_in_time(store)
        finally:
            for pid in family(way.server.pid):
                pid.resume()
        await works(store)
        await warm(store)
        await settles(before)


async def test_a_restart_of_the_server_is_survived(way: Way) -> None:
    async with SqlMetadata(way.direct) as store:
        original = an_original()
        await store.add(original)
        await warm(store)
        way.server.stop()
        try:
            with pytest.raises(Unavailable) as failure:
                await store.add(an_original("dog"))
        finally:
            way.server.start()
        assert failure.value.outcome_known
        # No pooled connection is alive, and none of these finds that out by failing.
        await store.add(an_original("dog"))
        assert await store.get("cat") == original
        await store.release(await store.acquire("picture"))
        assert await store.remove("cat", original.revision) == original
        await warm(store)


async def test_connections_that_the_network_cut_are_not_used_again(way: Way) -> None:
    async with SqlMetadata(way.proxied) as store:
        for _ in range(3):
            await warm(store)
            way.proxy.cut()
            way.proxy.mend()
            await works(store)


async def test_a_lost_answer_to_a_mutation_is_told_and_it_is_not_sent_again(way: Way) -> None:
    async with SqlMetadata(way.proxied) as store, SqlMetadata(way.direct) as seen:
        await warm(store)
        toxic = way.proxy.add("timeout", "downstream", timeout=0)  # what is sent arrives, the answers do not
        original = an_original()
        with pytest.raises(Unavailable) as failure:
            await store.add(original)
        way.proxy.remove(toxic)
        if isinstance(way.server, Postgres):
            assert not failure.value.outcome_known
            assert await seen.get("cat") == original
            assert await seen.remove("cat") == original
            await works(store)
            with pytest.raises(NotFound):
                await seen.get("cat")
        else:
            assert failure.value.outcome_known  # the answer that was lost was not yet that to COMMIT
            with pytest.raises(NotFound):
                await seen.get("cat")


async def test_a_server_that_refuses_connections_leaves_no_doubt(way: Way) -> None:
    async with SqlMetadata(way.proxied) as store:
        await warm(store)
        way.proxy.cut()
        for name, call in calls(store).items():
            with pytest.raises(Unavailable) as failure:
                await call()
            assert failure.value.outcome_known, name


async def test_replicas_may_start_at_once_on_an_empty_database(url: str) -> None:
    stores = [SqlMetadata(url.replace(f"timeout={TIMEOUT}", "timeout=20")) for _ in range(3)]
    await asyncio.gather(*(store.__aenter__() for store in stores))
    try:
        for store in stores:
            await works(store)
    finally:
        for store in stores:
            await store.__aexit__(None, None, None)
    assert await SqlMetadata(url).prepare() == []


async def test_a_store_does_not_open_while_the_database_is_away(way: Way) -> None:
    way.proxy.cut()
    begun = monotonic()
    with pytest.raises(Unavailable):
        await SqlMetadata(way.proxied).__aenter__()
    assert TIMEOUT / 2 < monotonic() - begun < TIMEOUT + SLACK


async def test_a_store_that_opens_waits_for_a_database_that_comes_in_time(way: Way) -> None:
    way.proxy.cut()
    opening = asyncio.create_task(SqlMetadata(way.proxied.replace(f"timeout={TIMEOUT}", "timeout=20")).__aenter__())
    done, _ = await asyncio.wait([opening], timeout=0.5)
    assert not done
    way.proxy.mend()
    store = await opening
    await works(store)
    await store.__aexit__(None, None, None)


async def test_the_migrations_make_the_tables_that_the_statements_use(url: str) -> None:
    await SqlMetadata(url).prepare()
    engine = dialects.schema_dialect(url).statement_engine()
    with engine.connect() as connection:
        options = {"compare_type": True, "version_table": schema.VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


async def test_a_migration_that_was_killed_half_way_is_finished(url: str) -> None:
    engine = dialects.schema_dialect(url).transaction_engine()
    with engine.begin() as connection:  # as it is in MariaDB, whose DDL commits by itself
        connection.exec_driver_sql(
            f"CREATE TABLE {schema.VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        metadata.tables["originals"].create(connection)
    engine.dispose()
    async with SqlMetadata(url) as store:
        await works(store)


async def test_an_upgrade_that_waits_for_a_long_transaction_gives_up_and_stops_no_read(url: str) -> None:
    """A change of a table waits for a dump, say, and every read waits behind the change."""
    dialect = dialects.schema_dialect(url)
    await asyncio.to_thread(schema.prepare, dialect, "0004")
    engine, statements = dialect.transaction_engine(), dialect.statement_engine()
    try:
        with engine.connect() as dump:
            dump.execute(text("SELECT count(*) FROM originals"))
            with pytest.raises(Unavailable):
                await SqlMetadata(url).prepare()
            with statements.connect() as reader:
                assert reader.execute(text("SELECT count(*) FROM originals")).scalar_one() == 0
            dump.rollback()
    finally:
        engine.dispose()
        statements.dispose()
    assert len(await SqlMetadata(url).prepare()) == len(("0005", "0006"))
    async with SqlMetadata(url) as store:
        await works(store)


async def test_a_renewal_does_not_wait_for_mutations(url: str) -> None:
    async with SqlMetadata(url.replace(f"timeout={TIMEOUT}", "timeout=20")) as store:
        await store.add(an_original())
        lease = await store.acquire("picture")
        engine = dialects.schema_dialect(url).transaction_engine()
        with engine.connect() as connection:
            connection.begin()
            connection.execute(metadata.tables["originals"].update().values(width=1))
            removes = [asyncio.create_task(store.remove("cat")) for _ in range(3 * POOL)]
            for _ in range(5):
                lease = await store.renew(lease)
            assert not any(task.done() for task in removes)
            connection.rollback()
        engine.dispose()
        outcomes = await race(wait(task) for task in removes)
        assert len(outcomes.returned) == 1


async def wait(task: "asyncio.Task[object]") -> object:
    return await task


def family(pid: int) -> list[psutil.Process]:
    """A server's process and those that it started."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []
