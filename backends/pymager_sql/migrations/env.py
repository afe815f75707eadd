"""Alembic's entry: runs the steps on the connection that `pymager_sql.schema` passes, in its transaction."""

from alembic import context

from pymager_sql.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
