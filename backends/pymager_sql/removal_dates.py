"""The statements for the dates of removals. The next original of the same id has to be dated later."""

import time

from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update
from sqlalchemy.dialects import mysql, sqlite

from pymager.ports import REMEMBERED_SECONDS
from pymager_sql.tables import removals

_REMOVED = select(removals.c.removed).where(removals.c.id == bindparam("this_id"))
_UPDATE = update(removals).where(removals.c.id == bindparam("this_id")).values(removed=bindparam("removed"))
_INSERT = insert(removals)
_MYSQL_UPSERT = mysql.insert(removals)
_SQLITE_UPSERT = sqlite.insert(removals)
_UPSERTS: dict[str, Executable] = {
    "mysql": _MYSQL_UPSERT.on_duplicate_key_update(removed=_MYSQL_UPSERT.inserted.removed),
    "mariadb": _MYSQL_UPSERT.on_duplicate_key_update(removed=_MYSQL_UPSERT.inserted.removed),
    "sqlite": _SQLITE_UPSERT.on_conflict_do_update(
        index_elements=[removals.c.id], set_={"removed": _SQLITE_UPSERT.excluded.removed}
    ),
}
_TIDY = delete(removals).where(removals.c.removed < bindparam("before"))


def last(connection: Connection, id: str) -> int | None:
    """The date of the last removal that is remembered, in seconds since 1970."""
    removed: int | None = connection.execute(_REMOVED, {"this_id": id}).scalar_one_or_none()
    return removed


def record(connection: Connection, id: str, created: int) -> None:
    """Record that a row with the date `created` is being removed.

    The caller's transaction has locked the row, and a date that was recorded before is older than `created`.
    """
    values = {"id": id, "removed": max(now(), created)}
    if (upsert := _UPSERTS.get(connection.dialect.name)) is not None:
        connection.execute(upsert, values)
    elif connection.execute(_UPDATE, {"this_id": id, "removed": values["removed"]}).rowcount == 0:
        connection.execute(_INSERT, values)


def tidy(connection: Connection) -> None:
    """Forget removals that were more than `REMEMBERED_SECONDS` ago."""
    connection.execute(_TIDY, {"before": now() - REMEMBERED_SECONDS})


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())
