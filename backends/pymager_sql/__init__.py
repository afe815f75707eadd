"""The metadata backend over SQL databases, through SQLAlchemy Core."""

from pymager_sql.store import SqlMetadata

__all__ = ["SqlMetadata"]
