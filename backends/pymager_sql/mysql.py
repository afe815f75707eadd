"""MariaDB and MySQL: PyMySQL in threads, transactions at READ COMMITTED, and a named lock for upgrades."""

import hashlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import pymysql  # type: ignore[import-untyped]
from pymysql.constants import CLIENT, CR, ER  # type: ignore[import-untyped]
from pymysql.err import OperationalError  # type: ignore[import-untyped]
from sqlalchemy import URL, Connection, Engine, text

from pymager.errors import ConfigurationError, Unavailable
from pymager_sql import deadlines, engines
from pymager_sql.base_store import Writes
from pymager_sql.catalog import Row
from pymager_sql.failures import ErrorKind, translate_errors
from pymager_sql.lease_table import LeaseTable
from pymager_sql.reads import Reads, ThreadReads
from pymager_sql.statement_thread import StatementThread
from pymager_sql.tables import originals
from pymager_sql.threads import Threads
from pymager_sql.url_parameters import Parameters
from pymager_sql.writes import Transactions

_TEXT_PARAMETERS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "unix_socket")
_FLAG_PARAMETERS = ("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity")
_NO_SPACE_CODES = (ER.DISK_FULL, ER.RECORD_FILE_FULL)
_SERVER_ERROR_CODES = range(1000, 2000)
_UNKNOWN_OUTCOME_CODES = (
    ER.SERVER_SHUTDOWN, ER.NORMAL_SHUTDOWN, ER.ERROR_DURING_COMMIT, ER.QUERY_INTERRUPTED, 1927  # connection killed
)  # fmt: skip
_UPGRADE_LOCK_TIMEOUT_SECONDS = 60
_TABLE_LOCK_TIMEOUT_SECONDS = 2
_COLUMNS = ", ".join(originals.c.keys())
_BY_IDS = f"SELECT {_COLUMNS} FROM originals WHERE id IN %(ids)s"  # noqa: S608 - the columns' names
_AFTER = f"SELECT {_COLUMNS} FROM originals WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"  # noqa: S608


class Mysql:
    """A MariaDB or MySQL database: `mysql://user@host:port/database` or `mariadb://`.

    `?timeout=` is the maximum duration of a call in seconds (default 5). `?pool=` is the number of connections of one
    process (default 8): one for leases, a third for mutations, the others for reads. TLS: `ssl_ca`, `ssl_cert`,
    `ssl_key`, `ssl_key_password`, `ssl_verify_cert`, `ssl_verify_identity`, `ssl_disabled`. With `ssl_ca`, the
    certificate is verified.
    """

    grace_seconds: float | None = 0.25

    def __init__(self, url: URL) -> None:
        if url.drivername not in ("mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"):
            raise ConfigurationError(f"the driver of '{url.drivername}' is not supported; write mysql:// or mariadb://")
        if not url.database:
            raise ConfigurationError("the URL names no database; write mysql://user@host/database")
        parameters = Parameters(url)
        self.timeout_seconds = parameters.timeout()
        pool = parameters.pool()
        self.write_threads = max(1, (pool - 1) // 3)
        self._read_threads = pool - 1 - self.write_threads
        passed = {**parameters.texts(_TEXT_PARAMETERS), **parameters.flags(_FLAG_PARAMETERS)}
        parameters.reject_unknown([*_TEXT_PARAMETERS, *_FLAG_PARAMETERS, "timeout", "pool"])
        self._arguments = {**self._fixed(url), **_verified(passed)}
        try:
            self._unconnected = self._new()
        except (OSError, ValueError, ssl.SSLError) as error:
            raise ConfigurationError(f"the TLS parameters of the mysql URL are invalid: {error}") from None
        self._reads_certificates = any(name.startswith("ssl_") for name in passed)

    def prepare_location(self) -> list[str]:
        """The database must exist."""
        return []

    def configure(self) -> list[str]:
        """No settings are needed."""
        return []

    def transaction_engine(self) -> Engine:
        """Transactions at READ COMMITTED: they see committed changes and lock no gaps."""
        return self._engine(self.write_threads, isolation_level="READ COMMITTED")

    def statement_engine(self) -> Engine:
        """Single statements, on one connection."""
        return self._engine(1, isolation_level="AUTOCOMMIT")

    def reads(self) -> Reads:
        """Reads in threads. They see what is committed when they start."""
        queries = DriverQueries(self._engine(self._read_threads, isolation_level="AUTOCOMMIT"))
        return ThreadReads(queries, self._read_threads, self.timeout_seconds, self.grace_seconds)

    def writes(self) -> Writes:
        """Mutations in transactions."""
        return Transactions(self.transaction_engine(), self.classify)

    def leases(self, threads: Threads) -> LeaseTable:
        """Leases in the table."""
        return LeaseTable(StatementThread(self.statement_engine(), self.classify, threads))

    @contextmanager
    def lock_for_upgrade(self, engine: Engine) -> Iterator[Connection]:
        """The lock belongs to the connection, so DDL, which commits implicitly, does not release it.

        A change of a table waits for transactions that use it, such as a dump, and all reads wait behind it. So it
        fails after a time that these reads survive.
        """
        name = {"name": f"pymager-{hashlib.sha256(self._arguments['database'].encode()).hexdigest()[:40]}"}
        with engine.connect() as connection:
            got = connection.execute(
                text(f"SELECT GET_LOCK(:name, {_UPGRADE_LOCK_TIMEOUT_SECONDS})"), name
            ).scalar_one()
            if got != 1:
                raise Unavailable("another process is upgrading the schema; try again later", outcome_known=True)
            connection.execute(text(f"SET SESSION lock_wait_timeout = {_TABLE_LOCK_TIMEOUT_SECONDS}"))
            yield connection
            connection.commit()
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)
            connection.rollback()

    def classify(self, error: BaseException) -> ErrorKind:
        """A server that reports an error rejected the statement, unless it was shutting down or executing a COMMIT."""
        code = error.args[0] if error.args else None
        if (
            not isinstance(error, pymysql.MySQLError)
            or code in _UNKNOWN_OUTCOME_CODES
            or code not in _SERVER_ERROR_CODES
        ):
            return ErrorKind.UNKNOWN
        return ErrorKind.NO_SPACE if code in _NO_SPACE_CODES else ErrorKind.REJECTED

    def _fixed(self, url: URL) -> dict[str, Any]:
        wait = max(1, int(self.timeout_seconds / 2))
        return {
            "host": url.host or "127.0.0.1",
            "port": url.port or 3306,
            "user": url.username,
            "password": (url.password or "").encode(),
            "database": url.database,
            "charset": "utf8mb4",
            "client_flag": CLIENT.FOUND_ROWS,  # rowcount of an UPDATE is the rows that match, not the rows that change
            "read_timeout": self.timeout_seconds,
            "write_timeout": self.timeout_seconds,
            "init_command": "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_TRANS_TABLES'), "
            f"SESSION innodb_lock_wait_timeout = {wait}",
        }

    def _new(self) -> "pymysql.Connection[Any]":
        return pymysql.Connection(**self._arguments, defer_connect=True)

    def _engine(self, size: int, **options: Any) -> Engine:
        url = URL.create("mysql+pymysql")
        return engines.create(url, size, _descriptor, creator=self._connect, **options)

    def _connect(self) -> "pymysql.Connection[Any]":
        """Connect, and register the socket with the current call as soon as it is open.

        Without TLS parameters, connections share a TLS context: to make one takes longer than to connect, since it
        loads all of the system's certificates. With them, each connection reads the files again, which may be new.
        """
        connection = self._new() if self._reads_certificates else copy(self._unconnected)
        opened = _socket(self._arguments, deadlines.remaining(self.timeout_seconds))
        try:
            deadlines.watch_socket(opened.fileno())
            connection.connect(opened)
        except BaseException:
            opened.close()
            raise
        return connection


