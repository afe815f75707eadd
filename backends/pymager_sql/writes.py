"""The catalog's mutations, each sent once. If the database supports it, a mutation is a single statement."""

from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from pymager.ports import Description, Original, PurgeOrder
from pymager_sql import catalog, properties, removal_dates
from pymager_sql.failures import Classifier, translate_errors
from pymager_sql.purges import PurgeTable
from pymager_sql.transactions import transaction


class Transactions:
    """Mutations for any database, as transactions."""

    def __init__(self, engine: Engine, classify: Classifier) -> None:
        self._engine = engine
        self._classify = classify
        self.purges = PurgeTable(lambda: transaction(engine, classify))

    def add(self, original: Original) -> Original:
        """INSERT, INSERT, SELECT, COMMIT."""
        with transaction(self._engine, self._classify, needs_space=True) as connection:
            return catalog.add(connection, original)

    def replace(self, original: Original, expected: str | None, purge: PurgeOrder | None) -> Original:
        """SELECT FOR UPDATE, INSERT, UPDATE, another INSERT for a purge, COMMIT."""
        with transaction(self._engine, self._classify, needs_space=True) as connection:
            return catalog.replace(connection, original, expected, purge)

    def remove(self, id: str, expected: str | None, purge: PurgeOrder | None) -> Original:
        """DELETE with RETURNING, or SELECT FOR UPDATE and DELETE on databases without it, INSERT or UPDATE, COMMIT.

        For a purge there is another INSERT.
        """
        with transaction(self._engine, self._classify) as connection:
            return catalog.remove(connection, id, expected, purge)

    def describe(self, id: str, revision: str, description: Description) -> bool:
        """UPDATE, COMMIT."""
        with transaction(self._engine, self._classify, needs_space=True) as connection:
            return catalog.describe(connection, id, revision, description)

    def use_revision(self, revision: str) -> None:
        """INSERT, COMMIT."""
        with transaction(self._engine, self._classify) as connection:
            catalog.use_revision(connection, revision)

    def set_property(self, name: str, value: str, instead_of: str | None) -> None:
        """INSERT or UPDATE, COMMIT."""
        with (
            suppress(IntegrityError),  # it has a value
            translate_errors(outcome_known=False, classify=self._classify),
            self._engine.begin() as connection,
        ):
            properties.put(connection, name, value, instead_of)

    def tidy(self) -> None:
        """DELETE, COMMIT."""
        with transaction(self._engine, self._classify) as connection:
            removal_dates.tidy(connection)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
