"""The metadata store over a SQL database: the ports' methods, each handed to where it runs."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from pymager.errors import Fenced, NotFound
from pymager.ports import Lease, Original, Page
from pymager_sql import catalog, leases, schema
from pymager_sql.dialects import Reads, dialect
from pymager_sql.failures import mutation, translated
from pymager_sql.threads import Threads

T = TypeVar("T")


class SqlMetadata:
    """The metadata of a pymager in a SQL database that `url` names in SQLAlchemy's form.

    Several processes may share the database. An empty one is prepared when it is opened; one with an older schema
    is not opened before `prepare` was called.
    """

    _reads: Reads
    _mutations: Engine
    _statements: Engine
    _threads: Threads
    _lease_thread: Threads

    def __init__(self, url: str) -> None:
        self._dialect = dialect(url)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(schema.ready, self._dialect)
        self._reads = self._dialect.reads()
        self._mutations = self._dialect.mutations()
        self._statements = self._dialect.statements()
        self._threads = Threads("pymager-sql", self._dialect.writers, self._dialect.patience)
        self._lease_thread = Threads("pymager-sql-leases", 1, self._dialect.patience)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._close)

    async def prepare(self) -> list[str]:
        """Bring the schema up to date; `pymager migrate` calls this."""
        return await asyncio.to_thread(schema.prepare, self._dialect)

    async def ping(self) -> None:
        """One read, of a row that no original has."""
        await self._reads.find("")

    async def tidy(self, older_than: float) -> int:
        """Delete the leases that were not touched for `older_than` seconds, in whole seconds of the clock."""
        return await self._mutate(lambda connection: leases.tidy(connection, older_than))

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
        await self._mutate(lambda connection: catalog.add(connection, original), grows=True)

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """The revision and the new row in one transaction."""
        return await self._mutate(
            lambda connection: catalog.replace(connection, original, expected_revision), grows=True
        )

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """One transaction; it leaves the revision used."""
        return await self._mutate(lambda connection: catalog.remove(connection, id, expected_revision))

    async def fence(self, id: str, revision: str) -> bool:
        """Use up the revision, or see in the row whether it is the one that used it."""
        try:
            await self._mutate(lambda connection: catalog.use(connection, revision))
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

    async def _mutate(self, work: Callable[[Connection], T], *, grows: bool = False) -> T:
        """Run one transaction in a thread; only one that `grows` the data raises `NoSpace`."""

        def whole() -> T:
            with mutation(self._mutations, self._dialect.is_full, grows=grows) as connection:
                return work(connection)

        return await self._threads.run(whole)

    async def _lease(self, work: Callable[[Connection], T]) -> T:
        def whole() -> T:
            with translated(outcome_known=False), self._statements.connect() as connection:
                return work(connection)

        return await self._lease_thread.run(whole)

    def _close(self) -> None:
        self._threads.close()
        self._lease_thread.close()
        self._reads.close()
        self._mutations.dispose()
        self._statements.dispose()
