"""The schema's versions: what is made, brought up to date, and refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pymager.errors import ConfigurationError
from pymager.testing.metadata_originals import A_DESCRIPTION, ANOTHER_DESCRIPTION, an_original
from pymager_sql import SqlMetadata, dialects, schema
from pymager_sql.rows import COLUMNS
from pymager_sql.tables import VERSION, metadata

NEWEST = "0006"
VERSIONS = ("0001", "0002", "0003", "0004", "0005", NEWEST)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


async def test_prepare_says_what_it_did_and_does_it_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/folder/catalog.db"
    folder, logging, *steps = await SqlMetadata(url).prepare()
    assert folder == f"created the folder {tmp_path}/folder"
    assert "write-ahead logging" in logging
    assert [step.split(":")[0] for step in steps] == [f"upgraded the schema to version {v}" for v in VERSIONS]
    assert await SqlMetadata(url).prepare() == []


async def test_the_migrations_make_the_tables_that_the_statements_use(url: str) -> None:
    await SqlMetadata(url).prepare()
    engine = dialects.schema_dialect(url).statement_engine()
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": schema.VERSION_TABLE}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_version_is_that_of_the_last_migration() -> None:
    assert schema._steps().get_current_head() == VERSION == NEWEST


async def test_an_empty_database_is_prepared_when_it_is_opened(url: str) -> None:
    async with SqlMetadata(url) as store:
        await store.add(an_original())
    assert await SqlMetadata(url).prepare() == []


async def test_an_older_schema_is_said_plainly_and_migrated_with_its_rows(url: str, path: Path) -> None:
    schema.prepare(dialects.schema_dialect(url), "0001")
    execute(path, "INSERT INTO originals VALUES ('cat', 'r', 'jpeg', 1, 2, 3, 's', 0)")
    with pytest.raises(ConfigurationError) as refusal:
        await SqlMetadata(url).__aenter__()
    assert str(refusal.value) == (
        f"the catalog's schema is at version 0001, but this release needs {NEWEST}: run `pymager upgrade`"
    )
    assert execute(path, "SELECT * FROM pymager_schema") == [("0001",)]
    assert await SqlMetadata(url).prepare() == [
        "upgraded the schema to version 0002: table for leases",
        "upgraded the schema to version 0003: table for the dates of removals",
        "upgraded the schema to version 0004: table for properties",
        "upgraded the schema to version 0005: columns for descriptions of originals",
        f"upgraded the schema to version {NEWEST}: table for purges of caches",
    ]
    async with SqlMetadata(url) as store:
        assert (await store.get("cat")).height == 2
        await store.acquire("picture")


async def test_an_interrupted_step_is_finished(url: str, path: Path) -> None:
    schema.prepare(dialects.schema_dialect(url), "0004")
    execute(path, "INSERT INTO originals VALUES ('cat', 'r', 'jpeg', 1, 2, 3, 's', 0)")
    for column in ("described VARCHAR(32)", "frames INTEGER"):
        execute(path, f"ALTER TABLE originals ADD COLUMN {column}")
    await SqlMetadata(url).prepare()
    async with SqlMetadata(url) as store:
        assert (await store.get("cat")).description is None
        assert await store.describe("cat", "r", A_DESCRIPTION) is True
        assert (await store.get("cat")).description == A_DESCRIPTION


async def test_a_description_of_a_picture_that_an_earlier_version_replaced_does_not_count(url: str, path: Path) -> None:
    async with SqlMetadata(url) as store:
        original = await store.add(an_original())
        execute(path, f"UPDATE originals SET revision = '{'0' * 32}', width = 7")  # the other columns as they were
        current = await store.get("cat")
        assert (current.width, current.description) == (7, None)
        assert await store.describe("cat", original.revision, A_DESCRIPTION) is False
        assert await store.describe("cat", current.revision, ANOTHER_DESCRIPTION) is True
        assert (await store.get("cat")).description == ANOTHER_DESCRIPTION


async def test_the_schema_of_a_newer_pymager_is_refused(url: str, path: Path) -> None:
    await SqlMetadata(url).prepare()
    execute(path, "UPDATE pymager_schema SET version_num = '9999'")
    for attempt in (SqlMetadata(url).__aenter__, SqlMetadata(url).prepare):
        with pytest.raises(ConfigurationError, match="at version 9999, made by a newer pymager"):
            await attempt()
    assert execute(path, "SELECT * FROM pymager_schema") == [("9999",)]


async def test_a_strangers_database_is_not_opened_but_may_be_shared_on_purpose(url: str, path: Path) -> None:
    execute(path, "CREATE TABLE diary (day, text)")
    with pytest.raises(ConfigurationError, match=r"has tables \(diary\), but none of pymager's.*pymager init"):
        await SqlMetadata(url).__aenter__()
    assert execute(path, "SELECT name FROM sqlite_master") == [("diary",)]
    assert execute(path, "PRAGMA journal_mode") == [("delete",)]
    await SqlMetadata(url).prepare()
    async with SqlMetadata(url) as store:
        await store.add(an_original())
    assert execute(path, "SELECT * FROM diary") == []


async def test_a_strangers_tables_of_the_same_names_are_never_touched(url: str, path: Path) -> None:
    execute(path, "CREATE TABLE leases (tenant, flat)")
    for attempt in (SqlMetadata(url).__aenter__, SqlMetadata(url).prepare):
        with pytest.raises(ConfigurationError, match="leases"):
            await attempt()
    assert execute(path, "SELECT name FROM sqlite_master") == [("leases",)]


async def test_an_empty_file_gets_the_tables_that_the_migrations_make(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    await SqlMetadata(f"sqlite:///{migrated}").prepare()
    async with SqlMetadata(f"sqlite:///{created}"):
        pass
    names = execute(migrated, "SELECT type, name, tbl_name FROM sqlite_master ORDER BY name")
    assert execute(created, "SELECT type, name, tbl_name FROM sqlite_master ORDER BY name") == names
    for kind, name, _ in names:
        for pragma in ("table_xinfo", "index_list", "foreign_key_list") if kind == "table" else ("index_xinfo",):
            assert execute(created, f"PRAGMA {pragma}({name})") == execute(migrated, f"PRAGMA {pragma}({name})")
    assert execute(created, "SELECT * FROM pymager_schema") == execute(migrated, "SELECT * FROM pymager_schema")
    assert await SqlMetadata(f"sqlite:///{created}").prepare() == []


def test_the_columns_are_those_of_the_table() -> None:
    assert tuple(metadata.tables["originals"].c.keys()) == COLUMNS


async def test_a_path_with_a_percent_sign_is_a_path(tmp_path: Path) -> None:
    async with SqlMetadata(f"sqlite:///{tmp_path}/100%25 (x)/catalog.db") as store:
        await store.ping()
