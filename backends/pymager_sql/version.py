"""The version of the schema, and the table that it is stored in."""

VERSION = "0006"
"""The last step of `migrations`. After it, the tables are as in `tables` and `sqlite_schema`."""

VERSION_TABLE = "pymager_schema"
"""Differs from Alembic's default, because another program that uses Alembic can share the database."""
