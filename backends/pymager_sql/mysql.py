"""What MariaDB and MySQL need: PyMySQL in threads, transactions at READ COMMITTED, and a named lock for upgrades."""

import hashlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql  # type: ignore[import-untyped]
from pymysql.constants import CLIENT, CR, ER  # type: ignore[import-untyped]
from pymysql.err import OperationalError  # type: ignore[import-untyped]
from sqlalchemy import URL, Connection, Engine, text

from pymager.errors import ConfigurationError, Unavailable
from pymager_sql import deadlines, engines
from pymager_sql.catalog import Row
from pymager_sql.failures import Verdict, translated
from pymager_sql.parameters import Parameters
from pymager_sql.reads import Reads, ThreadReads
from pymager_sql.tables import originals
from pymager_sql.writes import Transactions, Writes

_TEXTS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "unix_socket")
_FLAGS = ("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity")
_FULL = (ER.DISK_FULL, ER.RECORD_FILE_FULL)
_SERVER_SAYS = range(1000, 2000)
_UNCLEAR = (
    ER.SERVER_SHUTDOWN, ER.NORMAL_SHUTDOWN, ER.ERROR_DURING_COMMIT, ER.QUERY_INTERRUPTED, 1927  # connection killed
)  # fmt: skip
_LONGEST_UPGRADE = 60
_COLUMNS = ", ".join(originals.c.keys())
_SOME = f"SELECT {_COLUMNS} FROM originals WHERE id IN %(ids)s"  # noqa: S608 - the columns' names
_AFTER = f"SELECT {_COLUMNS} FROM originals WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"  # noqa: S608


class Mysql:
    """A database of `mysql://user@host:port/database` or `mariadb://`.

    `?timeout=` is how many seconds a call may take (5), `?pool=` how many connections a process has (8): one for
    leases, a third for mutations, the others for reads. TLS: `ssl_ca`, `ssl_cert`, `ssl_key`, `ssl_key_password`,
    `ssl_verify_cert`, `ssl_verify_identity`, `ssl_disabled`; with `ssl_ca` the certificate is verified.
    """

    grace: float | None = 0.25

    def __init__(self, url: URL) -> None:
        if url.drivername not in ("mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"):
            raise ConfigurationError(f"the driver of '{url.drivername}' is not supported; write mysql:// or mariadb://")
        if not url.database:
            raise ConfigurationError("the URL names no database; write mysql://user@host/database")
        parameters = Parameters(url)
        self.patience = parameters.timeout()
        pool = parameters.pool()
        self.writers = max(1, (pool - 1) // 3)
        self._readers = pool - 1 - self.writers
        passed = {**parameters.texts(_TEXTS), **parameters.flags(_FLAGS)}
        parameters.end([*_TEXTS, *_FLAGS, "timeout", "pool"])
        self._arguments = self._readable({**self._fixed(url), **_verified(passed)})

    def locate(self) -> list[str]:
        """The database is made by who has the right to."""
        return []

    def settle(self) -> list[str]:
        """Nothing is to be set."""
        return []

    def mutations(self) -> Engine:
        """Transactions at READ COMMITTED: they see what others have committed, and lock no gaps."""
        return self._engine(self.writers, isolation_level="READ COMMITTED")

    def statements(self) -> Engine:
        """Single statements, on one connection."""
        return self._engine(1, isolation_level="AUTOCOMMIT")

    def reads(self) -> Reads:
        """Reads in threads, which see what is committed when they begin."""
        queries = DriverQueries(self._engine(self._readers, isolation_level="AUTOCOMMIT"))
        return ThreadReads(queries, self._readers, self.patience, self.grace)

    def writes(self) -> Writes:
        """Mutations in transactions."""
        return Transactions(self.mutations(), self.judge)

    @contextmanager
    def alone(self, engine: Engine) -> Iterator[Connection]:
        """The lock is the connection's: DDL, which commits by itself, does not free it."""
        name = {"name": f"pymager-{hashlib.sha256(self._arguments['database'].encode()).hexdigest()[:40]}"}
        with engine.connect() as connection:
            got = connection.execute(text(f"SELECT GET_LOCK(:name, {_LONGEST_UPGRADE})"), name).scalar_one()
            if got != 1:
                raise Unavailable("another process upgrades the schema all the time", outcome_known=True)
            yield connection
            connection.commit()
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)
            connection.rollback()

    def judge(self, error: BaseException) -> Verdict:
        """A server that names an error did not do it, unless it was about to end or in the middle of a COMMIT."""
        code = error.args[0] if error.args else None
        if not isinstance(error, pymysql.MySQLError) or code in _UNCLEAR or code not in _SERVER_SAYS:
            return Verdict.UNCLEAR
        return Verdict.FULL if code in _FULL else Verdict.REFUSED

    def _fixed(self, url: URL) -> dict[str, Any]:
        wait = max(1, int(self.patience / 2))
        return {
            "host": url.host or "127.0.0.1",
            "port": url.port or 3306,
            "user": url.username,
            "password": (url.password or "").encode(),
            "database": url.database,
            "charset": "utf8mb4",
            "client_flag": CLIENT.FOUND_ROWS,  # an UPDATE counts the rows that it found, not those that it changed
            "read_timeout": self.patience,
            "write_timeout": self.patience,
            "init_command": "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_TRANS_TABLES'), "
            f"SESSION innodb_lock_wait_timeout = {wait}",
        }

    def _readable(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            pymysql.Connection(**arguments, defer_connect=True)
        except (OSError, ValueError, ssl.SSLError) as error:
            raise ConfigurationError(f"what the mysql URL says about TLS can't be used: {error}") from None
        return arguments

    def _engine(self, size: int, **options: Any) -> Engine:
        url = URL.create("mysql+pymysql")
        return engines.engine(url, size, _descriptor, creator=self._connect, **options)

    def _connect(self) -> "pymysql.Connection[Any]":
        """A connection, whose socket is watched from the moment it is open."""
        connection = pymysql.Connection(**self._arguments, defer_connect=True)
        opened = _socket(self._arguments, deadlines.remaining(self.patience))
        try:
            deadlines.watch(opened.fileno())
            connection.connect(opened)
        except BaseException:
            opened.close()
            raise
        return connection


class DriverQueries:
    """The reads. SQLAlchemy keeps the connections, the driver's own cursor runs the statements."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def some(self, ids: Sequence[str]) -> Sequence[Row]:
        """The rows of the ids."""
        return self._rows(_SOME, {"ids": tuple(ids)})

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`."""
        return self._rows(_AFTER, {"after": after, "limit": limit})

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _rows(self, query: str, values: dict[str, Any]) -> Sequence[Row]:
        """A connection that was dead is no answer: then it is asked once more, on a fresh one."""
        try:
            return self._fetched(query, values)
        except pymysql.Error:
            self._engine.dispose()
        with translated(outcome_known=True):
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
    """PyMySQL would take an authority's certificate and then not look at it."""
    return {"ssl_verify_cert": True, **passed} if "ssl_ca" in passed else passed


def _socket(arguments: dict[str, Any], seconds: float) -> socket.socket:
    """A connected socket. Raises `OperationalError`, as the driver would."""
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
        raise OperationalError(CR.CR_CONN_HOST_ERROR, f"no connection to the server: {error}") from error
    return opened


def _descriptor(connection: Any) -> int | None:
    """PyMySQL has no public name for it; it is None when the connection is closed."""
    opened = connection._sock
    return None if opened is None else opened.fileno()
