"""Any other database that SQLAlchemy has a dialect for. Best effort: pymager is not tested with them.

The driver is whatever the URL names, its parameters pass through, and how it is interrupted is unknown.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Executable
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from pymager.errors import ConfigurationError
from pymager_sql import engines
from pymager_sql.catalog import AFTER, BY_IDS, Row
from pymager_sql.failures import Verdict, translated
from pymager_sql.parameters import Parameters
from pymager_sql.reads import Reads, ThreadReads
from pymager_sql.writes import Transactions, Writes


class Other:
    """A database of a URL in SQLAlchemy's form. `?timeout=` and `?pool=` are pymager's, the rest is the driver's."""

    grace: float | None = 0.25

    def __init__(self, url: URL) -> None:
        parameters = Parameters(url)
        self.patience = parameters.timeout()
        pool = parameters.pool()
        self.writers = max(1, (pool - 1) // 3)
        self._readers = pool - 1 - self.writers
        self._url = url.set(query=parameters.rest())
        self._check(url)

    def locate(self) -> list[str]:
        """The database is made by who has the right to."""
        return []

    def settle(self) -> list[str]:
        """Nothing is to be set."""
        return []

    def mutations(self) -> Engine:
        """Transactions at the database's own isolation level."""
        return self._engine(self.writers)

    def statements(self) -> Engine:
        """Single statements, on one connection."""
        return self._engine(1, isolation_level="AUTOCOMMIT")

    def reads(self) -> Reads:
        """Reads in threads."""
        queries = CoreQueries(self._engine(self._readers, isolation_level="AUTOCOMMIT"))
        return ThreadReads(queries, self._readers, self.patience, self.grace)

    def writes(self) -> Writes:
        """Mutations in transactions."""
        return Transactions(self.mutations(), self.judge)

    def alone(self, engine: Engine) -> AbstractContextManager[Connection]:
        """There is no lock that all databases have: run `pymager init` once before the replicas start."""
        return engine.begin()

    def judge(self, error: BaseException) -> Verdict:
        """What the driver's errors mean is not known."""
        return Verdict.UNCLEAR

    def _check(self, url: URL) -> None:
        try:
            self._url.get_dialect().import_dbapi()
        except NoSuchModuleError:
            raise ConfigurationError(
                f"SQLAlchemy does not know the database '{url.drivername}'; is the package with its dialect installed?"
            ) from None
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"the database '{url.drivername}' needs the package '{error.name}', which does not come with pymager"
            ) from None

    def _engine(self, size: int, **options: Any) -> Engine:
        return engines.engine(self._url, size, _descriptor, **options)


class CoreQueries:
    """The reads, through SQLAlchemy Core."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def some(self, ids: Sequence[str]) -> Sequence[Row]:
        """The rows of the ids."""
        return self._rows(BY_IDS, {"ids": list(ids)})

    def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`."""
        return self._rows(AFTER, {"after": after, "limit": limit})

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _rows(self, query: Executable, values: dict[str, Any]) -> Sequence[Row]:
        """A connection that was dead is no answer: then it is asked once more, on a fresh one."""
        try:
            return self._fetched(query, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                with translated(outcome_known=True):
                    raise
        with translated(outcome_known=True):
            return self._fetched(query, values)

    def _fetched(self, query: Executable, values: dict[str, Any]) -> Sequence[Row]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query, values)]


def _descriptor(connection: Any) -> int | None:
    number: Callable[[], int] | None = getattr(connection, "fileno", None)
    return None if number is None else number()
