"""What the operating system's errors mean to a caller."""

import errno
from types import TracebackType

from pymager.errors import NoSpace, Unavailable

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class translated:  # noqa: N801 (a context manager that reads as one; a class, since every hit passes it)
    """Raise `NoSpace` or `Unavailable` in the place of an `OSError`.

    `outcome_known` is False around what has changed something already; a full disk is `Unavailable` there, since
    `NoSpace` says that nothing was written.
    """

    __slots__ = ("_outcome_known",)

    def __init__(self, *, outcome_known: bool) -> None:
        self._outcome_known = outcome_known

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in _FULL and self._outcome_known:
            raise NoSpace(f"the folder is full: {error}") from error
        raise Unavailable(f"the folder did not do its work: {error}", outcome_known=self._outcome_known) from error
