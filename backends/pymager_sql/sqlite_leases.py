"""Leases and properties in SQLite. Each change is a single statement, which is atomic without a transaction."""

import asyncio
import math
import secrets
import time

from pymager.errors import LeaseHeld, LeaseLost, Unavailable
from pymager.ports import Lease
from pymager_sql.lone_leases import LoneLeases
from pymager_sql.presence import Presence
from pymager_sql.sqlite_file import SqliteConnection, SqliteFile, translate_errors
from pymager_sql.threads import Threads

_INSERT = "INSERT INTO leases (name, token, touched) VALUES (:name, :token, :touched) ON CONFLICT DO NOTHING"
_RENEW = "UPDATE leases SET token = :token, touched = :touched WHERE name = :name AND token = :old"
_RELEASE = "DELETE FROM leases WHERE name = :name AND token = :token"
_HOLDER = "SELECT token FROM leases WHERE name = :name"
_TIDY = "DELETE FROM leases WHERE touched < :before"
_PROPERTY = "SELECT value FROM properties WHERE name = :name"


class SqliteLeases:
    """Leases on a connection of their own, which one thread uses. A power failure can undo the last ones."""

    def __init__(self, file: SqliteFile) -> None:
        self._connection = SqliteConnection(file, "NORMAL")

    def acquire(self, name: str, instead_of: str | None) -> Lease:
        """Insert the lease, or change it if its token is `instead_of`. Raises `LeaseHeld`."""
        with translate_errors(outcome_known=False):
            if instead_of is not None and (lease := self._exchange(name, instead_of)):
                return lease
            for _ in range(2):  # try again if the lease was released between the two statements
                token = secrets.token_hex(16)
                if self._connection.change(_INSERT, {"name": name, "token": token, "touched": _now()}) == 1:
                    return Lease(name, token)
                if held := self._connection.rows(_HOLDER, {"name": name}):
                    raise LeaseHeld(held[0][0])
        raise Unavailable("the lease kept changing its holder; try again", outcome_known=True)

    def renew(self, lease: Lease) -> Lease:
        """Change the token. Raises `LeaseLost`."""
        with translate_errors(outcome_known=False):
            renewed = self._exchange(lease.name, lease.token)
        if renewed is None:
            raise LeaseLost(f"the lease '{lease.name}' has another holder, or none")
        return renewed

    def release(self, lease: Lease) -> None:
        """Delete the lease if it is still this one."""
        with translate_errors(outcome_known=False):
            self._connection.change(_RELEASE, {"name": lease.name, "token": lease.token})

    def tidy(self, older_than: float) -> int:
        """Delete leases that were not renewed for `older_than` seconds, and return how many."""
        with translate_errors(outcome_known=False):
            return self._connection.change(_TIDY, {"before": _now() - math.ceil(older_than)})

    def get_property(self, name: str) -> str | None:
        """The value of a property, or None."""
        with translate_errors(outcome_known=True):
            found = self._connection.rows(_PROPERTY, {"name": name})
        return found[0][0] if found else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, name: str, old: str) -> Lease | None:
        token = secrets.token_hex(16)
        changed = self._connection.change(_RENEW, {"name": name, "old": old, "token": token, "touched": _now()})
        return Lease(name, token) if changed == 1 else None


class SqliteLeaseTable:
    """`SqliteLeases` in a thread, with the methods of the port."""

    def __init__(self, leases: SqliteLeases, thread: Threads) -> None:
        self._leases = leases
        self._thread = thread

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """One INSERT, or one UPDATE of the lease with the token."""
        return await self._thread.run(lambda: self._leases.acquire(name, instead_of))

    async def renew(self, lease: Lease) -> Lease:
        """One UPDATE."""
        return await self._thread.run(lambda: self._leases.renew(lease))

    async def release(self, lease: Lease) -> None:
        """One DELETE."""
        await self._thread.run(lambda: self._leases.release(lease))

    async def tidy(self, older_than: float) -> int:
        """One DELETE."""
        return await self._thread.run(lambda: self._leases.tidy(older_than))

    async def get_property(self, name: str) -> str | None:
        """One SELECT."""
        return await self._thread.run(lambda: self._leases.get_property(name))

    async def close(self) -> None:
        """End the thread, and close the connection."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.close()
        self._leases.close()


def lone_leases(file: SqliteFile, thread: Threads) -> LoneLeases:
    """Leases in memory while one process alone has the file open, else in the table."""
    presence = Presence(file.path.with_name(f"{file.path.name}-lock"))
    return LoneLeases(presence, SqliteLeaseTable(SqliteLeases(file), thread))


def _now() -> int:
    return int(time.time())
