"""Translation of the operating system's errors into the port's."""

import errno
from types import TracebackType

from pymager.errors import NoSpace, Unavailable

_FULL_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class translate_errors:  # noqa: N801 (used as a context manager; a class is faster than a generator, and every hit uses it)
    """Raise `NoSpace` or `Unavailable` instead of an `OSError`.

    Pass `outcome_known=False` around steps after the first change. A full disk is then `Unavailable`, because `NoSpace`
    promises that nothing was written.
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
        if error.errno in _FULL_ERRNOS and self._outcome_known:
            raise NoSpace(f"the blob folder is full: {error}") from error
        raise Unavailable(f"the blob folder failed: {error}", outcome_known=self._outcome_known) from error
