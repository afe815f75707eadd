"""What the store needs of a database's leases."""

from typing import Protocol

from pymager.ports import Lease


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
