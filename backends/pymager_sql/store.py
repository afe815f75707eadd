"""The metadata store over a SQL database, through SQLAlchemy."""

from contextlib import closing

from pymager_sql import schema
from pymager_sql.base_store import UPGRADE_TIMEOUT_SECONDS, BaseStore
from pymager_sql.dialects import dialect
from pymager_sql.threads import Threads


class SqlMetadata(BaseStore):
    """A metadata store in the SQL database of a URL in SQLAlchemy's form.

    Several processes can share the database. Opening an empty database creates the tables. Opening one with an older
    schema fails until `prepare` has been called.
    """

    def __init__(self, url: str) -> None:
        self._dialect = dialect(url)
        super().__init__(self._dialect.timeout_seconds)

    async def prepare(self) -> list[str]:
        """Create or upgrade the schema. `pymager init` and `pymager upgrade` call this."""
        with closing(self._new_threads("pymager-sql-schema", 1)) as threads:
            return await threads.run(lambda: schema.prepare(self._dialect), UPGRADE_TIMEOUT_SECONDS)

    async def _initialize(self) -> None:
        with closing(self._new_threads("pymager-sql-schema", 1)) as threads:
            if not await threads.run(lambda: schema.is_current(self._dialect)):
                await threads.run(lambda: schema.initialize(self._dialect), UPGRADE_TIMEOUT_SECONDS)

    def _open(self) -> None:
        self._reads = self._dialect.reads()
        self._writes = self._dialect.writes()
        self._threads = self._new_threads("pymager-sql", self._dialect.write_threads)
        self._leases = self._dialect.leases(self._new_threads("pymager-sql-leases", 1))

    def _new_threads(self, name: str, size: int) -> Threads:
        return Threads(name, size, self._dialect.timeout_seconds, self._dialect.grace_seconds)
