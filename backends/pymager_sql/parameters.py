"""What a URL's query may say, and what it means."""

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from sqlalchemy import URL

from pymager.errors import ConfigurationError

T = TypeVar("T")

TIMEOUT = 5.0
POOL = 8
_SMALLEST_POOL, _LARGEST_POOL = 3, 1000


class Parameters:
    """The query of a URL, from which each parameter is taken once."""

    def __init__(self, url: URL) -> None:
        self._name = url.get_backend_name()
        self._left = dict(url.query)

    def timeout(self) -> float:
        """`timeout`: how many seconds a call may take."""
        return self._taken("timeout", TIMEOUT, _seconds, "a number of seconds from 0 to 3600")

    def pool(self) -> int:
        """`pool`: how many connections one process has at most."""
        return self._taken("pool", POOL, _connections, f"a number from {_SMALLEST_POOL} to {_LARGEST_POOL}")

    def flags(self, names: Iterable[str]) -> dict[str, bool]:
        """Those of the names that are there, which are true or false."""
        return {
            name: self._taken(name, False, _flag, "true or false") for name in names if name in self._left
        }  # fmt: skip

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the names that are there."""
        return {name: self._taken(name, "", str, "said once") for name in names if name in self._left}

    def end(self, known: Iterable[str]) -> None:
        """Raises `ConfigurationError` where something is left."""
        if self._left:
            raise ConfigurationError(
                f"a {self._name} URL does not know '{min(self._left)}'; it knows: {', '.join(sorted(known))}"
            )

    def rest(self) -> dict[str, str | tuple[str, ...]]:
        """What is left, for the driver."""
        return dict(self._left)

    def _taken(self, name: str, default: T, read: Callable[[str], T], form: str) -> T:
        value = self._left.pop(name, None)
        if value is None:
            return default
        try:
            if not isinstance(value, str):
                raise ValueError(name)
            return read(value)
        except ValueError:
            raise ConfigurationError(f"{name}={value} in the {self._name} URL is not {form}") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if math.isnan(seconds) or not 0 < seconds <= 3600:
        raise ValueError(text)
    return seconds


def _connections(text: str) -> int:
    number = int(text)
    if not _SMALLEST_POOL <= number <= _LARGEST_POOL:
        raise ValueError(text)
    return number


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("true", "1")
