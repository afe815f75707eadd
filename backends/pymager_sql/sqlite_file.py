"""A SQLite file: its location, its connections, and what its errors mean."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymager.durability import create_folder
from pymager.errors import ConfigurationError, NoSpace, Unavailable
from pymager.failpoints import reached
from pymager_sql.deadlines import remaining
from pymager_sql.sqlite_url import SqliteUrl
from pymager_sql.url_parameters import Parameters

if TYPE_CHECKING:
    from sqlalchemy import URL

_UNUSABLE_FILE_CODES = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY)
BUSY_TIMEOUT_SECONDS = 0.02

Values = Mapping[str, Any] | Sequence[Any]


class SqliteFile:
    """The file of a URL. `timeout_seconds` is how long a write waits while another process writes.

    Raises `ConfigurationError`.
    """

    def __init__(self, url: "SqliteUrl | URL") -> None:
        self.path = _path(url)
        parameters = Parameters(url)
        self.timeout_seconds = parameters.timeout()
        parameters.reject_unknown(["timeout"])

    def prepare_location(self) -> list[str]:
        """Create the file's folder, and check that the file is a database or does not exist yet."""
        folder, done = self.path.parent, []
        try:
            if create_folder(folder):
                done.append(f"created the folder {folder}")
        except OSError as error:
            raise ConfigurationError(f"can't create the catalog's folder {folder}: {error.strerror}") from error
        try:
            self._pragma("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:
            if result_code(error) in _UNUSABLE_FILE_CODES:
                raise ConfigurationError(f"{self.path} can't be used: {error}") from error
            with translate_errors(outcome_known=True):
                raise
        return done

    def configure(self) -> list[str]:
        """Switch the file to write-ahead logging. The setting is stored in the file."""
        with translate_errors(outcome_known=True):
            if self._pragma("PRAGMA journal_mode") == "wal":
                return []
            if self._pragma("PRAGMA journal_mode = WAL") == "wal":
                return [f"switched {self.path} to write-ahead logging"]
        raise ConfigurationError(
            f"can't switch {self.path} to write-ahead logging; put it on a local file system, not on a network share"
        )

    def execute(self, cursor: sqlite3.Cursor, statement: str, values: Values = ()) -> None:
        """Retry with a short busy timeout, because SQLite's own busy handler slows down to ten attempts per second.

        With many writers, ten attempts per second rarely find the lock free, and a lease would be lost meanwhile. The
        retry is safe: a BEGIN IMMEDIATE, or a statement without a transaction, that fails as busy has changed nothing.
        """
        end = time.monotonic() + remaining(self.timeout_seconds)
        while True:
            try:
                cursor.execute(statement, values)
            except sqlite3.OperationalError as error:
                if result_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            else:
                return

    def _pragma(self, pragma: str) -> Any:
        with closing(SqliteConnection(self, "NORMAL")) as connection:
            return connection.rows(pragma)[0][0]


class SqliteConnection:
    """A connection that is opened when it is first used, by one thread at a time.

    `synchronous` is FULL for durable transactions, and NORMAL where a power failure may undo the last statements.
    """

    def __init__(self, file: SqliteFile, synchronous: str, busy_timeout: float = BUSY_TIMEOUT_SECONDS) -> None:
        self._file = file
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout
        self._opened: sqlite3.Connection | None = None

    def opened(self) -> sqlite3.Connection:
        """The driver's connection."""
        if self._opened is None:
            connection = sqlite3.connect(
                self._file.path, timeout=self._busy_timeout, check_same_thread=False, isolation_level=None
            )
            try:
                self._file.execute(connection.cursor(), f"PRAGMA synchronous = {self._synchronous}")
            except BaseException:
                connection.close()
                raise
            self._opened = connection
        return self._opened

    def rows(self, statement: str, values: Values = ()) -> list[Any]:
        """Fetch all rows, because a cursor that is read to its end holds no snapshot."""
        cursor = self.opened().cursor()
        self._file.execute(cursor, statement, values)
        return cursor.fetchall()

    def change(self, statement: str, values: Values = ()) -> int:
        """Change rows, and return how many."""
        cursor = self.opened().cursor()
        self._file.execute(cursor, statement, values)
        return cursor.rowcount

    @contextmanager
    def transaction(self, *, needs_space: bool = False) -> Iterator[None]:
        """A transaction that is sent once, and has the write lock from BEGIN on, so that none can fail halfway.

        Nothing changes before COMMIT; if COMMIT fails, the outcome is unknown, unless the disk is full.
        """
        with translate_errors(outcome_known=True, needs_space=needs_space):
            self.change("BEGIN IMMEDIATE")
            try:
                yield
                reached("sql.before-commit")
                with translate_errors(outcome_known=False, needs_space=needs_space):
                    self.opened().commit()
            except BaseException:
                self._roll_back()
                raise
        reached("sql.after-commit")

    def close(self) -> None:
        """Close the connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite has done it, or the next BEGIN fails
            if self.opened().in_transaction:
                self.opened().rollback()


@contextmanager
def translate_errors(*, outcome_known: bool, needs_space: bool = False) -> Iterator[None]:
    """Raise `Unavailable` instead of the driver's error, or `NoSpace` if `needs_space` is set and the disk is full.

    SQLITE_FULL means that the disk is full, or that the file has its maximum size; nothing was changed then. An
    `IntegrityError` passes through: it is an answer that the caller interprets.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        is_full = result_code(error) == sqlite3.SQLITE_FULL
        if is_full and needs_space:
            raise NoSpace(f"the database is full: {error}") from error
        raise Unavailable(f"the database failed: {error}", outcome_known=outcome_known or is_full) from error


def result_code(error: BaseException | None) -> int | None:
    """The primary result code (https://www.sqlite.org/rescode.html): the low byte of an extended one."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _path(url: "SqliteUrl | URL") -> Path:
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
