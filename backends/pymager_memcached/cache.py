"""The cache in memcached: each key on one of several servers.

Values are sealed and verified by `pymager.library.sealing`.
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from pymager.errors import ConfigurationError, NoSpace, Unavailable
from pymager.ports import check_cache_key
from pymager_memcached.connection import Connection, Refused
from pymager_memcached.pool import Pool
from pymager_memcached.url import parse_url


class MemcachedCache:
    """Values in one or more memcached servers, for as long as the URL's `ttl` says.

    A key belongs to the server with the highest score for it (rendezvous hashing, Thaler and Ravishankar 1998). If a
    server is added or removed, only the keys that move are those that it gets or had.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._names = [str(address) for address in self._url.servers]
        self._scorers = [(name, hashlib.blake2b(name.encode(), digest_size=8)) for name in self._names]
        self._tls = _tls_context(self._url.ca) if self._url.tls else None
        self._pools: dict[str, Pool] = {}

    def __repr__(self) -> str:
        return f"<MemcachedCache {','.join(self._names)}>"

    async def __aenter__(self) -> Self:
        """Connects to nothing yet: a server that is down is no reason not to start."""
        self._pools = {str(address): Pool(address, self._url.credentials, self._tls) for address in self._url.servers}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def node(self, key: str) -> str:
        """The server of a key, as `HOST:PORT`."""
        check_cache_key(key)
        if len(self._names) == 1:
            return self._names[0]
        encoded = key.encode()
        return max(self._scorers, key=lambda scorer: _score(scorer[1], encoded))[0]

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        node = self.node(key)
        async with self._connection(node) as connection:
            return await connection.get(key.encode())

    async def put(self, key: str, value: bytes) -> None:
        """Store a value. Raises `NoSpace` if the server refuses it: it is too large, or the memory is full."""
        node = self.node(key)
        async with self._connection(node) as connection:
            try:
                await connection.put(key.encode(), value, self._url.ttl)
            except Refused as error:
                raise NoSpace(f"memcached {node}: {error}") from None

    @asynccontextmanager
    async def _connection(self, node: str) -> AsyncIterator[Connection]:
        """A connection to a server. If the request fails or is canceled, the connection is closed."""
        pool = self._pools[node]
        try:
            connection = await pool.acquire()
            try:
                yield connection
            except NoSpace:
                raise
            except BaseException:
                connection.abort()
                raise
            finally:
                pool.release(connection)
        except OSError as error:
            raise Unavailable(f"memcached {node}: {error}", outcome_known=False) from error


def _score(scorer: "hashlib.blake2b", key: bytes) -> bytes:
    hashing = scorer.copy()
    hashing.update(key)
    return hashing.digest()


def _tls_context(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigurationError(f"ca in the memcached URL: cannot read {ca}: {error}") from None
