"""The metadata store over a SQL database: passes each method of the port to the threads or connection that run it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from pymager.errors import Fenced, NotFound, Unavailable
from pymager.ports import Description, Lease, Original, Page
from pymager_sql import catalog, schema
from pymager_sql.dialects import dialect
from pymager_sql.lease_table import LeaseStore
from pymager_sql.reads import Reads
from pymager_sql.threads import Threads
from pymager_sql.writes import Writes

T = TypeVar("T")

_RETRY_DELAY_SECONDS = 0.2
_UPGRADE_TIMEOUT_SECONDS = 600.0


class SqlMetadata:
    """A metadata store in the SQL database of a URL in SQLAlchemy's form.

    Several processes can share the database. Opening an empty database creates the tables. Opening one with an older
    schema fails until `prepare` has been called.
    """

    _reads: Reads
    _writes: Writes
    _leases: LeaseStore
    _threads: Threads

    def __init__(self, url: str) -> None:
        self._dialect = dialect(url)

    async def __aenter__(self) -> Self:
        await self._retry_until_timeout(self._initialize)
        self._reads = self._dialect.reads()
        self._writes = self._dialect.writes()
        self._threads = self._new_threads("pymager-sql", self._dialect.write_threads)
        self._leases = self._dialect.leases(self._new_threads("pymager-sql-leases", 1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reads.close()
        await self._leases.close()
        await asyncio.to_thread(self._close)

    async def prepare(self) -> list[str]:
        """Create or upgrade the schema. `pymager init` and `pymager upgrade` call this."""
        with closing(self._new_threads("pymager-sql-schema", 1)) as threads:
            return await threads.run(lambda: schema.prepare(self._dialect), _UPGRADE_TIMEOUT_SECONDS)

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
        return catalog.original(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """Read a page, ordered by the bytes of the ids."""
        return catalog.page(await self._reads.page(catalog.after(cursor), limit + 1), limit)

    async def add(self, original: Original) -> Original:
        """Commit the revision and the row in one transaction."""
        return await self._threads.run(lambda: self._writes.add(original))

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """Commit the revision and the new row in one transaction."""
        return await self._threads.run(lambda: self._writes.replace(original, expected_revision))

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """Delete the row and record the date in one transaction. Its revision stays used."""
        return await self._threads.run(lambda: self._writes.remove(id, expected_revision))

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description with one UPDATE of the row with this revision."""
        return await self._threads.run(lambda: self._writes.describe(id, revision, description))

    async def fence(self, id: str, revision: str) -> bool:
        """Mark the revision as used. If it was used before, check whether the row has it."""
        try:
            await self._threads.run(lambda: self._writes.use_revision(revision))
        except Fenced:
            row = await self._reads.find(id)
            return row is None or catalog.original(row).revision != revision
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
        with closing(self._new_threads("pymager-sql-schema", 1)) as threads:
            if not await threads.run(lambda: schema.is_current(self._dialect)):
                await threads.run(lambda: schema.initialize(self._dialect), _UPGRADE_TIMEOUT_SECONDS)

    async def _retry_until_timeout(self, work: Callable[[], Awaitable[None]]) -> None:
        """Retry while the database is unavailable, until the timeout."""
        until = monotonic() + self._dialect.timeout_seconds
        while True:
            try:
                return await work()
            except Unavailable:
                if monotonic() + _RETRY_DELAY_SECONDS > until:
                    raise
            await asyncio.sleep(_RETRY_DELAY_SECONDS)

    def _new_threads(self, name: str, size: int) -> Threads:
        return Threads(name, size, self._dialect.timeout_seconds, self._dialect.grace_seconds)

    def _close(self) -> None:
        self._threads.close()
        self._writes.close()
