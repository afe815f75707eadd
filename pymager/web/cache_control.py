"""`Cache-Control` of pictures that not everyone may see (RFC 9111 section 5.2, RFC 5861)."""

import re
from dataclasses import dataclass
from typing import Self

_DIRECTIVE = re.compile(r'\s*([^\s=,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*(?:,|$)')
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_LIFETIMES = ("max-age", "s-maxage")
_STALE = ("stale-while-revalidate", "stale-if-error")
_FOR_SHARED_CACHES = ("public", "s-maxage", "proxy-revalidate", "private")


@dataclass(frozen=True, slots=True)
class CacheControl:
    """The directives of a `Cache-Control` header, with names in lower case."""

    directives: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The directives of a header. What is not a directive is left out."""
        return cls(tuple((match[1].lower(), match[2]) for match in _DIRECTIVE.finditer(text)))

    def __str__(self) -> str:
        return ", ".join(name if value is None else f"{name}={value}" for name, value in self.directives)

    def private(self) -> Self:
        """For the cache of one browser: no shared cache may store the response."""
        kept = [directive for directive in self.directives if directive[0] not in _FOR_SHARED_CACHES]
        return type(self)((("private", None), *kept))

    def until(self, seconds: int) -> Self:
        """The same, but no cache may use the response for more than this number of seconds.

        Times in which a stale response is served count. Without them, `must-revalidate` says that none is served.
        Without a lifetime, a cache would choose one (RFC 9111 section 4.2.2), so there is one.
        """
        if self._has("no-store"):
            return self
        shortened = [self._capped(name, value, seconds, _LIFETIMES) for name, value in self.directives]
        if not self._has("max-age"):
            shortened.append(("max-age", str(seconds)))
        fresh = max(int(value or 0) for name, value in shortened if name in _LIFETIMES)
        shortened = [self._capped(name, value, seconds - fresh, _STALE) for name, value in shortened]
        if not self._has(*_STALE) and not self._has("must-revalidate"):
            shortened.append(("must-revalidate", None))
        return type(self)(tuple(shortened))

    def _has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.directives)

    @staticmethod
    def _capped(name: str, value: str | None, seconds: int, names: tuple[str, ...]) -> tuple[str, str | None]:
        """The directive, with at most these seconds if it is one of `names`. A value that is no number is replaced."""
        if name not in names:
            return name, value
        given = (value or "").strip('"')
        return name, str(min(int(given), seconds) if _SECONDS.fullmatch(given) else seconds)
