"""The metadata store over any SQL database: passes each method of the port to the threads or connection that run it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

from pymager.errors import Fenced, NotFound, Unavailable
from pymager.ports import Backlog, Description, Lease, Original, Page, Purge, PurgeOrder, PurgePage
from pymager_sql import purge_rows, rows
from pymager_sql.lease_store import LeaseStore
from pymager_sql.reads import Reads
from pymager_sql.threads import Threads

_RETRY_DELAY_SECONDS = 0.2
UPGRADE_TIMEOUT_SECONDS = 600.0


class Purges(Protocol):
    """The outbox, on the calling thread. Rows have the columns of `pymager_sql.purge_rows`."""

    def due(self, now: int, limit: int) -> Sequence[Sequence[Any]]:
        """Up to `limit` rows that are due, those that are due for the longest time first."""

    def page(self, after: str, limit: int) -> Sequence[Sequence[Any]]:
        """Up to `limit` rows with greater revisions, ordered by revision."""

    def count(self) -> tuple[int, int | None]:
        """The number of rows, and the smallest `recorded`."""

    def update(self, purge: Purge, changed: Purge) -> bool:
        """Change the row if it is as in `purge`."""

    def finish(self, revision: str) -> None:
        """Delete the row, if there is one."""


class Writes(Protocol):
    """The catalog's mutations, on the calling thread. They raise the same errors as the port's methods."""

    @property
    def purges(self) -> Purges:
        """The outbox."""

    def add(self, original: Original) -> Original:
        """Commit the revision and the row, and return it: dated later than the last removal of the id."""

    def replace(self, original: Original, expected: str | None, purge: PurgeOrder | None) -> Original:
        """Commit the revision, the new row and the purge, and return the old row."""

    def remove(self, id: str, expected: str | None, purge: PurgeOrder | None) -> Original:
        """Delete the row, record the date and the purge, and return the row. Its revision stays used."""

    def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description of the row if it has the revision."""

    def use_revision(self, revision: str) -> None:
        """Mark a revision as used. Raises `Fenced`."""

    def set_property(self, name: str, value: str, instead_of: str | None) -> None:
        """Set the property if its value is `instead_of`, or if it has none and that is None. Can be repeated."""

    def tidy(self) -> None:
        """Forget old removals."""

    def close(self) -> None:
        """Close the connections."""


class BaseStore:
    """What the stores of all databases share. Importing it imports no driver and no SQLAlchemy."""

    _reads: Reads
    _writes: Writes
    _leases: LeaseStore
    _threads: Threads

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds

    async def __aenter__(self) -> Self:
        await self._retry_until_timeout(self._initialize)
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reads.close()
        await self._leases.close()
        await asyncio.to_thread(self._close)

    async def ping(self) -> None:
        """Read the row of an id that no original has."""
        await self._reads.find("")

    async def tidy(self, older_than: float) -> int:
        """Delete leases that were last renewed `older_than` seconds ago or earlier, rounded up to whole seconds."""
        await self._threads.run(self._writes.tidy)
        return await self._leases.tidy(older_than)

    async def get(self, id: str) -> Original:
        """Read the row as it is now."""
        row = await self._reads.find(id)
        if row is None:
            raise NotFound(f"no row has the id '{id}'")
        return rows.original(row)

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """Read a page, ordered by the bytes of the ids.

        All ids with a prefix stand together, after the prefix itself. So the page starts there, and on the first page
        a second read finds the row whose id is the prefix.
        """
        if not prefix:
            return rows.page(await self._reads.page(rows.after(cursor), limit + 1), limit)
        found = await self._reads.page(prefix if cursor is None else rows.after(cursor), limit + 1)
        first = await self._reads.find(prefix) if cursor is None else None
        return rows.page(rows.starting_with(prefix, [*([first] if first is not None else []), *found]), limit)

    async def add(self, original: Original) -> Original:
        """Commit the revision and the row in one transaction."""
        return await self._threads.run(lambda: self._writes.add(original))

    async def replace(
        self, original: Original, expected_revision: str | None = None, purge: PurgeOrder | None = None
    ) -> Original:
        """Commit the revision, the new row and the purge in one transaction."""
        return await self._threads.run(lambda: self._writes.replace(original, expected_revision, purge))

    async def remove(self, id: str, expected_revision: str | None = None, purge: PurgeOrder | None = None) -> Original:
        """Delete the row, and record the date and the purge, in one transaction. Its revision stays used."""
        return await self._threads.run(lambda: self._writes.remove(id, expected_revision, purge))

    async def due_purges(self, now: datetime, limit: int) -> list[Purge]:
        """One SELECT."""
        found = await self._threads.run(lambda: self._writes.purges.due(purge_rows.seconds(now), limit))
        return [purge_rows.purge(row) for row in found]

    async def list_purges(self, cursor: str | None, limit: int) -> PurgePage:
        """One SELECT, ordered by revision."""
        after = purge_rows.after(cursor)
        return purge_rows.page(await self._threads.run(lambda: self._writes.purges.page(after, limit + 1)), limit)

    async def count_purges(self) -> Backlog:
        """One SELECT."""
        return purge_rows.backlog(*await self._threads.run(lambda: self._writes.purges.count()))

    async def update_purge(self, purge: Purge, changed: Purge) -> bool:
        """One UPDATE."""
        return await self._threads.run(lambda: self._writes.purges.update(purge, changed))

    async def finish_purge(self, purge: Purge) -> None:
        """One DELETE."""
        await self._threads.run(lambda: self._writes.purges.finish(purge.revision))

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description with one UPDATE of the row with this revision."""
        return await self._threads.run(lambda: self._writes.describe(id, revision, description))

    async def fence(self, id: str, revision: str) -> bool:
        """Mark the revision as used. If it was used before, check whether the row has it."""
        try:
            await self._threads.run(lambda: self._writes.use_revision(revision))
        except Fenced:
            row = await self._reads.find(id)
            return row is None or rows.original(row).revision != revision
        return True

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """As the database's leases do."""
        return await self._leases.acquire(name, instead_of)

    async def renew(self, lease: Lease) -> Lease:
        """As the database's leases do."""
        return await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        """As the database's leases do."""
        await self._leases.release(lease)

    async def get_property(self, name: str) -> str | None:
        """One SELECT."""
        return await self._leases.get_property(name)

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        """One INSERT or UPDATE, and one SELECT."""
        await self._threads.run(lambda: self._writes.set_property(name, value, instead_of))
        current = await self.get_property(name)
        if current is None:
            raise Unavailable(f"the property '{name}' could not be set", outcome_known=True)
        return current

    async def _initialize(self) -> None:
        """Check the schema, or create it in an empty database. Raises `ConfigurationError` and `Unavailable`."""
        raise NotImplementedError

    def _open(self) -> None:
        """Set the reads, the writes, the leases and the threads of the writes."""
        raise NotImplementedError

    async def _retry_until_timeout(self, work: Callable[[], Awaitable[None]]) -> None:
        """Retry while the database is unavailable, until the timeout."""
        until = monotonic() + self._timeout_seconds
        while True:
            try:
                return await work()
            except Unavailable:
                if monotonic() + _RETRY_DELAY_SECONDS > until:
                    raise
            await asyncio.sleep(_RETRY_DELAY_SECONDS)

    def _close(self) -> None:
        self._threads.close()
        self._writes.close()
