"""The statements for leases. Each is a single statement, which is atomic without a transaction."""

import math
import secrets
import time

from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from pymager.errors import LeaseHeld, LeaseLost, Unavailable
from pymager.ports import Lease
from pymager_sql.tables import leases

_SAME_TOKEN = (leases.c.name == bindparam("this_name")) & (leases.c.token == bindparam("this_token"))
_INSERT = insert(leases).execution_options(preserve_rowcount=True)
_INSERTS: dict[str, Executable] = {  # with these, the server does not log a conflict as an error
    "postgresql": postgresql.insert(leases).on_conflict_do_nothing().execution_options(preserve_rowcount=True),
    "sqlite": sqlite.insert(leases).on_conflict_do_nothing().execution_options(preserve_rowcount=True),
}
_RENEW = update(leases).where(_SAME_TOKEN)
_RELEASE = delete(leases).where(_SAME_TOKEN)
_TOKEN = select(leases.c.token).where(leases.c.name == bindparam("this_name"))
_TIDY = delete(leases).where(leases.c.touched < bindparam("before"))


def acquire(connection: Connection, name: str, instead_of: str | None) -> Lease:
    """Insert the lease, or change it if its token is `instead_of`. Raises `LeaseHeld`."""
    if instead_of is not None and (lease := _exchange(connection, name, instead_of)):
        return lease
    for _ in range(2):  # try again if the lease was released between the two statements
        if lease := _insert(connection, name):
            return lease
        token = connection.execute(_TOKEN, {"this_name": name}).scalar_one_or_none()
        if token is not None:
            raise LeaseHeld(token)
    raise Unavailable("the lease kept changing its holder; try again", outcome_known=True)


def renew(connection: Connection, lease: Lease) -> Lease:
    """Change the token. Raises `LeaseLost`."""
    renewed = _exchange(connection, lease.name, lease.token)
    if renewed is None:
        raise LeaseLost(f"the lease '{lease.name}' has another holder, or none")
    return renewed


def release(connection: Connection, lease: Lease) -> None:
    """Delete the lease if it is still this one."""
    connection.execute(_RELEASE, {"this_name": lease.name, "this_token": lease.token})


def tidy(connection: Connection, older_than: float) -> int:
    """Delete leases that were not renewed for more than `older_than` seconds."""
    return connection.execute(_TIDY, {"before": _now() - math.ceil(older_than)}).rowcount


def _insert(connection: Connection, name: str) -> Lease | None:
    token = secrets.token_hex(16)
    values = {"name": name, "token": token, "touched": _now()}
    try:
        inserted = connection.execute(_INSERTS.get(connection.dialect.name, _INSERT), values)
    except IntegrityError:
        return None
    return Lease(name, token) if inserted.rowcount == 1 else None


def _exchange(connection: Connection, name: str, old: str) -> Lease | None:
    token = secrets.token_hex(16)
    values = {"this_name": name, "this_token": old, "token": token, "touched": _now()}
    return Lease(name, token) if connection.execute(_RENEW, values).rowcount == 1 else None


def _now() -> int:
    return int(time.time())
