"""The statements for properties. Each is a single statement, which is atomic without a transaction."""

from sqlalchemy import Connection, Executable, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pymager_sql.tables import properties

_SAME_VALUE = (properties.c.name == bindparam("this_name")) & (properties.c.value == bindparam("old_value"))
_REPLACE = update(properties).where(_SAME_VALUE)
_VALUE = select(properties.c.value).where(properties.c.name == bindparam("this_name"))
_INSERT = insert(properties)
_INSERTS: dict[str, Executable] = {  # with these, the server does not log a conflict as an error
    "postgresql": postgresql.insert(properties).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(properties).on_conflict_do_nothing(),
}


def get(connection: Connection, name: str) -> str | None:
    """Return the value, or None."""
    return connection.execute(_VALUE, {"this_name": name}).scalar_one_or_none()


def put(connection: Connection, name: str, value: str, instead_of: str | None) -> None:
    """Change the property if its value is `instead_of`, or insert it if that is None.

    Nothing is inserted if it has a value; some databases then raise `IntegrityError`.
    """
    if instead_of is not None:
        connection.execute(_REPLACE, {"this_name": name, "old_value": instead_of, "value": value})
    else:
        connection.execute(_INSERTS.get(connection.dialect.name, _INSERT), {"name": name, "value": value})
