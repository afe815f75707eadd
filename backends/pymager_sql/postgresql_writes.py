"""PostgreSQL's mutations: each is one statement in autocommit, and so one round trip."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import IntegrityError

from pymager.errors import AlreadyExists, Fenced, NotFound
from pymager.ports import NEW_PURGE_STATE, Description, Original, PurgeOrder
from pymager_sql import catalog, properties, purge_rows, removal_dates
from pymager_sql.failures import Classifier
from pymager_sql.purges import PurgeTable
from pymager_sql.tables import originals
from pymager_sql.transactions import autocommit_connection, statement

_NAMES = list(originals.c.keys())
_NAMES_BUT_ID = [name for name in _NAMES if name != "id"]


_CREATED = (
    "GREATEST(CAST(:created AS BIGINT), "
    "COALESCE((SELECT removed + 1 FROM removals WHERE id = :id), CAST(:created AS BIGINT)))"
)


def _add() -> TextClause:
    """Insert nothing if the snapshot has a row of the id: a removal may be running, whose date the snapshot lacks.

    If the snapshot has no row, it has the date of the last removal.
    """
    values = ", ".join(_CREATED if name == "created" else f":{name}" for name in _NAMES)
    is_new = "WHERE NOT EXISTS (SELECT 1 FROM originals WHERE id = :id)"
    used = f"WITH used AS (INSERT INTO revisions (revision) SELECT :revision {is_new})"
    return text(f"{used} INSERT INTO originals ({', '.join(_NAMES)}) SELECT {values} {is_new} RETURNING created")


_PURGED = (
    ", purged AS (INSERT INTO purges (revision, id, recorded, due, attempts, state) "  # noqa: S608
    "SELECT revision, id, CAST(:purge_recorded AS BIGINT), CAST(:purge_due AS BIGINT), 0, "
    f"'{NEW_PURGE_STATE}' FROM old)"
)


def _replace(condition: str, purged: str) -> TextClause:
    """Lock the row, change exactly this row, record its purge, and return its old values."""
    old = f"SELECT * FROM originals WHERE id = :id {condition} FOR UPDATE"  # noqa: S608
    used = "INSERT INTO revisions (revision) SELECT :revision FROM old"
    changes, columns = (
        ", ".join(f"{name} = :{name}" for name in _NAMES_BUT_ID),
        ", ".join(f"old.{name}" for name in _NAMES),
    )
    change = f"UPDATE originals SET {changes} FROM old WHERE originals.id = old.id RETURNING {columns}"  # noqa: S608
    return text(f"WITH old AS ({old}), used AS ({used}){purged} {change}")


def _remove(condition: str, purged: str) -> TextClause:
    """Delete the row, record the date and its purge, and return the row."""
    columns = ", ".join(_NAMES)
    old = f"DELETE FROM originals WHERE id = :id {condition} RETURNING {columns}"  # noqa: S608
    date = "INSERT INTO removals (id, removed) SELECT id, GREATEST(created, CAST(:now AS BIGINT)) FROM old"
    newest = "ON CONFLICT (id) DO UPDATE SET removed = GREATEST(removals.removed, excluded.removed)"
    return text(f"WITH old AS ({old}), recorded AS ({date} {newest}){purged} SELECT {columns} FROM old")  # noqa: S608


_OF_REVISION = "AND revision = :expected"
_ADD = _add()
_Statements = dict[tuple[bool, bool], TextClause]
_CHOICES: list[tuple[bool, bool]] = [(False, False), (False, True), (True, False), (True, True)]
_REPLACE: _Statements = {
    (expects, purges): _replace(_OF_REVISION if expects else "", _PURGED if purges else "")
    for expects, purges in _CHOICES
}
_REMOVE: _Statements = {
    (expects, purges): _remove(_OF_REVISION if expects else "", _PURGED if purges else "")
    for expects, purges in _CHOICES
}
"""The statements by whether a revision is expected, and whether a purge is recorded."""


class PostgresqlWrites:
    """Mutations over an engine in AUTOCOMMIT. The database must support RETURNING and data changes in WITH."""

    def __init__(self, engine: Engine, classify: Classifier) -> None:
        self._engine = engine
        self._classify = classify
        self.purges = PurgeTable(lambda: statement(engine, classify))

    def add(self, original: Original) -> Original:
        """One INSERT inside another. The table of the duplicate key decides between `Fenced` and `AlreadyExists`."""
        with statement(self._engine, self._classify, needs_space=True) as connection:
            try:
                created = connection.execute(_ADD, catalog.values(original)).scalar_one_or_none()
            except IntegrityError as error:
                if _table(error) == originals.name:
                    raise _taken(original.id) from error
                raise _fenced(original.revision) from error
        if created is None:
            raise _taken(original.id)
        return replace(original, created=datetime.fromtimestamp(created, UTC))

    def replace(self, original: Original, expected: str | None, purge: PurgeOrder | None) -> Original:
        """One UPDATE, and one SELECT if it matched no row."""
        try:
            old = self._changed_row(_REPLACE, catalog.values(original), expected, purge, needs_space=True)
        except IntegrityError as error:
            raise _fenced(original.revision) from error
        return old or self._raise_reason(original.id, expected)

    def remove(self, id: str, expected: str | None, purge: PurgeOrder | None) -> Original:
        """One DELETE, and one SELECT if it matched no row."""
        values = {"id": id, "now": removal_dates.now()}
        return self._changed_row(_REMOVE, values, expected, purge) or self._raise_reason(id, expected)

    def describe(self, id: str, revision: str, description: Description) -> bool:
        """One UPDATE."""
        with statement(self._engine, self._classify, needs_space=True) as connection:
            return catalog.describe(connection, id, revision, description)

    def use_revision(self, revision: str) -> None:
        """One INSERT."""
        with statement(self._engine, self._classify) as connection:
            catalog.use_revision(connection, revision)

    def set_property(self, name: str, value: str, instead_of: str | None) -> None:
        """One INSERT or UPDATE."""
        with autocommit_connection(self._engine, self._classify) as connection:
            properties.put(connection, name, value, instead_of)

    def tidy(self) -> None:
        """One DELETE."""
        with statement(self._engine, self._classify) as connection:
            removal_dates.tidy(connection)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _changed_row(
        self,
        queries: _Statements,
        values: Mapping[str, Any],
        expected: str | None,
        purge: PurgeOrder | None,
        *,
        needs_space: bool = False,
    ) -> Original | None:
        query = queries[expected is not None, purge is not None]
        parameters = dict(values)
        if expected is not None:
            parameters["expected"] = expected
        if purge is not None:
            parameters["purge_recorded"] = purge_rows.seconds(purge.recorded)
            parameters["purge_due"] = purge_rows.seconds(purge.due)
        with statement(self._engine, self._classify, needs_space=needs_space) as connection:
            row = connection.execute(query, parameters).one_or_none()
            return None if row is None else catalog.original(row)

    def _raise_reason(self, id: str, expected: str | None) -> Original:
        """Raise the reason why nothing was changed: no row, or a row with another revision."""
        if expected is not None:
            with statement(self._engine, self._classify) as connection:
                catalog.lock_row(connection, id, expected)
        raise NotFound(f"no row has the id '{id}'")


def _taken(id: str) -> AlreadyExists:
    return AlreadyExists(f"the id '{id}' already has a row")


def _fenced(revision: str) -> Fenced:
    return Fenced(f"the revision {revision} was fenced or used before")


def _table(error: IntegrityError) -> str | None:
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "table_name", None)
