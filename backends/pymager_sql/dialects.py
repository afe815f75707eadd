"""What differs between databases: one small module each, chosen by the URL."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from pymager.errors import ConfigurationError
from pymager_sql.catalog import Row
from pymager_sql.sqlite import Sqlite


class Reads(Protocol):
    """The catalog's reads, on the event loop or in threads. No snapshot outlives a call. Raises `Unavailable`."""

    async def find(self, id: str) -> Row | None:
        """The row of the id."""

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`, in the order of the ids' bytes."""

    def close(self) -> None:
        """Close the connections."""


class Dialect(Protocol):
    """A database. `writers` bounds the threads that write, `patience` is how long in seconds one waits for a lock."""

    writers: int
    patience: float

    def locate(self) -> list[str]:
        """Make what has to be there before one can look inside, and say in sentences what was made.

        Raises `ConfigurationError` where there is something else.
        """

    def settle(self) -> list[str]:
        """Set what the whole database remembers, once it is known to be pymager's; says in sentences what was set."""

    def mutations(self) -> Engine:
        """An engine of durable transactions, of which no two change one row at once."""

    def statements(self) -> Engine:
        """An engine of single statements that commit by themselves; on a crash the last ones may be lost."""

    def reads(self) -> Reads:
        """The way to read."""

    def alone(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction for the schema's upgrade: no other process upgrades at the same time."""

    def is_full(self, error: BaseException) -> bool:
        """Whether the driver's error says that no space is left."""


def dialect(text: str) -> Dialect:
    """The database that a URL names, in SQLAlchemy's form. Raises `ConfigurationError`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"not a database's URL (as in sqlite:////var/lib/pymager/catalog.db): {error}"
        ) from None
    match url.get_backend_name():
        case "sqlite":
            return Sqlite(url)
        case other:
            raise ConfigurationError(f"pymager_sql does not know the database '{other}'; it knows: sqlite")
