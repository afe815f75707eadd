"""What a driver's errors mean in the words of the port, and what every mutation is wrapped in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection

from pymager.errors import NoSpace, Unavailable
from pymager.failpoints import reached


class Verdict(Enum):
    """What a driver's error says about the statement that it answers."""

    FULL = auto()  # no space is left, and nothing was changed
    REFUSED = auto()  # the server says that it did not do it
    UNCLEAR = auto()  # the answer was lost


Judge = Callable[[BaseException], Verdict]


@contextmanager
def translated(*, outcome_known: bool, judge: Judge | None = None, grows: bool = False) -> Iterator[None]:
    """Turn the driver's errors into `Unavailable`, and for what `grows` the data into `NoSpace` where it is that.

    A broken constraint passes through, since it is an answer that the caller has to understand.
    """
    try:
        yield
    except IntegrityError:
        raise
    except NoConnection as error:
        raise Unavailable(f"no connection to the database was free: {error}", outcome_known=True) from error
    except DBAPIError as error:
        verdict = judge(error.orig) if judge is not None and error.orig is not None else Verdict.UNCLEAR
        if verdict is Verdict.FULL and grows:
            raise NoSpace(f"the database has no space left: {error.orig}") from error
        known = outcome_known or verdict is not Verdict.UNCLEAR
        raise Unavailable(f"the database did not do it: {error.orig}", outcome_known=known) from error


@contextmanager
def transaction(engine: Engine, judge: Judge, *, grows: bool = False) -> Iterator[Connection]:
    """A transaction that is sent once. Until COMMIT is sent nothing is changed; a lost answer to it tells nothing.

    Where the database is full, COMMIT fails before its last page is written, so that outcome is known too.
    """
    with translated(outcome_known=True, judge=judge, grows=grows), engine.connect() as connection:
        connection.begin()
        yield connection
        reached("sql.before-commit")
        with translated(outcome_known=False, judge=judge, grows=grows):
            connection.commit()
    reached("sql.after-commit")


@contextmanager
def statement(engine: Engine, judge: Judge, *, grows: bool = False) -> Iterator[Connection]:
    """A connection for one mutation of the catalog that commits by itself."""
    with connected(engine, judge, grows=grows) as connection:
        reached("sql.before-commit")
        yield connection
    reached("sql.after-commit")


@contextmanager
def connected(engine: Engine, judge: Judge, *, grows: bool = False) -> Iterator[Connection]:
    """A connection for statements that commit by themselves. Once one is sent, only the server's answer tells."""
    with translated(outcome_known=True):
        connection = engine.connect()
    with connection, translated(outcome_known=False, judge=judge, grows=grows):
        yield connection
