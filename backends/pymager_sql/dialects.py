"""What differs between databases: one small module each, chosen by the URL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from pymager.errors import ConfigurationError
from pymager_sql.failures import Verdict
from pymager_sql.reads import Reads
from pymager_sql.writes import Writes


class Dialect(Protocol):
    """A database.

    `writers` bounds the threads that write, `patience` is how long in seconds a call may take, `grace` how much
    longer one waits for what can't be interrupted (None: as long as it takes).
    """

    writers: int
    patience: float
    grace: float | None

    def locate(self) -> list[str]:
        """Make what has to be there before one can look inside, and say in sentences what was made.

        Raises `ConfigurationError` where there is something else.
        """

    def settle(self) -> list[str]:
        """Set what the whole database remembers, once it is known to be pymager's; says in sentences what was set."""

    def mutations(self) -> Engine:
        """An engine of durable transactions, of which no two change one row at once."""

    def statements(self) -> Engine:
        """An engine of one connection, for single statements that commit by themselves; they need not be durable."""

    def reads(self) -> Reads:
        """The way to read."""

    def writes(self) -> Writes:
        """The way to write."""

    def alone(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction of `mutations` for the schema's upgrade: no other process upgrades at the same time."""

    def judge(self, error: BaseException) -> Verdict:
        """What the driver's error says."""


def dialect(text: str) -> Dialect:
    """The database that a URL names, in SQLAlchemy's form. Raises `ConfigurationError`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Not with what the parser says: it repeats the URL with its password.
        raise ConfigurationError(
            "not a database's URL, as in sqlite:////var/lib/pymager/catalog.db or postgresql://user@host/database"
        ) from None
    return _known(url.get_backend_name())(url)


def _known(name: str) -> Callable[[URL], Dialect]:
    """Each is imported only when it is used, for it needs its driver."""
    match name:
        case "sqlite":
            from pymager_sql.sqlite import Sqlite

            return Sqlite
        case "postgresql":
            from pymager_sql.postgresql import Postgresql

            return Postgresql
        case "mysql" | "mariadb":
            from pymager_sql.mysql import Mysql

            return Mysql
        case _:
            from pymager_sql.others import Other

            return Other
