"""The port of metadata stores: the catalog of originals, leases, properties, and the outbox."""

from dataclasses import dataclass
from typing import Protocol

from pymager.ports.backend import Backend
from pymager.ports.outbox import Outbox, PurgeOrder
from pymager.ports.rows import Description, Original, Page

REMEMBERED_SECONDS = 3_600
"""How long a metadata store remembers when an id was removed, in seconds. Far more than clocks differ."""

MAX_PROPERTY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is held; its `token` changes with every renewal."""

    name: str
    token: str


class Catalog(Protocol):
    """The only truth about which originals exist. Ids are compared byte for byte.

    A mutation is sent once, without any retry. If its answer is lost: `Unavailable(outcome_known=False)`.
    """

    async def add(self, original: Original) -> Original:
        """Commit a new original atomically, and return its row: of many calls for one id, exactly one succeeds.

        If the id was removed less than `REMEMBERED_SECONDS` ago, the row's `created` is at least a second later than
        the removal and than `created` of the removed row: HTTP dates have no fractions, and two originals of one id
        must not share a date. This is decided atomically with the commit.

        Raises `AlreadyExists` if the id has a row, `Fenced` if the revision was fenced or used before, and `NoSpace`.
        """

    async def get(self, id: str) -> Original:
        """The row. Sees every add, replace and remove that has returned on any node. Raises `NotFound`."""

    async def replace(
        self, original: Original, expected_revision: str | None = None, purge: PurgeOrder | None = None
    ) -> Original:
        """Replace the row of the id atomically, and return the old row.

        With `purge`, a purge of the old row is recorded in the same atomic step. It is only given if caches have to be
        purged.

        Raises `NotFound`, `Fenced`, `NoSpace`, and `RevisionMismatch` if the row does not have `expected_revision`.
        """

    async def remove(self, id: str, expected_revision: str | None = None, purge: PurgeOrder | None = None) -> Original:
        """Remove the row atomically, and return it: of many calls, exactly one succeeds.

        The store remembers the date of the removal by its own clock, for at least `REMEMBERED_SECONDS`. `purge` as for
        `replace`.

        Raises `NotFound`, and `RevisionMismatch` if the row does not have `expected_revision`.
        """

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description of the row in one atomic step if it has this revision; else return False.

        Changes nothing else, and never creates a row. Safe to repeat. A row has only the description that it was
        written with, or that was set for its own revision: not that of the row that it replaced, also if an earlier
        version of the backend, which does not know descriptions, has replaced it. Raises `NoSpace`.
        """

    async def fence(self, id: str, revision: str) -> bool:
        """Fence a revision: after True, no add or replace with it ever succeeds. False if the row has it."""

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """Up to `limit` rows after the opaque `cursor`, in any stable order; only those whose id starts with `prefix`.

        Every such row that exists throughout the listing is listed once. A page can have fewer rows than `limit`, or
        none, although it has a `next`. A cursor is used with the prefix that it was made with. Raises `ValueError` for
        an invalid cursor.
        """


class Leases(Protocol):
    """Leases only avoid duplicate work; correctness never depends on them.

    No clocks are compared: a token that does not change can be replaced.
    """

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """Take a lease in one atomic step; with `instead_of`, take it over from the holder of that token.

        Raises `LeaseHeld` with the current token. With `instead_of`, a free lease can be taken too.
        """

    async def renew(self, lease: Lease) -> Lease:
        """Renew the lease: the same lease with a new token. Raises `LeaseLost` if it has another holder, or none."""

    async def release(self, lease: Lease) -> None:
        """Release the lease; a lease that has another holder by now is left alone."""


class Properties(Protocol):
    """A few short texts by name, such as the id of the deployment. They are as durable as rows, and never removed.

    Names and values are 1 to `MAX_PROPERTY_LENGTH` characters of ASCII.
    """

    async def get_property(self, name: str) -> str | None:
        """The value, or None. Sees every change that has returned on any node."""

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        """Set the property in one atomic step if its value is `instead_of`, or if it has none and that is None.

        Returns the value that the property has afterwards, which differs from `value` if nothing was set.
        """


class MetadataStore(Backend, Catalog, Leases, Properties, Outbox, Protocol):
    """Everything that a metadata backend provides."""
