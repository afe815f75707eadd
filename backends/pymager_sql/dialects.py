"""The differences between databases: one module for each, chosen by the URL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from pymager.errors import ConfigurationError
from pymager_sql.base_store import Writes
from pymager_sql.failures import ErrorKind
from pymager_sql.lease_store import LeaseStore
from pymager_sql.reads import Reads
from pymager_sql.threads import Threads


class SchemaDialect(Protocol):
    """What the steps that create and upgrade a schema need of a database. `timeout_seconds` limits each call."""

    timeout_seconds: float

    def prepare_location(self) -> list[str]:
        """Create what must exist before connecting, and return one sentence for each thing created.

        Raises `ConfigurationError` if something else is in the way.
        """

    def configure(self) -> list[str]:
        """Change persistent settings of a database that is known to be pymager's. Returns one sentence for each."""

    def transaction_engine(self) -> Engine:
        """An engine for durable transactions. No two of them change the same row at the same time."""

    def statement_engine(self) -> Engine:
        """An engine with one connection in autocommit, for single statements that need not be durable."""

    def lock_for_upgrade(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction of `transaction_engine` for the upgrade. No other process upgrades at the same time."""

    def classify(self, error: BaseException) -> ErrorKind:
        """Classify an error of the driver."""


class Dialect(SchemaDialect, Protocol):
    """A database that is used through SQLAlchemy.

    `write_threads` is the number of threads that write. `grace_seconds` is how much longer than the timeout to wait for
    work that cannot be interrupted (None: without limit).
    """

    write_threads: int
    grace_seconds: float | None

    def reads(self) -> Reads:
        """Create the reads of the catalog."""

    def writes(self) -> Writes:
        """Create the mutations of the catalog."""

    def leases(self, threads: Threads) -> LeaseStore:
        """Create the leases, which can run their statements in one thread."""


def schema_dialect(text: str) -> SchemaDialect:
    """Return the database of a URL, also a SQLite file. Raises `ConfigurationError`."""
    if parsed_url(text).get_backend_name() == "sqlite":
        from pymager_sql.sqlite import Sqlite

        return Sqlite(parsed_url(text))
    return dialect(text)


def dialect(text: str) -> Dialect:
    """Return the database of a URL in SQLAlchemy's form, except SQLite. Raises `ConfigurationError`."""
    url = parsed_url(text)
    return _known(url.get_backend_name())(url)


def parsed_url(text: str) -> URL:
    """Return the parts of a URL in SQLAlchemy's form. Raises `ConfigurationError`."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # Without the parser's message, which contains the URL with its password.
        raise ConfigurationError(
            "invalid database URL; write it like sqlite:////var/lib/pymager/catalog.db or postgresql://user@host/database"
        ) from None


def _known(name: str) -> Callable[[URL], Dialect]:
    """Import the database's module only here, because it needs its driver."""
    match name:
        case "postgresql":
            from pymager_sql.postgresql import Postgresql

            return Postgresql
        case "mysql" | "mariadb":
            from pymager_sql.mysql import Mysql

            return Mysql
        case _:
            from pymager_sql.other_databases import OtherDatabase

            return OtherDatabase
