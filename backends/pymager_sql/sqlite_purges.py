"""The outbox in SQLite, on the connection of the mutations. The same statements as in `pymager_sql.purges`."""

from collections.abc import Sequence
from typing import Any

from pymager.ports import Purge
from pymager_sql import purge_rows
from pymager_sql.purge_rows import COLUMNS
from pymager_sql.sqlite_file import SqliteConnection

_ROWS = f"SELECT {', '.join(COLUMNS)} FROM purges"  # noqa: S608
_INSERT = f"INSERT INTO purges ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"  # noqa: S608
_DUE = f"{_ROWS} WHERE due <= :now ORDER BY due LIMIT :limit"
_AFTER = f"{_ROWS} WHERE revision > :after ORDER BY revision LIMIT :limit"
_COUNT = "SELECT count(*), min(recorded) FROM purges"
_UPDATE = (
    "UPDATE purges SET due = :due, attempts = :attempts, state = :state "
    "WHERE revision = :revision AND due = :old_due AND attempts = :old_attempts AND state = :old_state"
)
_DELETE = "DELETE FROM purges WHERE revision = :revision"


class SqlitePurges:
    """The outbox in its table."""

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    def record(self, purge: Purge) -> None:
        """Insert a purge, in the transaction of the mutation that it belongs to."""
        self._connection.change(_INSERT, purge_rows.values(purge))

    def due(self, now: int, limit: int) -> Sequence[Sequence[Any]]:
        """Up to `limit` rows that are due, those that are due for the longest time first."""
        return self._rows(_DUE, {"now": now, "limit": limit})

    def page(self, after: str, limit: int) -> Sequence[Sequence[Any]]:
        """Up to `limit` rows with greater revisions, ordered by revision."""
        return self._rows(_AFTER, {"after": after, "limit": limit})

    def count(self) -> tuple[int, int | None]:
        """The number of rows, and the smallest `recorded`."""
        pending, oldest = self._rows(_COUNT, {})[0]
        return pending, oldest

    def update(self, purge: Purge, changed: Purge) -> bool:
        """One UPDATE of the row, if it is as in `purge`."""
        values = {"revision": purge.revision, **purge_rows.changes(purge, changed)}
        with self._connection.transaction():
            return self._connection.change(_UPDATE, values) == 1

    def finish(self, revision: str) -> None:
        """One DELETE."""
        with self._connection.transaction():
            self._connection.change(_DELETE, {"revision": revision})

    def _rows(self, statement: str, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        with self._connection.transaction():
            return self._connection.rows(statement, values)
