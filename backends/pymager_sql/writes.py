"""The catalog's mutations, each sent once. Where the database can, one is a single statement."""

from typing import Protocol

from sqlalchemy import Engine

from pymager.ports import Original
from pymager_sql import catalog, leases
from pymager_sql.failures import Judge, transaction


class Writes(Protocol):
    """The mutations of the catalog, in the calling thread. They raise what the port's methods do."""

    def add(self, original: Original) -> None:
        """Commit the revision and the row."""

    def replace(self, original: Original, expected: str | None) -> Original:
        """Commit the revision and the row in the place of the one that stands, and return that."""

    def remove(self, id: str, expected: str | None) -> Original:
        """Delete the row and return it. Its revision stays used."""

    def use(self, revision: str) -> None:
        """Use up a revision. Raises `Fenced`."""

    def tidy(self, older_than: float) -> int:
        """Delete the leases that were not touched for so many seconds, and return how many."""

    def close(self) -> None:
        """Close the connections."""


class Transactions:
    """For any database: what belongs together is done in a transaction."""

    def __init__(self, engine: Engine, judge: Judge) -> None:
        self._engine = engine
        self._judge = judge

    def add(self, original: Original) -> None:
        """INSERT, INSERT, COMMIT."""
        with transaction(self._engine, self._judge, grows=True) as connection:
            catalog.add(connection, original)

    def replace(self, original: Original, expected: str | None) -> Original:
        """SELECT FOR UPDATE, INSERT, UPDATE, COMMIT."""
        with transaction(self._engine, self._judge, grows=True) as connection:
            return catalog.replace(connection, original, expected)

    def remove(self, id: str, expected: str | None) -> Original:
        """DELETE with RETURNING, or after a SELECT FOR UPDATE where there is none; COMMIT."""
        with transaction(self._engine, self._judge) as connection:
            return catalog.remove(connection, id, expected)

    def use(self, revision: str) -> None:
        """INSERT, COMMIT."""
        with transaction(self._engine, self._judge) as connection:
            catalog.use(connection, revision)

    def tidy(self, older_than: float) -> int:
        """DELETE, COMMIT."""
        with transaction(self._engine, self._judge) as connection:
            return leases.tidy(connection, older_than)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