class DriverQueries:
    """The catalog's queries. SQLAlchemy pools the connections, and the driver's cursor executes the statements."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_ids(self, ids: Sequence[str]) -> Sequence[Row]:
        """Return the rows of the ids."""
        return self._rows(_BY_IDS, {"ids": tuple(ids)})

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""
        return self._rows(_AFTER, {"after": after, "limit": limit})

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _rows(self, query: str, values: dict[str, Any]) -> Sequence[Row]:
        """Query, and repeat once on a new connection if the connection was dead."""
        try:
            return self._fetched(query, values)
        except pymysql.Error:
            self._engine.dispose()
        with translate_errors(outcome_known=True):
            try:
                return self._fetched(query, values)
            except pymysql.Error as error:
                raise Unavailable(f"the database did not answer: {error}", outcome_known=True) from error

    def _fetched(self, query: str, values: dict[str, Any]) -> Sequence[Row]:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(query, values)
            return cursor.fetchall()
        except BaseException:
            connection.invalidate()
            raise
        finally:
            connection.close()


def _verified(passed: dict[str, Any]) -> dict[str, Any]:
    """Enable verification: by default PyMySQL loads `ssl_ca` but does not verify the certificate."""
    return {"ssl_verify_cert": True, **passed} if "ssl_ca" in passed else passed


def _socket(arguments: dict[str, Any], seconds: float) -> socket.socket:
    """Return a connected socket. Raises `OperationalError`, like the driver."""
    try:
        if path := arguments.get("unix_socket"):
            opened = socket.socket(socket.AF_UNIX)
            opened.settimeout(seconds)
            opened.connect(path)
            return opened
        opened = socket.create_connection((arguments["host"], arguments["port"]), seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except OSError as error:
        raise OperationalError(CR.CR_CONN_HOST_ERROR, f"cannot connect to the server: {error}") from error
    return opened


def _descriptor(connection: Any) -> int | None:
    """PyMySQL has no public attribute for the socket. It is None when the connection is closed."""
    opened = connection._sock
    return None if opened is None else opened.fileno()
