"""Reads of SQLite on the event loop: a point read costs less than passing it to a thread."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from pymager.errors import Unavailable
from pymager_sql.rows import COLUMNS, Row
from pymager_sql.sqlite_file import SqliteConnection, SqliteFile, translate_errors

_RECOVERY_TIMEOUT_SECONDS = 1.0
_REMEMBERED_ROWS = 8_192
_VERSION = ("revision", "created", "described")
"""The columns that tell whether a row that was read before is still the same."""
_VERSION_NUMBERS = tuple(map(COLUMNS.index, ("id", *_VERSION)))

_VERSION_BY_ID = f"SELECT {', '.join(_VERSION)} FROM originals WHERE id = :id"  # noqa: S608
_ROWS = f"SELECT {', '.join(COLUMNS)} FROM originals"  # noqa: S608
BY_ID = f"{_ROWS} WHERE id = :id"
_AFTER = f"{_ROWS} WHERE id > :after ORDER BY id LIMIT :limit"


class InlineReads:
    """Reads on the calling thread, on their own connection.

    They wait in one case only: while another process recovers the log of a process that was killed.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._connection = SqliteConnection(file, "NORMAL", _RECOVERY_TIMEOUT_SECONDS)
        self._rows: dict[tuple[Any, ...], Row] = {}
        with translate_errors(outcome_known=True):
            self._cursor = self._connection.opened().cursor()

    async def find(self, id: str) -> Row | None:
        """Return the row of the id, or None.

        A row of a revision only ever changes when it is described. So a row that was read before is read again by
        three of its columns: texts that nobody needs would take a third of the time.
        """
        versions = self._fetch(_VERSION_BY_ID, {"id": id})
        if not versions:
            return None
        version = (id, *versions[0])
        row = self._rows.get(version)
        if row is None:
            rows = self._fetch(BY_ID, {"id": id})
            if not rows:
                return None
            row = rows[0]
            self._remember(row)
        return row

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""
        return self._fetch(_AFTER, {"after": after, "limit": limit})

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _remember(self, row: Row) -> None:
        if len(self._rows) >= _REMEMBERED_ROWS:
            del self._rows[next(iter(self._rows))]
        self._rows[tuple([row[number] for number in _VERSION_NUMBERS])] = row

    def _fetch(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """Fetch all rows, because a cursor that is read to its end holds no snapshot."""
        try:
            return self._cursor.execute(statement, values).fetchall()
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.Error as error:
            raise Unavailable(f"the database did not answer: {error}", outcome_known=True) from error
