"""The metadata store over a SQLite file, through Python's driver: no import of SQLAlchemy, unless the schema is old."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from time import monotonic
from types import TracebackType
from typing import Self

from pymager.errors import Fenced, NotFound, Unavailable
from pymager.ports import Description, Lease, Original, Page
from pymager_sql import rows, sqlite_schema, sqlite_url
from pymager_sql.sqlite_file import SqliteFile
from pymager_sql.sqlite_leases import SqliteLeases
from pymager_sql.sqlite_reads import InlineReads
from pymager_sql.sqlite_writes import SqliteWrites
from pymager_sql.threads import Threads

_RETRY_DELAY_SECONDS = 0.2
_UPGRADE_TIMEOUT_SECONDS = 600.0


class SqliteMetadata:
    """A metadata store in a SQLite file: `sqlite:////absolute/path` or `sqlite:///relative/path`.

    `?timeout=` is how many seconds a write waits while another process writes (default 5). Several processes can share
    the file, with write-ahead logging: readers never wait for the writer. SQLite allows one writer at a time, so one
    thread writes. Opening an empty file creates the tables. Opening one with an older schema fails until `prepare` has
    been called.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = SqliteFile(sqlite_url.parsed(url))

    async def __aenter__(self) -> Self:
        await self._retry_until_timeout(self._initialize)
        self._reads = InlineReads(self._file)
        self._writes = SqliteWrites(self._file)
        self._write_thread = self._new_thread("pymager-sql")
        self._leases = SqliteLeases(self._file, self._new_thread("pymager-sql-leases"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reads.close()
        await self._leases.close()
        await asyncio.to_thread(self._close)

    async def prepare(self) -> list[str]:
        """Create or upgrade the schema. `pymager init` and `pymager upgrade` call this."""
        from pymager_sql import dialects, schema

        dialect = dialects.dialect(self._url)
        with closing(self._new_thread("pymager-sql-schema")) as thread:
            return await thread.run(lambda: schema.prepare(dialect), _UPGRADE_TIMEOUT_SECONDS)

    async def ping(self) -> None:
        """Read the row of an id that no original has."""
        await self._reads.find("")

    async def tidy(self, older_than: float) -> int:
        """Delete leases that were last renewed `older_than` seconds ago or earlier, rounded up to whole seconds."""
        return await self._write_thread.run(lambda: self._writes.tidy(older_than))

    async def get(self, id: str) -> Original:
        """Read the row as it is now."""
        row = await self._reads.find(id)
        if row is None:
            raise NotFound(f"no row has the id '{id}'")
        return rows.original(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """Read a page, ordered by the bytes of the ids."""
        return rows.page(await self._reads.page(rows.after(cursor), limit + 1), limit)

    async def add(self, original: Original) -> Original:
        """Commit the revision and the row in one transaction."""
        return await self._write_thread.run(lambda: self._writes.add(original))

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """Commit the revision and the new row in one transaction."""
        return await self._write_thread.run(lambda: self._writes.replace(original, expected_revision))

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """Delete the row and record the date in one transaction. Its revision stays used."""
        return await self._write_thread.run(lambda: self._writes.remove(id, expected_revision))

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description with one UPDATE of the row with this revision."""
        return await self._write_thread.run(lambda: self._writes.describe(id, revision, description))

    async def fence(self, id: str, revision: str) -> bool:
        """Mark the revision as used. If it was used before, check whether the row has it."""
        try:
            await self._write_thread.run(lambda: self._writes.use_revision(revision))
        except Fenced:
            row = await self._reads.find(id)
            return row is None or rows.original(row).revision != revision
        return True

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """One INSERT, or one UPDATE of the lease with the token."""
        return await self._leases.acquire(name, instead_of)

    async def renew(self, lease: Lease) -> Lease:
        """One UPDATE."""
        return await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        """One DELETE."""
        await self._leases.release(lease)

    async def get_property(self, name: str) -> str | None:
        """One SELECT."""
        return await self._leases.get_property(name)

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        """One INSERT or UPDATE, and one SELECT."""
        await self._write_thread.run(lambda: self._writes.set_property(name, value, instead_of))
        current = await self.get_property(name)
        if current is None:
            raise Unavailable(f"the property '{name}' could not be set", outcome_known=True)
        return current

    async def _initialize(self) -> None:
        with closing(self._new_thread("pymager-sql-schema")) as thread:
            if not await thread.run(lambda: sqlite_schema.is_current(self._file)):
                from pymager_sql import dialects, schema

                dialect = dialects.dialect(self._url)
                await thread.run(lambda: schema.initialize(dialect), _UPGRADE_TIMEOUT_SECONDS)

    async def _retry_until_timeout(self, work: Callable[[], Awaitable[None]]) -> None:
        """Retry while the file is locked, until the timeout."""
        until = monotonic() + self._file.timeout_seconds
        while True:
            try:
                return await work()
            except Unavailable:
                if monotonic() + _RETRY_DELAY_SECONDS > until:
                    raise
            await asyncio.sleep(_RETRY_DELAY_SECONDS)

    def _new_thread(self, name: str) -> Threads:
        return Threads(name, 1, self._file.timeout_seconds, None)  # a call to SQLite cannot be interrupted

    def _close(self) -> None:
        self._write_thread.close()
        self._writes.close()
