"""What a driver's errors mean in the words of the port, and the transaction that every mutation runs in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection

from pymager.errors import NoSpace, Unavailable
from pymager.failpoints import reached

IsFull = Callable[[BaseException], bool]


@contextmanager
def translated(*, outcome_known: bool, is_full: IsFull | None = None, grows: bool = False) -> Iterator[None]:
    """Turn the driver's errors into `Unavailable`, and for what `grows` the data into `NoSpace` where it is that.

    A broken constraint passes through, since it is an answer that the caller has to understand, and so does what
    the driver calls a programming error, since it is one.
    """
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except NoConnection as error:
        raise Unavailable(f"no connection to the database was free: {error}", outcome_known=True) from error
    except DBAPIError as error:
        full = is_full is not None and error.orig is not None and is_full(error.orig)
        if full and grows:
            raise NoSpace(f"the database has no space left: {error.orig}") from error
        raise Unavailable(f"the database did not do it: {error.orig}", outcome_known=outcome_known or full) from error


@contextmanager
def mutation(engine: Engine, is_full: IsFull, *, grows: bool) -> Iterator[Connection]:
    """A transaction that is sent once. Until COMMIT is sent nothing is changed; an error of COMMIT tells nothing.

    Where the database is full, COMMIT fails before its last page is written, so that outcome is known too.
    """
    with translated(outcome_known=True, is_full=is_full, grows=grows), engine.connect() as connection:
        connection.begin()
        yield connection
        reached("sql.before-commit")
        with translated(outcome_known=False, is_full=is_full, grows=grows):
            connection.commit()
    reached("sql.after-commit")
