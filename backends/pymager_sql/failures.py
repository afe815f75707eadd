"""Translates the driver's errors into the port's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection

from pymager.errors import NoSpace, Unavailable


class ErrorKind(Enum):
    """What a driver's error says about the statement that failed."""

    NO_SPACE = auto()  # the database is full; nothing was changed
    REJECTED = auto()  # the server did not execute the statement
    UNKNOWN = auto()  # the statement may have been executed


Classifier = Callable[[BaseException], ErrorKind]


@contextmanager
def translate_errors(
    *, outcome_known: bool, classify: Classifier | None = None, needs_space: bool = False
) -> Iterator[None]:
    """Raise `Unavailable` instead of a driver error, or `NoSpace` if `needs_space` is set and the database is full.

    An `IntegrityError` passes through: it is an answer that the caller interprets.
    """
    try:
        yield
    except IntegrityError:
        raise
    except NoConnection as error:
        raise Unavailable(f"no free connection to the database: {error}", outcome_known=True) from error
    except DBAPIError as error:
        error_kind = classify(error.orig) if classify is not None and error.orig is not None else ErrorKind.UNKNOWN
        if error_kind is ErrorKind.NO_SPACE and needs_space:
            raise NoSpace(f"the database is full: {error.orig}") from error
        known = outcome_known or error_kind is not ErrorKind.UNKNOWN
        raise Unavailable(f"the database failed: {error.orig}", outcome_known=known) from error
