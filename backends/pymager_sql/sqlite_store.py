"""The metadata store over a SQLite file, through Python's driver: no import of SQLAlchemy, unless the schema is old."""

from contextlib import closing

from pymager.errors import ConfigurationError
from pymager_sql import sqlite_schema, sqlite_url
from pymager_sql.base_store import UPGRADE_TIMEOUT_SECONDS, BaseStore
from pymager_sql.sqlite_file import SqliteFile
from pymager_sql.sqlite_leases import lone_leases
from pymager_sql.sqlite_reads import InlineReads
from pymager_sql.sqlite_writes import SqliteWrites
from pymager_sql.threads import Threads


class SqliteMetadata(BaseStore):
    """A metadata store in a SQLite file: `sqlite:////absolute/path` or `sqlite:///relative/path`.

    `?timeout=` is how many seconds a write waits while another process writes (default 5). Several processes can share
    the file, with write-ahead logging: readers never wait for the writer. SQLite allows one writer at a time, so one
    thread writes. Opening an empty file creates the tables. Opening one with an older schema fails until `prepare` has
    been called.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = SqliteFile(sqlite_url.parsed(url))
        super().__init__(self._file.timeout_seconds)

    async def prepare(self) -> list[str]:
        """Create or upgrade the schema. `pymager init` and `pymager upgrade` call this."""
        with closing(self._new_thread("pymager-sql-schema")) as thread:
            try:
                from pymager_sql import dialects, schema
            except ModuleNotFoundError as error:
                return await self._prepare_without_sqlalchemy(thread, error)
            dialect = dialects.schema_dialect(self._url)
            return await thread.run(lambda: schema.prepare(dialect), UPGRADE_TIMEOUT_SECONDS)

    async def _prepare_without_sqlalchemy(self, thread: Threads, error: ModuleNotFoundError) -> list[str]:
        done = [] if self._file.path.exists() else [f"created the catalog {self._file.path}"]
        if not await thread.run(lambda: sqlite_schema.is_current(self._file)):
            raise self._needs_extra(error) from error
        return done

    async def _initialize(self) -> None:
        with closing(self._new_thread("pymager-sql-schema")) as thread:
            if not await thread.run(lambda: sqlite_schema.is_current(self._file)):
                try:
                    from pymager_sql import dialects, schema
                except ModuleNotFoundError as error:
                    raise self._needs_extra(error) from error
                dialect = dialects.schema_dialect(self._url)
                await thread.run(lambda: schema.initialize(dialect), UPGRADE_TIMEOUT_SECONDS)

    def _needs_extra(self, error: ModuleNotFoundError) -> ConfigurationError:
        return ConfigurationError(
            f"{self._file.path}: the upgrade of an older schema needs the module '{error.name}'; "
            "run: pip install 'pymager[sql]'"
        )

    def _open(self) -> None:
        self._reads = InlineReads(self._file)
        self._writes = SqliteWrites(self._file)
        self._threads = self._new_thread("pymager-sql")
        self._leases = lone_leases(self._file, self._new_thread("pymager-sql-leases"))

    def _new_thread(self, name: str) -> Threads:
        return Threads(name, 1, self._file.timeout_seconds, None)  # a call to SQLite cannot be interrupted
