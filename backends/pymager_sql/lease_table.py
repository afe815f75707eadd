"""The leases of any database: rows of the table `leases`."""

import asyncio
from typing import Protocol

from pymager.ports import Lease
from pymager_sql import leases, properties
from pymager_sql.statement_thread import StatementThread


class LeaseStore(Protocol):
    """The leases of a database. Raises the same errors as the port's methods."""

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """Take the lease, or take it over from the holder of the token `instead_of`."""

    async def renew(self, lease: Lease) -> Lease:
        """Change the token."""

    async def release(self, lease: Lease) -> None:
        """Release the lease if it still has this token."""

    async def tidy(self, older_than: float) -> int:
        """Delete leases that were not renewed for `older_than` seconds, and return how many."""

    async def get_property(self, name: str) -> str | None:
        """The value of a property: properties are read over the same connection."""

    async def close(self) -> None:
        """Close connections and files."""


class LeaseTable:
    """Leases as rows, each written by single statements."""

    def __init__(self, statements: StatementThread) -> None:
        self._statements = statements

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """One INSERT, or one UPDATE of the lease with the token."""
        return await self._statements.run(lambda connection: leases.acquire(connection, name, instead_of))

    async def renew(self, lease: Lease) -> Lease:
        """One UPDATE."""
        return await self._statements.run(lambda connection: leases.renew(connection, lease))

    async def release(self, lease: Lease) -> None:
        """One DELETE."""
        await self._statements.run(lambda connection: leases.release(connection, lease))

    async def tidy(self, older_than: float) -> int:
        """One DELETE."""
        return await self._statements.run(lambda connection: leases.tidy(connection, older_than))

    async def get_property(self, name: str) -> str | None:
        """One SELECT."""
        return await self._statements.run(lambda connection: properties.get(connection, name))

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.to_thread(self._statements.close)
