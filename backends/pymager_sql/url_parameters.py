"""Parses the query parameters of a database URL."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from pymager.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from pymager_sql.sqlite_url import SqliteUrl

T = TypeVar("T")

DEFAULT_TIMEOUT_SECONDS = 5.0
_MAX_TIMEOUT_SECONDS = 3600
DEFAULT_POOL_SIZE = 8
_MIN_POOL_SIZE, _MAX_POOL_SIZE = 3, 1000


class Parameters:
    """The query parameters of a URL. Each method removes the parameters that it returns."""

    def __init__(self, url: "URL | SqliteUrl") -> None:
        self._name = url.get_backend_name()
        self._remaining = dict(url.query)

    def timeout(self) -> float:
        """`timeout`: the maximum duration of a call in seconds."""
        form = f"a number of seconds, more than 0 and up to {_MAX_TIMEOUT_SECONDS}"
        return self._pop("timeout", DEFAULT_TIMEOUT_SECONDS, _seconds, form)

    def pool(self) -> int:
        """`pool`: the maximum number of connections of one process."""
        return self._pop(
            "pool", DEFAULT_POOL_SIZE, _connections, f"a whole number from {_MIN_POOL_SIZE} to {_MAX_POOL_SIZE}"
        )

    def flags(self, names: Iterable[str]) -> dict[str, bool]:
        """Return those of the named parameters that are present, as booleans."""
        return {
            name: self._pop(name, False, _flag, "true or false") for name in names if name in self._remaining
        }  # fmt: skip

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        """Return those of the named parameters that are present, as text."""
        return {name: self._pop(name, "", str, "given once") for name in names if name in self._remaining}

    def reject_unknown(self, known: Iterable[str]) -> None:
        """Raise `ConfigurationError` if a parameter remains."""
        if self._remaining:
            raise ConfigurationError(
                f"unknown parameter '{min(self._remaining)}' in the {self._name} URL; known: {', '.join(sorted(known))}"
            )

    def rest(self) -> dict[str, str | tuple[str, ...]]:
        """Return the remaining parameters, for the driver."""
        return dict(self._remaining)

    def _pop(self, name: str, default: T, read: Callable[[str], T], form: str) -> T:
        value = self._remaining.pop(name, None)
        if value is None:
            return default
        try:
            if not isinstance(value, str):
                raise ValueError(name)
            return read(value)
        except ValueError:
            got = repr(value) if isinstance(value, str) else f"{len(value)} values"  # a repeated password stays secret
            raise ConfigurationError(f"{name} in the {self._name} URL must be {form}, got {got}") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _MAX_TIMEOUT_SECONDS:  # also false for NaN
        raise ValueError(text)
    return seconds


def _connections(text: str) -> int:
    number = int(text)
    if not _MIN_POOL_SIZE <= number <= _MAX_POOL_SIZE:
        raise ValueError(text)
    return number


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("true", "1")
