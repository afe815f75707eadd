"""PostgreSQL: psycopg 3, pipelined reads on the event loop, and mutations of one statement each."""

import re
import select
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn, PollingStatus
from psycopg.pq.abc import PGconn as PGconnProtocol
from sqlalchemy import URL, Connection, Engine, text

from pymager.errors import ConfigurationError
from pymager_sql import deadlines, engines
from pymager_sql.base_store import Writes
from pymager_sql.failures import ErrorKind
from pymager_sql.pipeline import PipelinedReads
from pymager_sql.pipelined_leases import PipelinedLeases
from pymager_sql.postgresql_writes import PostgresqlWrites
from pymager_sql.reads import Reads
from pymager_sql.threads import Threads
from pymager_sql.url_parameters import Parameters

_PARAMETERS = (
    "application_name", "channel_binding", "gssencmode", "host", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "load_balance_hosts", "options", "passfile", "port", "require_auth",
    "requirepeer", "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcompression",
    "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs",
    "tcp_user_timeout",
)  # fmt: skip
_DISK_FULL_SQLSTATE = "53100"
_UPGRADE_LOCK_KEY = zlib.crc32(b"pymager.schema")
_UPGRADE_LOCK_TIMEOUT_SECONDS = 60
_TABLE_LOCK_TIMEOUT_SECONDS = 2


class Postgresql:
    """A PostgreSQL database: `postgresql://user@host:port/database`.

    `?timeout=` is the maximum duration of a call in seconds (default 5). `?pool=` is the number of connections of one
    process (default 8): one for reads, one for leases, the others for mutations. Parameters of libpq pass through:
    `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `target_session_attrs` and others.
    """

    grace_seconds: float | None = 0.25

    def __init__(self, url: URL) -> None:
        if url.drivername not in ("postgresql", "postgresql+psycopg"):
            raise ConfigurationError(f"the driver of '{url.drivername}' is not supported; write postgresql://")
        parameters = Parameters(url)
        self.timeout_seconds = parameters.timeout()
        self.write_threads = parameters.pool() - 2
        passed = parameters.texts(_PARAMETERS)
        parameters.reject_unknown([*_PARAMETERS, "timeout", "pool"])
        self._conninfo = _conninfo(url, passed)
        self._url = URL.create("postgresql+psycopg")

    def prepare_location(self) -> list[str]:
        """The database must exist."""
        return []

    def configure(self) -> list[str]:
        """No settings are needed."""
        return []

    def transaction_engine(self) -> Engine:
        """Transactions at READ COMMITTED on one connection; only the schema's upgrade uses them."""
        return self._engine(1, isolation_level="READ COMMITTED")

    def statement_engine(self) -> Engine:
        """Single statements, on one connection."""
        return self._engine(1, isolation_level="AUTOCOMMIT")

    def reads(self) -> Reads:
        """Reads on one connection, on the event loop."""
        return PipelinedReads(self._conninfo, self.timeout_seconds)

    def writes(self) -> Writes:
        """Mutations of one statement each."""
        return PostgresqlWrites(self._engine(self.write_threads, isolation_level="AUTOCOMMIT"), self.classify)

    def leases(self, threads: Threads) -> PipelinedLeases:
        """Leases on one connection, on the event loop."""
        return PipelinedLeases(self._conninfo, self.timeout_seconds)

    @contextmanager
    def lock_for_upgrade(self, engine: Engine) -> Iterator[Connection]:
        """PostgreSQL's DDL is transactional, and the lock ends with the transaction.

        A change of a table waits for transactions that use it, such as a dump, and all reads wait behind it. So it
        fails after a time that these reads survive.
        """
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_UPGRADE_LOCK_TIMEOUT_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK_KEY})
            connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_TIMEOUT_SECONDS}s'"))
            yield connection

    def classify(self, error: BaseException) -> ErrorKind:
        """ERROR means that the statement was rolled back; FATAL and PANIC can also occur after a commit."""
        if not isinstance(error, psycopg.Error) or error.diag.severity_nonlocalized != "ERROR":
            return ErrorKind.UNKNOWN
        return ErrorKind.NO_SPACE if error.sqlstate == _DISK_FULL_SQLSTATE else ErrorKind.REJECTED

    def _engine(self, size: int, **options: Any) -> Engine:
        return engines.create(
            self._url, size, _descriptor, creator=self._connect, use_native_hstore=False, **options
        )  # fmt: skip

    def _connect(self) -> "psycopg.Connection[Any]":
        """Connect within the time that the call has left; psycopg's own timeout is at least two seconds."""
        pgconn = _connected(self._conninfo, deadlines.remaining(self.timeout_seconds))
        pgconn.nonblocking = 1
        connection = psycopg.Connection(pgconn)
        # Behind a transaction pooler, a name can refer to another client's prepared statement: a mutation would
        # execute the wrong statement and report success.
        connection.prepare_threshold = None
        return connection


def _connected(conninfo: str, seconds: float) -> PGconnProtocol:
    """Connect through libpq. Raises `psycopg.OperationalError`."""
    until = monotonic() + seconds
    pgconn: PGconnProtocol = PGconn.connect_start(conninfo.encode())
    while (status := pgconn.connect_poll()) != PollingStatus.OK:
        left = until - monotonic()
        if status == PollingStatus.FAILED or left <= 0 or not _is_ready(pgconn.socket, status, left):
            message = (
                pgconn.get_error_message() if status == PollingStatus.FAILED else "no connection before the deadline"
            )
            pgconn.finish()
            raise psycopg.OperationalError(message)
    return pgconn


def _is_ready(descriptor: int, status: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN if status == PollingStatus.READING else select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def _descriptor(connection: "psycopg.Connection[Any]") -> int | None:
    return connection.fileno()


def _conninfo(url: URL, passed: dict[str, str]) -> str:
    parts = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    named = {name: part for name, part in {**parts, "dbname": url.database}.items() if part is not None}
    try:
        conninfo = make_conninfo("", **{**named, **passed, "client_encoding": "utf8"})
        conninfo_to_dict(conninfo)
    except psycopg.Error as error:
        raise ConfigurationError(f"libpq rejects the postgresql URL: {_masked(error, url)}") from None
    return conninfo


def _masked(error: psycopg.Error, url: URL) -> str:
    message = str(error).strip()
    return re.sub(re.escape(str(url.password)), "***", message) if url.password else message
