"""The catalog's statements. Each function runs on one connection, inside the caller's transaction."""

import dataclasses
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pymager.errors import AlreadyExists, Fenced, NotFound, RevisionMismatch, Unavailable
from pymager.ports import Description, Original, PurgeOrder
from pymager_sql import purges, removal_dates
from pymager_sql.rows import Row as Row
from pymager_sql.rows import after as after
from pymager_sql.rows import original as original
from pymager_sql.rows import page as page
from pymager_sql.rows import values as values
from pymager_sql.tables import originals, revisions

BY_ID = select(originals).where(originals.c.id == bindparam("id"))
VERSION_BY_ID = select(originals.c.revision, originals.c.created, originals.c.described).where(
    originals.c.id == bindparam("id")
)
"""What tells whether a row that was read before is still the same."""
BY_IDS = select(originals).where(originals.c.id.in_(bindparam("ids", expanding=True)))
AFTER = select(originals).where(originals.c.id > bindparam("after")).order_by(originals.c.id).limit(bindparam("limit"))
_LOCKED = BY_ID.with_for_update()
_SAME_REVISION = (originals.c.id == bindparam("old_id")) & (originals.c.revision == bindparam("old_revision"))
_INSERT = insert(originals)
_UPDATE = update(originals).where(_SAME_REVISION)
_REDATE = _UPDATE.values(created=bindparam("created"))
_DELETE = delete(originals).where(_SAME_REVISION)
_DELETE_ANY_RETURNING = delete(originals).where(originals.c.id == bindparam("old_id")).returning(*originals.c)
_DELETE_REVISION_RETURNING = _DELETE.returning(*originals.c)
_DESCRIBE = update(originals).where(_SAME_REVISION)
_INSERT_REVISION = insert(revisions)


def add(connection: Connection, original: Original) -> Original:
    """Insert the revision, then the row, and return it: dated later than the last removal.

    Raises `Fenced` if the first INSERT fails, `AlreadyExists` if the second does. The date of the removal is read last:
    the second INSERT waits for a removal that is being committed.
    """
    use_revision(connection, original.revision)
    row = values(original)
    try:
        connection.execute(_INSERT, row)
    except IntegrityError as error:
        raise AlreadyExists(f"the id '{original.id}' already has a row") from error
    removed = removal_dates.last(connection, original.id)
    if removed is None or removed < row["created"]:
        return original
    connection.execute(_REDATE, {"old_id": original.id, "old_revision": original.revision, "created": removed + 1})
    return dataclasses.replace(original, created=datetime.fromtimestamp(removed + 1, UTC))


def replace(connection: Connection, original: Original, expected: str | None, purge: PurgeOrder | None) -> Original:
    """Replace the row, record the purge, and return the old row."""
    old = lock_row(connection, original.id, expected)
    use_revision(connection, original.revision)
    _change_one(connection, _UPDATE, old, values(original))
    if purge is not None:
        purges.record(connection, purge.of(old))
    return old


def remove(connection: Connection, id: str, expected: str | None, purge: PurgeOrder | None) -> Original:
    """Delete the row, record the date and the purge, and return the row. Its revision stays used."""
    old = _remove(connection, id, expected)
    if purge is not None:
        purges.record(connection, purge.of(old))
    return old


def _remove(connection: Connection, id: str, expected: str | None) -> Original:
    if connection.dialect.delete_returning:
        query = _DELETE_ANY_RETURNING if expected is None else _DELETE_REVISION_RETURNING
        row = connection.execute(query, {"old_id": id, "old_revision": expected}).one_or_none()
        if row is not None:
            removal_dates.record(connection, id, row.created)
            return original(row)
    old = lock_row(connection, id, expected)
    _change_one(connection, _DELETE, old, {})
    removal_dates.record(connection, id, int(old.created.timestamp()))
    return old


def describe(connection: Connection, id: str, revision: str, description: Description) -> bool:
    """Set the description of the row if it has the revision."""
    columns = asdict(description) | {"described": revision, "alpha": int(description.alpha)}
    return connection.execute(_DESCRIBE, {"old_id": id, "old_revision": revision, **columns}).rowcount == 1


def use_revision(connection: Connection, revision: str) -> None:
    """Mark a revision as used: it can never be used again. Raises `Fenced`."""
    try:
        connection.execute(_INSERT_REVISION, {"revision": revision})
    except IntegrityError as error:
        raise Fenced(f"the revision {revision} was fenced or used before") from error


def lock_row(connection: Connection, id: str, expected: str | None) -> Original:
    """Read the row and lock it until the transaction ends. Raises `NotFound` and `RevisionMismatch`."""
    row = connection.execute(_LOCKED, {"id": id}).one_or_none()
    if row is None:
        raise NotFound(f"no row has the id '{id}'")
    if expected is not None and row.revision != expected:
        raise RevisionMismatch(f"the revision of '{id}' is {row.revision}, not {expected}")
    return original(row)


def _change_one(connection: Connection, statement: Executable, old: Original, changes: dict[str, Any]) -> None:
    """Change the row that was read. Checks the revision again, for databases without FOR UPDATE."""
    changed = connection.execute(statement, {"old_id": old.id, "old_revision": old.revision, **changes})
    if changed.rowcount != 1:
        raise Unavailable(f"another call changed the row of '{old.id}' at the same time", outcome_known=True)
