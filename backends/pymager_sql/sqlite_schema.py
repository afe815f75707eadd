"""The tables of a new SQLite file, as the steps in `migrations` create them; a test compares the two.

Creating them here takes no import of SQLAlchemy and Alembic, which is half of a server's first start.
"""

from pymager_sql.sqlite_file import SqliteConnection, SqliteFile, translate_errors
from pymager_sql.version import VERSION, VERSION_TABLE

_TABLES = f"""
CREATE TABLE {VERSION_TABLE} (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num)
);
CREATE TABLE originals (
    id VARCHAR(200) NOT NULL,
    revision VARCHAR(32) NOT NULL,
    format VARCHAR(32) NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size BIGINT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    created BIGINT NOT NULL,
    described VARCHAR(32),
    frames INTEGER,
    alpha SMALLINT,
    dominant VARCHAR(7),
    thumbhash VARCHAR(40),
    blurhash VARCHAR(40),
    PRIMARY KEY (id)
);
CREATE TABLE revisions (revision VARCHAR(32) NOT NULL, PRIMARY KEY (revision));
CREATE TABLE leases (
    name VARCHAR(700) NOT NULL,
    token VARCHAR(32) NOT NULL,
    touched BIGINT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE removals (id VARCHAR(200) NOT NULL, removed BIGINT NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_removals_removed ON removals (removed);
CREATE TABLE purges (
    revision VARCHAR(32) NOT NULL,
    id VARCHAR(200) NOT NULL,
    recorded BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    state VARCHAR(1000) NOT NULL,
    PRIMARY KEY (revision)
);
CREATE INDEX ix_purges_recorded ON purges (recorded);
CREATE INDEX ix_purges_due ON purges (due);
CREATE TABLE properties (name VARCHAR(200) NOT NULL, value VARCHAR(200) NOT NULL, PRIMARY KEY (name));
"""


def is_current(file: SqliteFile) -> bool:
    """Whether the file has this version of the schema. A file without tables gets them."""
    file.prepare_location()
    connection = SqliteConnection(file, "FULL")
    try:
        with translate_errors(outcome_known=True):
            if not _tables(connection):
                file.configure()
                _create(connection)
            version = _version(connection)
    finally:
        connection.close()
    if version != VERSION:
        return False
    file.configure()
    return True


def _create(connection: SqliteConnection) -> None:
    """Create the tables in one transaction, unless another process has created them meanwhile."""
    connection.change("BEGIN IMMEDIATE")
    if not _tables(connection):
        for statement in _TABLES.strip().split(";\n"):
            connection.change(statement)
        connection.change(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (?)", (VERSION,))  # noqa: S608
    connection.change("COMMIT")


def _version(connection: SqliteConnection) -> str | None:
    if VERSION_TABLE not in _tables(connection):
        return None
    rows = connection.rows(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
    return rows[0][0] if len(rows) == 1 else None


def _tables(connection: SqliteConnection) -> set[str]:
    found = connection.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    )
    return {name for (name,) in found}
