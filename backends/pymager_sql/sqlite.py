"""SQLite as a dialect: what the schema's steps need, through SQLAlchemy. `sqlite_store` does all else."""

import sqlite3
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from pymager_sql.failures import ErrorKind
from pymager_sql.sqlite_file import BUSY_TIMEOUT_SECONDS, SqliteFile, result_code

if TYPE_CHECKING:
    from pymager_sql.sqlite_url import SqliteUrl


class Sqlite:
    """A SQLite file."""

    def __init__(self, url: "URL | SqliteUrl") -> None:
        self._file = SqliteFile(url)
        self.timeout_seconds = self._file.timeout_seconds

    def prepare_location(self) -> list[str]:
        """Create the file's folder, and check that the file is a database or does not exist yet."""
        return self._file.prepare_location()

    def configure(self) -> list[str]:
        """Switch the file to write-ahead logging. The setting is stored in the file."""
        return self._file.configure()

    def transaction_engine(self) -> Engine:
        """Transactions that take the write lock at BEGIN, so that none can fail halfway because of another."""
        engine = self._engine("FULL")
        event.listen(engine, "begin", _begin)
        return engine

    def statement_engine(self) -> Engine:
        """Statements that are not synced one by one: a power failure can undo the last ones, nothing else can."""
        return self._engine("NORMAL", isolation_level="AUTOCOMMIT")

    def lock_for_upgrade(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Every transaction of `transaction_engine` holds the write lock, and SQLite's DDL is transactional."""
        return engine.begin()

    def classify(self, error: BaseException) -> ErrorKind:
        """SQLITE_FULL means that the disk is full, or that the file has its maximum size."""
        return ErrorKind.NO_SPACE if result_code(error) == sqlite3.SQLITE_FULL else ErrorKind.UNKNOWN

    def _engine(self, synchronous: str, **options: Any) -> Engine:
        url = URL.create("sqlite", database=str(self._file.path))
        connect = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        engine = create_engine(url, connect_args=connect, pool_size=1, max_overflow=0, **options)

        def settings(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # the driver must not begin transactions by itself
            self._file.execute(connection.cursor(), f"PRAGMA synchronous = {synchronous}")

        def execute(cursor: sqlite3.Cursor, statement: str, values: Any, _: object) -> bool:
            self._file.execute(cursor, statement, values)
            return True

        event.listen(engine, "connect", settings)
        event.listen(engine, "do_execute", execute)
        return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
