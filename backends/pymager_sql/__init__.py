"""The metadata backend over SQL databases.

`sqlite_store` uses SQLite through its driver; `store` uses all other databases through SQLAlchemy Core.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymager_sql.store import SqlMetadata
else:

    def SqlMetadata(url):  # noqa: N802  # a class for its callers: it only spares SQLite the import of SQLAlchemy
        """The metadata store in the SQL database of a URL in SQLAlchemy's form."""
        if url.startswith("sqlite"):
            from pymager_sql.sqlite_store import SqliteMetadata

            return SqliteMetadata(url)
        from pymager_sql import store

        return store.SqlMetadata(url)


__all__ = ["SqlMetadata"]
