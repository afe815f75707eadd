"""Connections for mutations, in a transaction or in autocommit: here a mutation is committed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from pymager.failpoints import reached
from pymager_sql.failures import Classifier, translate_errors


@contextmanager
def transaction(engine: Engine, classify: Classifier, *, needs_space: bool = False) -> Iterator[Connection]:
    """A transaction that is sent once. Nothing changes before COMMIT; if its answer is lost, the outcome is unknown.

    If the database is full, COMMIT fails before its last page is written, so that outcome is known too.
    """
    with (
        translate_errors(outcome_known=True, classify=classify, needs_space=needs_space),
        engine.connect() as connection,
    ):
        connection.begin()
        yield connection
        reached("sql.before-commit")
        with translate_errors(outcome_known=False, classify=classify, needs_space=needs_space):
            connection.commit()
    reached("sql.after-commit")


@contextmanager
def statement(engine: Engine, classify: Classifier, *, needs_space: bool = False) -> Iterator[Connection]:
    """A connection for one mutation of the catalog in autocommit."""
    with autocommit_connection(engine, classify, needs_space=needs_space) as connection:
        reached("sql.before-commit")
        yield connection
    reached("sql.after-commit")


@contextmanager
def autocommit_connection(engine: Engine, classify: Classifier, *, needs_space: bool = False) -> Iterator[Connection]:
    """A connection in autocommit. After a statement is sent, its outcome is unknown until the server answers."""
    with translate_errors(outcome_known=True):
        connection = engine.connect()
    with connection, translate_errors(outcome_known=False, classify=classify, needs_space=needs_space):
        yield connection
