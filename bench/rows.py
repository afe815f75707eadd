"""Fills catalogs with many rows at once, past pymager, and knows which ids they have."""

import sqlite3
from pathlib import Path

import psycopg

from pymager_sql import catalog

_STEP = 1_000_000
_POSTGRESQL = (
    """
    INSERT INTO originals (id, revision, format, width, height, size, sha256, created)
    SELECT 'picture-' || lpad(i::text, 10, '0'), lpad(to_hex(i), 32, '0'), 'jpeg', 4000, 3000, 3000000,
           lpad(to_hex(i), 64, '0'), 1700000000
    FROM generate_series(%s::bigint, %s::bigint) AS i
    """,
    "INSERT INTO revisions SELECT lpad(to_hex(i), 32, '0') FROM generate_series(%s::bigint, %s::bigint) AS i",
)
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
_SQLITE = (
    f"""
    {_NUMBERS}
    INSERT INTO originals (id, revision, format, width, height, size, sha256, created)
    SELECT printf('picture-%010d', i), printf('%032x', i), 'jpeg', 4000, 3000, 3000000, printf('%064x', i), 1700000000
    FROM n
    """,
    f"{_NUMBERS} INSERT INTO revisions SELECT printf('%032x', i) FROM n",
)


def id_of(number: int) -> str:
    """The id of a row, from 1."""
    return f"picture-{number:010d}"


def cursor_behind(number: int) -> str:
    """What a listing goes on with behind this row."""
    rows = [(id_of(number + i), "0" * 32, "jpeg", 1, 1, 1, "0" * 64, 0) for i in range(2)]
    cursor = catalog.page(rows, 1).next
    assert cursor is not None
    return cursor


def fill_postgresql(url: str, count: int) -> None:
    """Rows 1 to `count` into the tables that are there, and vacuum as the server would in time."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(1, count + 1, _STEP):
            for statement in _POSTGRESQL:
                connection.execute(statement.encode(), (first, min(count, first + _STEP - 1)))
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def fill_sqlite(path: Path, count: int) -> None:
    """Rows 1 to `count` into the tables that are there."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        for first in range(1, count + 1, _STEP):
            for statement in _SQLITE:
                connection.execute(statement, (first, min(count, first + _STEP - 1)))
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
