"""The leases of a SQLite catalog: in memory while one store alone has the catalog open, else in the table.

Leases need not survive anything: they only keep two stores from doing the same work. Without a second store they are
entries of a dictionary. When another store opens the catalog, new leases go to the table at once, and those that are
held in memory go there when they are renewed, within a second. Until then the other store takes no lease.
"""

import secrets

from pymager.errors import LeaseHeld, LeaseLost
from pymager.ports import Lease
from pymager_sql.lease_table import LeaseStore
from pymager_sql.presence import Presence

UNPUBLISHED = "unpublished"
"""The token of every lease while another store holds leases in memory. If that store hangs, it can be taken over."""


class LoneLeases:
    """Leases over a `Presence`, and over the table that is shared with other stores."""

    def __init__(self, presence: Presence, table: LeaseStore) -> None:
        self._presence = presence
        self._table = table
        self._in_memory: dict[str, str] = {}  # tokens by names
        self._in_table: set[str] = set()  # names of leases that this store holds in the table

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """Take the lease in memory if this store is alone. Rows that stores left there when they ended do not count."""
        held = self._in_memory.get(name)
        if held is not None and held != instead_of:
            raise LeaseHeld(held)
        if held is not None or (name not in self._in_table and self._may_hold_in_memory()):
            return self._hold_in_memory(name)
        if instead_of != UNPUBLISHED and self._presence.others_hold():
            raise LeaseHeld(UNPUBLISHED)
        lease = await self._table.acquire(name, instead_of)
        self._in_table.add(name)
        return lease

    async def renew(self, lease: Lease) -> Lease:
        """Change the token. A lease in memory goes to the table if another store has the catalog open."""
        held = self._in_memory.get(lease.name)
        if held is None:
            return await self._renew_in_table(lease)
        if held != lease.token:
            raise LeaseLost(f"the lease '{lease.name}' was taken over")
        return self._hold_in_memory(lease.name) if self._presence.is_alone() else await self._publish(lease)

    async def release(self, lease: Lease) -> None:
        """Forget the lease, or delete its row."""
        held = self._in_memory.get(lease.name)
        if held is None:
            self._in_table.discard(lease.name)
            await self._table.release(lease)
        elif held == lease.token:
            self._forget(lease.name)

    async def tidy(self, older_than: float) -> int:
        """Delete rows that were not renewed. Leases in memory end with this store."""
        return await self._table.tidy(older_than)

    async def get_property(self, name: str) -> str | None:
        """As the table does."""
        return await self._table.get_property(name)

    async def close(self) -> None:
        """Release the locks."""
        self._presence.close()
        await self._table.close()

    def _may_hold_in_memory(self) -> bool:
        return self._presence.is_alone() if self._in_memory else self._presence.begin_holding()

    def _hold_in_memory(self, name: str) -> Lease:
        token = self._in_memory[name] = secrets.token_hex(16)
        return Lease(name, token)

    def _forget(self, name: str) -> None:
        del self._in_memory[name]
        if not self._in_memory:
            self._presence.end_holding()

    async def _publish(self, lease: Lease) -> Lease:
        """Move the lease to the table. Others take no lease meanwhile, except one that waited for seconds."""
        try:
            published = await self._table.acquire(lease.name, None)
        except LeaseHeld:
            self._forget(lease.name)
            raise LeaseLost(f"the lease '{lease.name}' was taken over by another process") from None
        self._in_table.add(lease.name)
        self._forget(lease.name)
        return published

    async def _renew_in_table(self, lease: Lease) -> Lease:
        try:
            return await self._table.renew(lease)
        except LeaseLost:
            self._in_table.discard(lease.name)
            raise
