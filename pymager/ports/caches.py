"""The port of caches that replicas share."""

from types import TracebackType
from typing import Protocol, Self

MAX_CACHED_BYTES = 1_000_000
"""The largest value of a cache, in bytes. memcached keeps a little more than this in one item by default."""


class Cache(Protocol):
    """Values that replicas share, by keys that `check_cache_key` defines. Each method raises `ValueError` for others.

    It can lose any value at any time, and it is not trusted: the caller verifies what it gets, limits how long a call
    can take, and stops asking a node that fails. So a backend has no retries and no time limits of its own for calls.
    A key is written with one value only. Opening connects to nothing that can be down.
    """

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the cache. Raises `ConfigurationError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def node(self, key: str) -> str:
        """The name of the part of the cache that has this key, such as a server: what fails alone has its own name.

        Always the same for a key. No I/O.
        """

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Can be canceled at any time, which leaves no connection in the middle of a response."""

    async def put(self, key: str, value: bytes) -> None:
        """Store a value of up to `MAX_CACHED_BYTES` bytes as a whole or not at all. Raises `NoSpace`."""
