"""Leases and properties in SQLite. Each change is a single statement, which is atomic without a transaction."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any

from pymager.errors import LeaseHeld, LeaseLost, Unavailable
from pymager.ports import Lease
from pymager_sql.sqlite_file import SqliteConnection, SqliteFile, translate_errors
from pymager_sql.threads import Threads

_INSERT = "INSERT INTO leases (name, token, touched) VALUES (:name, :token, :touched) ON CONFLICT DO NOTHING"
_RENEW = "UPDATE leases SET token = :token, touched = :touched WHERE name = :name AND token = :old"
_RELEASE = "DELETE FROM leases WHERE name = :name AND token = :token"
_HOLDER = "SELECT token FROM leases WHERE name = :name"
_PROPERTY = "SELECT value FROM properties WHERE name = :name"


class SqliteLeases:
    """Leases and properties on a connection of their own, in a thread. A power failure can undo the last changes."""

    def __init__(self, file: SqliteFile, thread: Threads) -> None:
        self._connection = SqliteConnection(file, "NORMAL")
        self._thread = thread

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """One INSERT, or one UPDATE of the lease with the token. Raises `LeaseHeld`."""
        return await self._thread.run(lambda: self._acquire(name, instead_of))

    async def renew(self, lease: Lease) -> Lease:
        """One UPDATE. Raises `LeaseLost`."""
        renewed = await self._thread.run(lambda: self._exchange(lease.name, lease.token))
        if renewed is None:
            raise LeaseLost(f"the lease '{lease.name}' has another holder, or none")
        return renewed

    async def release(self, lease: Lease) -> None:
        """One DELETE of the lease, if it is still this one."""
        await self._thread.run(lambda: self._change(_RELEASE, {"name": lease.name, "token": lease.token}))

    async def get_property(self, name: str) -> str | None:
        """One SELECT."""
        return await self._thread.run(lambda: self._property(name))

    async def close(self) -> None:
        """Wait for the running call, and close the connection."""
        await asyncio.to_thread(self._thread.close)
        self._connection.close()

    def _acquire(self, name: str, instead_of: str | None) -> Lease:
        if instead_of is not None and (lease := self._exchange(name, instead_of)):
            return lease
        for _ in range(2):  # try again if the lease was released between the two statements
            token = secrets.token_hex(16)
            if self._change(_INSERT, {"name": name, "token": token, "touched": _now()}) == 1:
                return Lease(name, token)
            with translate_errors(outcome_known=True):
                held = self._connection.rows(_HOLDER, {"name": name})
            if held:
                raise LeaseHeld(held[0][0])
        raise Unavailable("the lease kept changing its holder; try again", outcome_known=True)

    def _exchange(self, name: str, old: str) -> Lease | None:
        token = secrets.token_hex(16)
        changed = self._change(_RENEW, {"name": name, "old": old, "token": token, "touched": _now()})
        return Lease(name, token) if changed == 1 else None

    def _change(self, statement: str, values: Mapping[str, Any]) -> int:
        with translate_errors(outcome_known=False):
            return self._connection.change(statement, values)

    def _property(self, name: str) -> str | None:
        with translate_errors(outcome_known=True):
            found = self._connection.rows(_PROPERTY, {"name": name})
        return found[0][0] if found else None


def _now() -> int:
    return int(time.time())
