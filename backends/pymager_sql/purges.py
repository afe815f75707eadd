"""The outbox: purges that are not delivered yet, of all databases but SQLite (`sqlite_purges`).

Mutations record them, in their own transaction: `catalog`, `postgresql_writes` and `sqlite_writes`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from pymager.ports import Purge
from pymager_sql import purge_rows
from pymager_sql.tables import purges

_COLUMNS = [purges.c[name] for name in purge_rows.COLUMNS]
_INSERT = insert(purges)
_DUE = select(*_COLUMNS).where(purges.c.due <= bindparam("now")).order_by(purges.c.due).limit(bindparam("limit"))
_AFTER = (
    select(*_COLUMNS)
    .where(purges.c.revision > bindparam("after"))
    .order_by(purges.c.revision)
    .limit(bindparam("limit"))
)
_COUNT = select(func.count(), func.min(purges.c.recorded)).select_from(purges)
_UPDATE = (
    update(purges)
    .where(
        (purges.c.revision == bindparam("this_revision"))
        & (purges.c.due == bindparam("old_due"))
        & (purges.c.attempts == bindparam("old_attempts"))
        & (purges.c.state == bindparam("old_state"))
    )
    .values(due=bindparam("due"), attempts=bindparam("attempts"), state=bindparam("state"))
)
_DELETE = delete(purges).where(purges.c.revision == bindparam("this_revision"))


def record(connection: Connection, purge: Purge) -> None:
    """Insert a purge, in the transaction of the mutation that it belongs to."""
    connection.execute(_INSERT, purge_rows.values(purge))


class PurgeTable:
    """The outbox in its table. `connect` opens a durable transaction, or a connection in autocommit."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connect = connect

    def due(self, now: int, limit: int) -> Sequence[Sequence[Any]]:
        """Up to `limit` rows that are due, those that are due for the longest time first."""
        with self._connect() as connection:
            return connection.execute(_DUE, {"now": now, "limit": limit}).all()

    def page(self, after: str, limit: int) -> Sequence[Sequence[Any]]:
        """Up to `limit` rows with greater revisions, ordered by revision."""
        with self._connect() as connection:
            return connection.execute(_AFTER, {"after": after, "limit": limit}).all()

    def count(self) -> tuple[int, int | None]:
        """The number of rows, and the smallest `recorded`."""
        with self._connect() as connection:
            pending, oldest = connection.execute(_COUNT).one()
            return pending, oldest

    def update(self, purge: Purge, changed: Purge) -> bool:
        """One UPDATE of the row, if it is as in `purge`."""
        values = {"this_revision": purge.revision, **purge_rows.changes(purge, changed)}
        with self._connect() as connection:
            return connection.execute(_UPDATE, values).rowcount == 1

    def finish(self, revision: str) -> None:
        """One DELETE."""
        with self._connect() as connection:
            connection.execute(_DELETE, {"this_revision": revision})
