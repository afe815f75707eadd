"""What PostgreSQL needs: psycopg 3, reads pipelined on the event loop, and mutations of one statement each."""

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
from psycopg.pq.abc import PGconn as Wire
from sqlalchemy import URL, Connection, Engine, text

from pymager.errors import ConfigurationError
from pymager_sql import deadlines, engines
from pymager_sql.failures import Verdict
from pymager_sql.parameters import Parameters
from pymager_sql.pipeline import PipelinedReads
from pymager_sql.reads import Reads
from pymager_sql.single import SingleStatements
from pymager_sql.writes import Writes

_PARAMETERS = (
    "application_name", "channel_binding", "gssencmode", "host", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "load_balance_hosts", "options", "passfile", "port", "require_auth",
    "requirepeer", "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcompression",
    "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs",
    "tcp_user_timeout",
)  # fmt: skip
_DISK_FULL = "53100"
_UPGRADE = zlib.crc32(b"pymager.schema")
_LONGEST_UPGRADE = 60


class Postgresql:
    """A database of `postgresql://user@host:port/database`. `?timeout=` is how many seconds a call may take (5),
    `?pool=` how many connections a process has (8): one for reads, one for leases, the others for mutations.

    What libpq knows passes through: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `target_session_attrs` and others.
    """

    grace: float | None = 0.25

    def __init__(self, url: URL) -> None:
        if url.drivername not in ("postgresql", "postgresql+psycopg"):
            raise ConfigurationError(f"the driver of '{url.drivername}' is not supported; write postgresql://")
        parameters = Parameters(url)
        self.patience = parameters.timeout()
        self.writers = parameters.pool() - 2
        passed = parameters.texts(_PARAMETERS)
        parameters.end([*_PARAMETERS, "timeout", "pool"])
        self._conninfo = _conninfo(url, passed)
        self._url = URL.create("postgresql+psycopg")

    def locate(self) -> list[str]:
        """The database is made by who has the right to."""
        return []

    def settle(self) -> list[str]:
        """Nothing is to be set."""
        return []

    def mutations(self) -> Engine:
        """Transactions at READ COMMITTED, of one connection: only the schema's upgrade has any."""
        return self._engine(1, isolation_level="READ COMMITTED")

    def statements(self) -> Engine:
        """Single statements, on one connection."""
        return self._engine(1, isolation_level="AUTOCOMMIT")

    def reads(self) -> Reads:
        """Reads on one connection, on the event loop."""
        return PipelinedReads(self._conninfo, self.patience)

    def writes(self) -> Writes:
        """Mutations of one statement each."""
        return SingleStatements(self._engine(self.writers, isolation_level="AUTOCOMMIT"), self.judge)

    @contextmanager
    def alone(self, engine: Engine) -> Iterator[Connection]:
        """PostgreSQL's DDL is transactional; the lock goes with the transaction."""
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LONGEST_UPGRADE}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE})
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            yield connection

    def judge(self, error: BaseException) -> Verdict:
        """ERROR is said of a statement that was rolled back; FATAL and PANIC also of what happens after a commit."""
        if not isinstance(error, psycopg.Error) or error.diag.severity_nonlocalized != "ERROR":
            return Verdict.UNCLEAR
        return Verdict.FULL if error.sqlstate == _DISK_FULL else Verdict.REFUSED

    def _engine(self, size: int, **options: Any) -> Engine:
        return engines.engine(
            self._url, size, _descriptor, creator=self._connect, use_native_hstore=False, **options
        )  # fmt: skip

    def _connect(self) -> "psycopg.Connection[Any]":
        """A connection, within the time that is left; psycopg's own bound is two seconds at least."""
        wire = _connected(self._conninfo, deadlines.remaining(self.patience))
        wire.nonblocking = 1
        connection = psycopg.Connection(wire)
        # Behind a pooler of transactions a name may stand for another client's statement: a mutation would do what
        # nobody asked for, and report it as done.
        connection.prepare_threshold = None
        return connection


def _connected(conninfo: str, seconds: float) -> Wire:
    """A connection as libpq makes it. Raises `psycopg.OperationalError`."""
    until = monotonic() + seconds
    wire: Wire = PGconn.connect_start(conninfo.encode())
    while (status := wire.connect_poll()) != PollingStatus.OK:
        left = until - monotonic()
        if status == PollingStatus.FAILED or left <= 0 or not _is_ready(wire.socket, status, left):
            said = wire.get_error_message() if status == PollingStatus.FAILED else "no connection in time"
            wire.finish()
            raise psycopg.OperationalError(said)
    return wire


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
        raise ConfigurationError(f"a postgresql URL that libpq does not understand: {_masked(error, url)}") from None
    return conninfo


def _masked(error: psycopg.Error, url: URL) -> str:
    said = str(error).strip()
    return re.sub(re.escape(str(url.password)), "***", said) if url.password else said
