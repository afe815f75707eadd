"""A cache in memory: `memory:NAME`, or `memory:` for one that shares nothing."""

import asyncio
import re
from collections import OrderedDict
from types import TracebackType
from typing import Self

from pymager.errors import ConfigurationError, NoSpace
from pymager.ports import MAX_CACHED_BYTES, check_cache_key

_URL = re.compile(r"memory:([A-Za-z0-9_-]*)")
_MAX_BYTES = 64 << 20

_shared: dict[str, OrderedDict[str, bytes]] = {}  # by name; outlives the caches, as a server would


class MemoryCache:
    """Up to 64 MiB in this process's memory; drops what was used least recently. The same name is the same cache."""

    def __init__(self, url: str) -> None:
        match = _URL.fullmatch(url)
        if match is None:
            raise ConfigurationError(
                f"'{url}' is not a URL of a cache in memory; write memory: or memory:NAME (letters, digits, _ and -)"
            )
        self._values = _shared.setdefault(match[1], OrderedDict()) if match[1] else OrderedDict[str, bytes]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def node(self, key: str) -> str:
        """It has one part."""
        check_cache_key(key)
        return "memory"

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        check_cache_key(key)
        await asyncio.sleep(0)
        if (value := self._values.get(key)) is not None:
            self._values.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Store a value."""
        check_cache_key(key)
        if len(value) > MAX_CACHED_BYTES:
            raise NoSpace(f"the value has {len(value)} bytes, more than {MAX_CACHED_BYTES}")
        await asyncio.sleep(0)
        self._values[key] = value
        self._values.move_to_end(key)
        while sum(map(len, self._values.values())) > _MAX_BYTES:
            self._values.popitem(last=False)
