"""The catalog's mutations in SQLite. Each is one transaction, with the same effects as in `pymager_sql.catalog`."""

import dataclasses
import sqlite3
import time
from dataclasses import asdict
from datetime import UTC, datetime

from pymager.errors import AlreadyExists, Fenced, NotFound, RevisionMismatch
from pymager.ports import REMEMBERED_SECONDS, Description, Original, PurgeOrder
from pymager_sql.rows import COLUMNS, original, values
from pymager_sql.sqlite_file import SqliteConnection, SqliteFile, translate_errors
from pymager_sql.sqlite_purges import SqlitePurges
from pymager_sql.sqlite_reads import BY_ID

_DESCRIPTION = ("described", "frames", "alpha", "dominant", "thumbhash", "blurhash")


def _assigned(columns: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = :{name}" for name in columns)


_INSERT = f"INSERT INTO originals ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"  # noqa: S608
_UPDATE = f"UPDATE originals SET {_assigned(COLUMNS)} WHERE id = :id"  # noqa: S608
_DESCRIBE = f"UPDATE originals SET {_assigned(_DESCRIPTION)} WHERE id = :id AND revision = :revision"  # noqa: S608
_REDATE = "UPDATE originals SET created = :created WHERE id = :id"
_DELETE = "DELETE FROM originals WHERE id = :id"
_INSERT_REVISION = "INSERT INTO revisions (revision) VALUES (:revision)"
_REMOVED = "SELECT removed FROM removals WHERE id = :id"
_RECORD_REMOVAL = (
    "INSERT INTO removals (id, removed) VALUES (:id, :removed) "
    "ON CONFLICT (id) DO UPDATE SET removed = excluded.removed"
)
_FORGET_REMOVALS = "DELETE FROM removals WHERE removed < :before"
_SET_PROPERTY = "UPDATE properties SET value = :value WHERE name = :name AND value = :instead_of"
_ADD_PROPERTY = "INSERT INTO properties (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"


class SqliteWrites:
    """Mutations on one connection, which one thread uses. Every transaction has the write lock from its beginning."""

    def __init__(self, file: SqliteFile) -> None:
        self._connection = SqliteConnection(file, "FULL")
        self.purges = SqlitePurges(self._connection)

    def add(self, added: Original) -> Original:
        """Insert the revision, then the row, and return it: dated later than the last removal."""
        with self._connection.transaction(needs_space=True):
            self._use_revision(added.revision)
            row = values(added)
            try:
                self._connection.change(_INSERT, row)
            except sqlite3.IntegrityError as error:
                raise AlreadyExists(f"the id '{added.id}' already has a row") from error
            removed = self._connection.rows(_REMOVED, {"id": added.id})
            if not removed or removed[0][0] < row["created"]:
                return added
            created = removed[0][0] + 1
            self._connection.change(_REDATE, {"id": added.id, "created": created})
            return dataclasses.replace(added, created=datetime.fromtimestamp(created, UTC))

    def replace(self, replacement: Original, expected: str | None, purge: PurgeOrder | None) -> Original:
        """Replace the row, record the purge, and return the old row."""
        with self._connection.transaction(needs_space=True):
            old = self._row(replacement.id, expected)
            self._use_revision(replacement.revision)
            self._connection.change(_UPDATE, values(replacement))
            if purge is not None:
                self.purges.record(purge.of(old))
            return old

    def remove(self, id: str, expected: str | None, purge: PurgeOrder | None) -> Original:
        """Delete the row, record the date and the purge, and return the row. Its revision stays used."""
        with self._connection.transaction():
            old = self._row(id, expected)
            self._connection.change(_DELETE, {"id": id})
            removed = max(int(time.time()), int(old.created.timestamp()))
            self._connection.change(_RECORD_REMOVAL, {"id": id, "removed": removed})
            if purge is not None:
                self.purges.record(purge.of(old))
            return old

    def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description of the row if it has the revision."""
        columns = asdict(description) | {"described": revision, "alpha": int(description.alpha)}
        with self._connection.transaction(needs_space=True):
            return self._connection.change(_DESCRIBE, {"id": id, "revision": revision, **columns}) == 1

    def use_revision(self, revision: str) -> None:
        """Mark a revision as used. Raises `Fenced`."""
        with self._connection.transaction():
            self._use_revision(revision)

    def set_property(self, name: str, value: str, instead_of: str | None) -> None:
        """Set the property in one durable statement, if it has the value `instead_of`, or none if that is None."""
        statement = _ADD_PROPERTY if instead_of is None else _SET_PROPERTY
        parameters = {"name": name, "value": value} | ({} if instead_of is None else {"instead_of": instead_of})
        with translate_errors(outcome_known=False):
            self._connection.change(statement, parameters)

    def tidy(self) -> None:
        """Forget old removals."""
        with self._connection.transaction():
            self._connection.change(_FORGET_REMOVALS, {"before": int(time.time()) - REMEMBERED_SECONDS})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _row(self, id: str, expected: str | None) -> Original:
        rows = self._connection.rows(BY_ID, {"id": id})
        if not rows:
            raise NotFound(f"no row has the id '{id}'")
        found = original(rows[0])
        if expected is not None and found.revision != expected:
            raise RevisionMismatch(f"the revision of '{id}' is {found.revision}, not {expected}")
        return found

    def _use_revision(self, revision: str) -> None:
        try:
            self._connection.change(_INSERT_REVISION, {"revision": revision})
        except sqlite3.IntegrityError as error:
            raise Fenced(f"the revision {revision} was fenced or used before") from error
