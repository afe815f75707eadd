"""SQLite: write-ahead logging, BEGIN IMMEDIATE, and reads on the event loop.

SQLite allows one writer per file at a time, so one thread writes. With write-ahead logging, readers never wait for the
writer. A point read costs less than passing it to a thread, so reads run on the event loop.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from pymager.errors import ConfigurationError, Unavailable
from pymager_sql.catalog import AFTER, BY_ID, VERSION_BY_ID, Row
from pymager_sql.deadlines import remaining
from pymager_sql.failures import ErrorKind, translate_errors
from pymager_sql.lease_table import LeaseTable
from pymager_sql.lone_leases import LoneLeases
from pymager_sql.presence import Presence
from pymager_sql.statement_thread import StatementThread
from pymager_sql.tables import originals
from pymager_sql.threads import Threads
from pymager_sql.url_parameters import Parameters
from pymager_sql.writes import Transactions, Writes

_UNUSABLE_FILE_CODES = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY)
_BUSY_TIMEOUT_SECONDS = 0.02
_RECOVERY_TIMEOUT_SECONDS = 1.0
_REMEMBERED_ROWS = 8_192
_VERSION_NUMBERS = tuple(
    list(originals.c.keys()).index(name) for name in ("id", *VERSION_BY_ID.selected_columns.keys())
)


class Sqlite:
    """A SQLite file: `sqlite:////absolute/path` or `sqlite:///relative/path`.

    `?timeout=` is how many seconds a write waits while another process writes (default 5).
    """

    write_threads = 1
    grace_seconds: float | None = None

    def __init__(self, url: URL) -> None:
        self._path = _path(url)
        parameters = Parameters(url)
        self.timeout_seconds = parameters.timeout()
        parameters.reject_unknown(["timeout"])

    def prepare_location(self) -> list[str]:
        """Create the file's folder, and check that the file is a database or does not exist yet."""
        folder, done = self._path.parent, []
        if not folder.is_dir():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(f"can't create the catalog's folder {folder}: {error.strerror}") from error
            done.append(f"created the folder {folder}")
        try:
            self._pragma("PRAGMA schema_version")
        except DatabaseError as error:
            if _code(error.orig) in _UNUSABLE_FILE_CODES:
                raise ConfigurationError(f"{self._path} can't be used: {error.orig}") from error
            with translate_errors(outcome_known=True):
                raise
        return done

    def configure(self) -> list[str]:
        """Switch the file to write-ahead logging. The setting is stored in the file."""
        with translate_errors(outcome_known=True):
            if self._pragma("PRAGMA journal_mode") == "wal":
                return []
            if self._pragma("PRAGMA journal_mode = WAL") == "wal":
                return [f"switched {self._path} to write-ahead logging"]
        raise ConfigurationError(
            f"can't switch {self._path} to write-ahead logging; put it on a local file system, not on a network share"
        )

    def transaction_engine(self) -> Engine:
        """Transactions that take the write lock at BEGIN, so that none can fail halfway because of another."""
        engine = self._engine("FULL")
        event.listen(engine, "begin", _begin)
        return engine

    def statement_engine(self) -> Engine:
        """Statements that are not synced one by one: a power failure can undo the last ones, nothing else can."""
        return self._engine("NORMAL", isolation_level="AUTOCOMMIT")

    def reads(self) -> "InlineReads":
        """Reads on their own connection, on the event loop.

        They wait in one case only: while another process recovers the log of a process that was killed.
        """
        return InlineReads(
            self._engine("NORMAL", _RECOVERY_TIMEOUT_SECONDS, isolation_level="AUTOCOMMIT", paramstyle="named")
        )

    def leases(self, threads: Threads) -> LoneLeases:
        """Leases in memory while one process alone has the file open, else in the table."""
        table = LeaseTable(StatementThread(self.statement_engine(), self.classify, threads))
        return LoneLeases(Presence(self._path.with_name(f"{self._path.name}-lock")), table)

    def lock_for_upgrade(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Every transaction of `transaction_engine` holds the write lock, and SQLite's DDL is transactional."""
        return engine.begin()

    def writes(self) -> Writes:
        """Mutations in transactions."""
        return Transactions(self.transaction_engine(), self.classify)

    def classify(self, error: BaseException) -> ErrorKind:
        """SQLITE_FULL means that the disk is full, or that the file has its maximum size."""
        return ErrorKind.NO_SPACE if _code(error) == sqlite3.SQLITE_FULL else ErrorKind.UNKNOWN

    def _engine(self, synchronous: str, timeout: float = _BUSY_TIMEOUT_SECONDS, **options: Any) -> Engine:
        url = URL.create("sqlite", database=str(self._path))
        connect = {"timeout": timeout, "check_same_thread": False}
        engine = create_engine(url, connect_args=connect, pool_size=1, max_overflow=0, **options)

        def settings(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # the driver must not begin transactions by itself
            self._execute(connection.cursor(), f"PRAGMA synchronous = {synchronous}", (), None)

        event.listen(engine, "connect", settings)
        event.listen(engine, "do_execute", self._execute)
        return engine

    def _execute(self, cursor: sqlite3.Cursor, statement: str, values: Any, _: object) -> bool:
        """Retry with a short busy timeout, because SQLite's own busy handler slows down to ten attempts per second.

        With many writers, ten attempts per second rarely find the lock free, and a lease would be lost meanwhile. The
        retry is safe: a BEGIN IMMEDIATE, or a statement without a transaction, that fails as busy has changed nothing.
        """
        end = time.monotonic() + remaining(self.timeout_seconds)
        while True:
            try:
                cursor.execute(statement, values)
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            else:
                return True

    def _pragma(self, pragma: str) -> Any:
        engine = self.statement_engine()
        try:
            with engine.connect() as connection:
                return connection.exec_driver_sql(pragma).scalar_one()
        finally:
            engine.dispose()


class InlineReads:
    """Reads on the calling thread. SQLAlchemy compiles the statements once, and the driver's cursor executes them.

    That takes a quarter of the time of executing them through SQLAlchemy, and every GET does one read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._version_by_id = str(VERSION_BY_ID.compile(engine))
        self._by_id = str(BY_ID.compile(engine))
        self._rows: dict[tuple[Any, ...], Row] = {}
        self._after = AFTER.compile(engine)
        with translate_errors(outcome_known=True):
            self._connection = engine.raw_connection()
        self._cursor = self._connection.cursor

    async def find(self, id: str) -> Row | None:
        """Return the row of the id, or None.

        A row of a revision only ever changes when it is described. So a row that was read before is read again by
        three of its columns: texts that nobody needs would take a third of the time.
        """
        versions = self._fetch(self._version_by_id, {"id": id})
        if not versions:
            return None
        version = (id, *versions[0])
        row = self._rows.get(version)
        if row is None:
            rows = self._fetch(self._by_id, {"id": id})
            if not rows:
                return None
            row = rows[0]
            self._remember(row)
        return row

    def _remember(self, row: Row) -> None:
        if len(self._rows) >= _REMEMBERED_ROWS:
            del self._rows[next(iter(self._rows))]
        self._rows[tuple([row[number] for number in _VERSION_NUMBERS])] = row

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""
        return self._fetch(str(self._after), self._after.construct_params({"after": after, "limit": limit}))

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def _fetch(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """Fetch all rows, because a cursor that is read to its end holds no snapshot."""
        try:
            cursor = self._cursor()
            cursor.execute(statement, values)
            return cursor.fetchall()  # type: ignore[return-value]
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.Error as error:
            raise Unavailable(f"the database did not answer: {error}", outcome_known=True) from error


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _code(error: BaseException | None) -> int | None:
    """The primary result code (https://www.sqlite.org/rescode.html): the low byte of an extended one."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _path(url: URL) -> Path:
    text = url.database or ""
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(f"the driver of '{url.drivername}' is not supported; write sqlite:////absolute/path")
    if url.host or url.username or url.port:
        raise ConfigurationError(
            "a sqlite URL must have no host: write four slashes before an absolute path, three before a relative one"
        )
    if text in ("", ":memory:") or text.startswith("file:"):
        raise ConfigurationError(
            "a sqlite URL must name a file, such as sqlite:////var/lib/pymager/catalog.db; "
            "a database in memory is not shared between connections and is lost with the process"
        )
    return Path(text).absolute()
