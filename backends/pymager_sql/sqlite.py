"""What SQLite needs: write-ahead logging, BEGIN IMMEDIATE, and reads on the event loop.

There is one writer at a time per file, whatever runs, so one thread writes. In write-ahead logging readers never wait
for it: a point read costs less than handing it to a thread, so reads run where they are called.
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
from pymager_sql.catalog import AFTER, BY_ID, Row
from pymager_sql.deadlines import remaining
from pymager_sql.failures import Verdict, translated
from pymager_sql.parameters import Parameters
from pymager_sql.writes import Transactions, Writes

_UNUSABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY)
_SLICE = 0.02
_RECOVERY = 1.0


class Sqlite:
    """A SQLite file, of `sqlite:////absolute/path` or `sqlite:///relative/path`.

    `?timeout=` is how many seconds a write waits while another process writes (5).
    """

    writers = 1
    grace: float | None = None

    def __init__(self, url: URL) -> None:
        self._path = _path(url)
        parameters = Parameters(url)
        self.patience = parameters.timeout()
        parameters.end(["timeout"])

    def locate(self) -> list[str]:
        """Make the file's folder, and see that the file is a database, or none yet."""
        folder, done = self._path.parent, []
        if not folder.is_dir():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(f"the catalog's folder {folder} can't be made: {error.strerror}") from error
            done.append(f"made the folder {folder}")
        try:
            self._ask("PRAGMA schema_version")
        except DatabaseError as error:
            if _code(error.orig) in _UNUSABLE:
                raise ConfigurationError(f"{self._path} can't be used: {error.orig}") from error
            with translated(outcome_known=True):
                raise
        return done

    def settle(self) -> list[str]:
        """Switch the file to write-ahead logging, which it remembers."""
        with translated(outcome_known=True):
            if self._ask("PRAGMA journal_mode") == "wal":
                return []
            if self._ask("PRAGMA journal_mode = WAL") == "wal":
                return [f"switched {self._path} to write-ahead logging"]
        raise ConfigurationError(
            f"{self._path} can't use write-ahead logging; is it on a network file system? It needs a local one"
        )

    def mutations(self) -> Engine:
        """Transactions that hold the write lock from their start: none can fail half way because of another's."""
        engine = self._engine("FULL")
        event.listen(engine, "begin", _begin)
        return engine

    def statements(self) -> Engine:
        """Statements that are not synced one by one: a power failure may undo the last ones, nothing else does."""
        return self._engine("NORMAL", isolation_level="AUTOCOMMIT")

    def reads(self) -> "InlineReads":
        """Reads on a connection of their own, on the event loop.

        They wait for one thing only: that another process has recovered the log of one that was killed.
        """
        return InlineReads(self._engine("NORMAL", _RECOVERY, isolation_level="AUTOCOMMIT", paramstyle="named"))

    def alone(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Any transaction of `mutations` has the write lock, and SQLite's DDL is transactional."""
        return engine.begin()

    def writes(self) -> Writes:
        """All in transactions."""
        return Transactions(self.mutations(), self.judge)

    def judge(self, error: BaseException) -> Verdict:
        """SQLITE_FULL: the disk, or the file's own bound."""
        return Verdict.FULL if _code(error) == sqlite3.SQLITE_FULL else Verdict.UNCLEAR

    def _engine(self, synchronous: str, timeout: float = _SLICE, **options: Any) -> Engine:
        url = URL.create("sqlite", database=str(self._path))
        connect = {"timeout": timeout, "check_same_thread": False}
        engine = create_engine(url, connect_args=connect, pool_size=1, max_overflow=0, **options)

        def settings(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # the driver begins nothing by itself
            self._execute(connection.cursor(), f"PRAGMA synchronous = {synchronous}", (), None)

        event.listen(engine, "connect", settings)
        event.listen(engine, "do_execute", self._execute)
        return engine

    def _execute(self, cursor: sqlite3.Cursor, statement: str, values: Any, _: object) -> bool:
        """Wait for the write lock in short slices: SQLite's own waiting slows down to ten looks a second.

        With many who write it would find the lock free only by luck, and a lease would be lost meanwhile. Who is told
        "busy" at a BEGIN IMMEDIATE, or at a statement without a transaction, has changed nothing.
        """
        end = time.monotonic() + remaining(self.patience)
        while True:
            try:
                cursor.execute(statement, values)
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            else:
                return True

    def _ask(self, pragma: str) -> Any:
        engine = self.statements()
        try:
            with engine.connect() as connection:
                return connection.exec_driver_sql(pragma).scalar_one()
        finally:
            engine.dispose()


class InlineReads:
    """Reads on the caller's thread. SQLAlchemy compiles the statements once and the driver's cursor runs them.

    That is a quarter of the time that SQLAlchemy takes to run them, and every GET has one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_id = str(BY_ID.compile(engine))
        self._after = AFTER.compile(engine)
        with translated(outcome_known=True):
            self._connection = engine.raw_connection()
        self._cursor = self._connection.cursor

    async def find(self, id: str) -> Row | None:
        """The row of the id."""
        rows = self._fetch(self._by_id, {"id": id})
        return rows[0] if rows else None

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`."""
        return self._fetch(str(self._after), self._after.construct_params({"after": after, "limit": limit}))

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def _fetch(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """All rows: a cursor that is read to its end keeps no snapshot open."""
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
            "a sqlite URL has no host: four slashes before an absolute path, three before a relative"
        )
    if text in ("", ":memory:") or text.startswith("file:"):
        raise ConfigurationError(
            "a catalog in SQLite needs a file, as in sqlite:////var/lib/pymager/catalog.db; "
            "one in memory would be lost with the process and is not shared between connections"
        )
    return Path(text).absolute()
