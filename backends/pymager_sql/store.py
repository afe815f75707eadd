"""The metadata store over a SQL database: the ports' methods, each handed to where it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from pymager.errors import Fenced, NotFound, Unavailable
from pymager.ports import Lease, Original, Page
from pymager_sql import catalog, leases, schema
from pymager_sql.dialects import dialect
from pymager_sql.failures import connected
from pymager_sql.reads import Reads
from pymager_sql.threads import Threads
from pymager_sql.writes import Writes

T = TypeVar("T")

_PAUSE = 0.2
_UPGRADE = 600.0


class SqlMetadata:
    """The metadata of a pymager in a SQL database that `url` names in SQLAlchemy's form.

    Several processes may share the database. An empty one is prepared when it is opened; one with an older schema
    is not opened before `prepare` was called.
    """

    _reads: Reads
    _writes: Writes
    _statements: Engine
    _threads: Threads
    _lease_thread: Threads

    def __init__(self, url: str) -> None:
        self._dialect = dialect(url)

    async def __aenter__(self) -> Self:
        await self._tried(self._make_ready)
        self._reads = self._dialect.reads()
        self._writes = self._dialect.writes()
        self._statements = self._dialect.statements()
        self._threads = self._new_threads("pymager-sql", self._dialect.writers)
        self._lease_thread = self._new_threads("pymager-sql-leases", 1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reads.close()
        await asyncio.to_thread(self._close)

    async def prepare(self) -> list[str]:
        """Bring the schema up to date; `pymager init` and `pymager upgrade` call this."""
        with closing(self._new_threads("pymager-sql-schema", 1)) as threads:
            return await threads.run(lambda: schema.prepare(self._dialect), _UPGRADE)

    async def ping(self) -> None:
        """One read, of a row that no original has."""
        await self._reads.find("")

    async def tidy(self, older_than: float) -> int:
        """Delete the leases that were not touched for `older_than` seconds, in whole seconds of the clock."""
        return await self._threads.run(lambda: self._writes.tidy(older_than))

    async def get(self, id: str) -> Original:
        """The row, as it is now."""
        row = await self._reads.find(id)
        if row is None:
            raise NotFound(f"no row has the id '{id}'")
        return catalog.original(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """A page, in the order of the ids' bytes."""
        return catalog.page(await self._reads.page(catalog.after(cursor), limit + 1), limit)

    async def add(self, original: Original) -> None:
        """The revision and the row in one transaction."""
        await self._threads.run(lambda: self._writes.add(original))

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """The revision and the new row in one transaction."""
        return await self._threads.run(lambda: self._writes.replace(original, expected_revision))

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """The row goes, its revision stays used."""
        return await self._threads.run(lambda: self._writes.remove(id, expected_revision))

    async def fence(self, id: str, revision: str) -> bool:
        """Use up the revision, or see in the row whether it is the one that used it."""
        try:
            await self._threads.run(lambda: self._writes.use(revision))
        except Fenced:
            row = await self._reads.find(id)
            return row is None or catalog.original(row).revision != revision
        return True

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """One INSERT, or one UPDATE of the lease with the token."""
        return await self._lease(lambda connection: leases.acquire(connection, name, instead_of))

    async def renew(self, lease: Lease) -> Lease:
        """One UPDATE."""
        return await self._lease(lambda connection: leases.renew(connection, lease))

    async def release(self, lease: Lease) -> None:
        """One DELETE."""
        await self._lease(lambda connection: leases.release(connection, lease))

    async def _lease(self, work: Callable[[Connection], T]) -> T:
        def whole() -> T:
            with connected(self._statements, self._dialect.judge) as connection:
                return work(connection)

        return await self._lease_thread.run(whole)

    async def _make_ready(self) -> None:
        with closing(self._new_threads("pymager-sql-schema", 1)) as threads:
            if not await threads.run(lambda: schema.is_ready(self._dialect)):
                await threads.run(lambda: schema.make_ready(self._dialect), _UPGRADE)

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it again where the database is away, until its time is over."""
        until = monotonic() + self._dialect.patience
        while True:
            try:
                return await work()
            except Unavailable:
                if monotonic() + _PAUSE > until:
                    raise
            await asyncio.sleep(_PAUSE)

    def _new_threads(self, name: str, size: int) -> Threads:
        return Threads(name, size, self._dialect.patience, self._dialect.grace)

    def _close(self) -> None:
        self._threads.close()
        self._lease_thread.close()
        self._writes.close()
        self._statements.dispose()
