"""What only SQLite has: its file, its locks, and several processes on one file."""

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy
from pymager_sql import SqlMetadata
from pymager_sql.sqlite import Sqlite
from sqlalchemy import make_url

from pymager import failpoints
from pymager.errors import ConfigurationError, NoSpace, NotFound, Unavailable
from pymager.testing.metadata_originals import an_original, race

PROCESS = Path(__file__).parent / "sqlite_process.py"
DEADLINE = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}?timeout=1"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlMetadata]:
    async with SqlMetadata(url) as store:
        yield store


@pytest.fixture
def sqlite(url: str) -> Sqlite:
    return Sqlite(make_url(url))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "needs a file"),
        ("sqlite:////tmp/x.db?patience=3", "does not know 'patience'; it knows: timeout"),
        ("sqlite:////tmp/x.db?timeout=soon", "timeout=soon"),
        ("sqlite:////tmp/x.db?timeout=0", "timeout=0"),
        ("sqlite:////tmp/x.db?timeout=1&timeout=2", "timeout="),
        ("sqlite://host/x.db", "no host"),
        ("sqlite+aiosqlite:////tmp/x.db", "sqlite\\+aiosqlite"),
        ("oracle://host/x", "does not know the database 'oracle'; it knows:.* sqlite"),
        ("catalog.db", "not a database's URL"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_with_a_sentence(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        SqlMetadata(url)


async def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    async with SqlMetadata(f"sqlite:///{tmp_path}/a/b/catalog.db") as store:
        await store.ping()
    assert (tmp_path / "a/b/catalog.db").is_file()


async def test_a_relative_path_begins_where_the_url_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqlMetadata("sqlite:///data/catalog.db")
    monkeypatch.chdir("/")
    async with store:
        await store.add(an_original())
    assert (tmp_path / "data/catalog.db").is_file()


async def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"the catalog's folder .*/file can't be made"):
        await SqlMetadata(f"sqlite:///{tmp_path}/file/catalog.db").prepare()


async def test_a_file_that_is_no_database_is_said_and_left_alone(path: Path, url: str) -> None:
    path.write_text("dear diary, " * 1000)
    for attempt in (SqlMetadata(url).prepare, SqlMetadata(url).__aenter__):
        with pytest.raises(ConfigurationError, match=r"can't be used: file is not a database"):
            await attempt()
    assert path.read_text() == "dear diary, " * 1000


async def test_the_file_is_in_write_ahead_logging(store: SqlMetadata, path: Path) -> None:
    with connected(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_file_that_lost_write_ahead_logging_gets_it_back(url: str, path: Path) -> None:
    await SqlMetadata(url).prepare()
    with connected(path) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    async with SqlMetadata(url) as store:
        await store.ping()
        with connected(path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_mutations_are_synced_and_leases_are_not(sqlite: Sqlite) -> None:
    full, normal = 2, 1
    assert pragma(sqlite.mutations(), "synchronous") == full
    assert pragma(sqlite.statements(), "synchronous") == normal


def test_a_mutation_has_the_write_lock_before_its_first_statement(sqlite: Sqlite, path: Path) -> None:
    engine = sqlite.mutations()
    with engine.connect() as connection, connected(path, timeout=0) as another:
        connection.begin()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            another.execute("BEGIN IMMEDIATE")
    engine.dispose()


async def test_a_read_keeps_no_snapshot_open(store: SqlMetadata, path: Path) -> None:
    for number in range(50):
        await store.add(an_original(f"cat{number}"))
    await store.get("cat1")
    await store.list_page(None, 3)
    with connected(path) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    assert Path(f"{path}-wal").stat().st_size == 0


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


async def test_a_write_goes_on_when_the_other_process_is_done(store: SqlMetadata, path: Path) -> None:
    with written_by_another(path):
        waiting = asyncio.create_task(store.add(an_original()))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
    await waiting


async def test_a_renewal_does_not_wait_for_mutations_that_wait_their_turn(
    store: SqlMetadata, at_point: Callable[[str], tuple[Event, Event]]
) -> None:
    lease = await store.acquire("picture")
    arrived, go_on = at_point("sql.after-commit")
    mutations = [asyncio.create_task(store.add(an_original(f"cat{number}"))) for number in range(20)]
    await asyncio.to_thread(arrived.wait, DEADLINE)
    for _ in range(5):
        lease = await store.renew(lease)
    assert not any(task.done() for task in mutations)
    go_on.set()
    await asyncio.gather(*mutations, return_exceptions=True)


async def test_a_renewal_waits_for_the_one_transaction_that_is_under_way(
    path: Path, at_point: Callable[[str], tuple[Event, Event]]
) -> None:
    async with SqlMetadata(f"sqlite:///{path}?timeout={DEADLINE}") as store:
        lease = await store.acquire("picture")
        arrived, go_on = at_point("sql.before-commit")
        mutation = asyncio.create_task(store.add(an_original()))
        await asyncio.to_thread(arrived.wait, DEADLINE)
        renewal = asyncio.create_task(store.renew(lease))
        done, _ = await asyncio.wait([renewal], timeout=0.1)
        assert not done
        go_on.set()
        await asyncio.gather(renewal, mutation)


async def test_a_renewal_comes_through_while_others_write_all_the_time(store: SqlMetadata) -> None:
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


async def test_a_full_database_is_told_as_no_space_and_service_goes_on(
    url: str, at_most: Callable[[int], None]
) -> None:
    await SqlMetadata(url).prepare()
    at_most(12)
    async with SqlMetadata(url) as store:
        kept = []
        with pytest.raises(NoSpace):
            for number in range(2000):
                late = an_original(f"cat{number}" + "x" * 150)
                await store.add(late)
                kept.append(late)
        assert len(kept) > 5
        with pytest.raises(NotFound):
            await store.get(late.id)
        for original in kept:
            assert await store.get(original.id) == original
        for original in kept:
            assert await store.remove(original.id) == original
        await store.add(late)


async def test_an_error_of_commit_itself_leaves_the_outcome_unknown(path: Path, url: str) -> None:
    answer = json.loads((await processes(url, ("cramped", str(path))))[0])
    assert answer == {"outcome_known": False, "ids": ["after", "before"]}


@pytest.mark.parametrize(("point", "kept"), [("sql.before-commit", False), ("sql.after-commit", True)])
async def test_a_process_that_is_killed_leaves_the_row_whole_or_not_at_all(
    store: SqlMetadata, url: str, point: str, kept: bool
) -> None:
    assert await processes(url, ("die", point), status=-signal.SIGKILL) == [""]
    rows = (await store.list_page(None, 10)).items
    assert [row.id for row in rows] == (["cat"] if kept else [])
    await store.add(an_original("dog"))


async def test_several_processes_may_start_at_once_on_an_empty_file(tmp_path: Path) -> None:
    for attempt in range(3):
        url = f"sqlite:///{tmp_path}/{attempt}/catalog.db?timeout=30"
        names = [f"process{number}" for number in range(5)]
        await processes(url, *(("open", name) for name in names))
        async with SqlMetadata(url) as store:
            assert [row.id for row in (await store.list_page(None, 10)).items] == names


async def test_of_several_processes_that_add_the_same_ids_each_id_has_one_winner(
    store: SqlMetadata, path: Path
) -> None:
    answers = await processes(f"sqlite:///{path}?timeout=30", *[("rival", "")] * 4)
    winners = [winner for answer in answers for winner in json.loads(answer).items()]
    rows = (await store.list_page(None, 1000)).items
    assert sorted(winners) == sorted((row.id, row.revision) for row in rows)
    assert len(rows) == 40


async def processes(url: str, *tasks: tuple[str, str], status: int = 0) -> list[str]:
    """Run a process for each task, let all begin at once when each is ready, and return their last lines."""
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROCESS), what, url, name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for what, name in tasks
    ]
    async with asyncio.timeout(DEADLINE):
        for process in running:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        answers = await asyncio.gather(*(process.communicate(b"\n") for process in running))
    assert [process.returncode for process in running] == [status] * len(running)
    return [out.decode().strip() for out, _ in answers]


@contextmanager
def connected(path: Path, timeout: float = 5) -> Iterator[sqlite3.Connection]:
    """A connection that is not pymager's."""
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        yield connection


@contextmanager
def written_by_another(path: Path) -> Iterator[None]:
    """Another program holds the write lock."""
    with connected(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def pragma(engine: sqlalchemy.Engine, name: str) -> object:
    with engine.connect() as connection:
        value = connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
    engine.dispose()
    return value


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
def at_most() -> Iterator[Callable[[int], None]]:
    """Bound the pages of databases that are opened from now on."""
    listeners = []

    def bound(pages: int) -> None:
        def limit(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", limit)
        listeners.append(limit)

    yield bound
    for listener in listeners:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", listener)
