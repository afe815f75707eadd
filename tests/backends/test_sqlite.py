"""What only SQLite has: its URL and its file."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy
from sqlalchemy import make_url

from pymager.errors import ConfigurationError, NoSpace, NotFound
from pymager.testing.metadata_originals import an_original
from pymager_sql import SqlMetadata, sqlite_url
from pymager_sql.sqlite import Sqlite
from pymager_sql.sqlite_file import SqliteFile
from pymager_sql.sqlite_leases import SqliteLeaseTable
from pymager_sql.sqlite_store import SqliteMetadata
from pymager_sql.sqlite_writes import SqliteWrites


@pytest.fixture
def sqlite(url: str) -> Sqlite:
    return Sqlite(make_url(url))


@pytest.fixture
def at_most(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Bound the pages of databases that are opened from now on."""
    connect = sqlite3.connect

    def bound(pages: int) -> None:
        def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **options)
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return connection

        monkeypatch.setattr(sqlite3, "connect", limited)

    return bound


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "must name a file"),
        ("sqlite:////tmp/x.db?patience=3", "unknown parameter 'patience' in the sqlite URL; known: timeout"),
        (
            "sqlite:////tmp/x.db?timeout=soon",
            "timeout in the sqlite URL must be a number of seconds, more than 0 and up to 3600, got 'soon'",
        ),
        ("sqlite:////tmp/x.db?timeout=0", "timeout in the sqlite URL must be .*, got '0'"),
        ("sqlite:////tmp/x.db?timeout=1&timeout=2", "timeout in the sqlite URL must be .*, got 2 values"),
        ("sqlite://host/x.db", "must have no host"),
        ("sqlite+aiosqlite:////tmp/x.db", "sqlite\\+aiosqlite"),
        ("nosuch://host/x", "SQLAlchemy has no dialect for 'nosuch'"),
        ("catalog.db", "invalid database URL"),
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
    with pytest.raises(ConfigurationError, match=r"can't create the catalog's folder .*/file"):
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


async def test_mutations_are_synced_and_leases_are_not(store: SqlMetadata, sqlite: Sqlite) -> None:
    full, normal = 2, 1
    opened = cast(SqliteMetadata, store)
    assert opened._writes._connection.rows("PRAGMA synchronous") == [(full,)]
    table = cast(SqliteLeaseTable, opened._leases._table)
    assert table._leases._connection.rows("PRAGMA synchronous") == [(normal,)]
    assert pragma(sqlite.transaction_engine(), "synchronous") == full
    assert pragma(sqlite.statement_engine(), "synchronous") == normal


def test_a_mutation_has_the_write_lock_before_its_first_statement(url: str, path: Path) -> None:
    writes = SqliteWrites(SqliteFile(sqlite_url.parsed(url)))
    with (
        writes._connection.transaction(),
        connected(path, timeout=0) as another,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        another.execute("BEGIN IMMEDIATE")
    writes.close()


def test_an_upgrade_has_the_write_lock_before_its_first_statement(sqlite: Sqlite, path: Path) -> None:
    engine = sqlite.transaction_engine()
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


@contextmanager
def connected(path: Path, timeout: float = 5) -> Iterator[sqlite3.Connection]:
    """A connection that is not pymager's."""
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        yield connection


def pragma(engine: sqlalchemy.Engine, name: str) -> object:
    with engine.connect() as connection:
        value = connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
    engine.dispose()
    return value
