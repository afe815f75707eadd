"""The URL of a SQLite file, read as SQLAlchemy reads it, but without importing SQLAlchemy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from sqlalchemy import URL

_FILE = re.compile(r"(sqlite(?:\+pysqlite)?):///([^?]*)(?:\?(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """The parts of a URL, named as in `sqlalchemy.URL`."""

    drivername: str
    database: str
    query: Mapping[str, str | tuple[str, ...]]
    host: str | None = field(default=None, init=False)
    username: str | None = field(default=None, init=False)
    port: int | None = field(default=None, init=False)

    def get_backend_name(self) -> str:
        """The name of the database, for messages."""
        return "sqlite"


def parsed(text: str) -> "SqliteUrl | URL":
    """Parse a URL; one that names no file goes through SQLAlchemy. Raises `ConfigurationError`."""
    match = _FILE.fullmatch(text)
    if match is None:
        from pymager_sql import dialects

        return dialects.parsed_url(text)
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(match[3] or ""):
        values.setdefault(name, []).append(value)
    query = {name: found[0] if len(found) == 1 else tuple(found) for name, found in values.items()}
    return SqliteUrl(match[1], unquote(match[2]), query)
