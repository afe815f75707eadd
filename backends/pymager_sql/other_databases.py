"""Other databases with a SQLAlchemy dialect. Best effort: pymager is not tested with them.

The URL names the driver, whose parameters pass through. A call may not be interruptible.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Executable
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from pymager.errors import ConfigurationError
from pymager_sql import engines
from pymager_sql.base_store import Writes
from pymager_sql.catalog import AFTER, BY_IDS, Row
from pymager_sql.failures import ErrorKind, translate_errors
from pymager_sql.lease_table import LeaseTable
from pymager_sql.reads import Reads, ThreadReads
from pymager_sql.statement_thread import StatementThread
from pymager_sql.threads import Threads
from pymager_sql.url_parameters import Parameters
from pymager_sql.writes import Transactions


class OtherDatabase:
    """A database of a URL in SQLAlchemy's form. `?timeout=` and `?pool=` are pymager's, the others are the driver's."""

    grace_seconds: float | None = 0.25

    def __init__(self, url: URL) -> None:
        parameters = Parameters(url)
        self.timeout_seconds = parameters.timeout()
        pool = parameters.pool()
        self.write_threads = max(1, (pool - 1) // 3)
        self._read_threads = pool - 1 - self.write_threads
        self._url = url.set(query=parameters.rest())
        self._check(url)

    def prepare_location(self) -> list[str]:
        """The database must exist."""
        return []

    def configure(self) -> list[str]:
        """No settings are needed."""
        return []

    def transaction_engine(self) -> Engine:
        """Transactions at the database's default isolation level."""
        return self._engine(self.write_threads)

    def statement_engine(self) -> Engine:
        """Single statements, on one connection."""
        return self._engine(1, isolation_level="AUTOCOMMIT")

    def reads(self) -> Reads:
        """Reads in threads."""
        queries = CoreQueries(self._engine(self._read_threads, isolation_level="AUTOCOMMIT"))
        return ThreadReads(queries, self._read_threads, self.timeout_seconds, self.grace_seconds)

    def writes(self) -> Writes:
        """Mutations in transactions."""
        return Transactions(self.transaction_engine(), self.classify)

    def leases(self, threads: Threads) -> LeaseTable:
        """Leases in the table."""
        return LeaseTable(StatementThread(self.statement_engine(), self.classify, threads))

    def lock_for_upgrade(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A plain transaction: no lock exists in every database. Run `pymager init` once before the replicas start."""
        return engine.begin()

    def classify(self, error: BaseException) -> ErrorKind:
        """The meaning of the driver's errors is not known."""
        return ErrorKind.UNKNOWN

    def _check(self, url: URL) -> None:
        try:
            self._url.get_dialect().import_dbapi()
        except NoSuchModuleError:
            raise ConfigurationError(
                f"SQLAlchemy has no dialect for '{url.drivername}'; install the package with its dialect"
            ) from None
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"the database '{url.drivername}' needs the package '{error.name}', which pymager does not install"
            ) from None

    def _engine(self, size: int, **options: Any) -> Engine:
        return engines.create(self._url, size, _descriptor, **options)


class CoreQueries:
    """The catalog's queries, through SQLAlchemy Core."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_ids(self, ids: Sequence[str]) -> Sequence[Row]:
        """Return the rows of the ids."""
        return self._rows(BY_IDS, {"ids": list(ids)})

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""
        return self._rows(AFTER, {"after": after, "limit": limit})

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _rows(self, query: Executable, values: dict[str, Any]) -> Sequence[Row]:
        """Query, and repeat once on a new connection if the connection was dead."""
        try:
            return self._fetched(query, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                with translate_errors(outcome_known=True):
                    raise
        with translate_errors(outcome_known=True):
            return self._fetched(query, values)

    def _fetched(self, query: Executable, values: dict[str, Any]) -> Sequence[Row]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query, values)]


def _descriptor(connection: Any) -> int | None:
    number: Callable[[], int] | None = getattr(connection, "fileno", None)
    return None if number is None else number()
