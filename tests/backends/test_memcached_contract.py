"""The cache in memcached keeps the contract, over one server and over three."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from pymager.testing.caches import CacheContract
from pymager_memcached import MemcachedCache
from tests.servers import Memcached


@pytest.fixture(scope="module")
def three(memcached: Memcached) -> Iterator[str]:
    """The URL of three servers."""
    with ExitStack() as stack:
        others = [stack.enter_context(Memcached()) for _ in range(2)]
        yield ",".join([memcached.url, *(f"127.0.0.1:{other.port}" for other in others)])


class TestMemcachedCache(CacheContract):
    @pytest.fixture(params=["one", "three"])
    def url(self, request: pytest.FixtureRequest, memcached: Memcached) -> str:
        return memcached.url if request.param == "one" else str(request.getfixturevalue("three"))

    @pytest.fixture
    async def cache(self, url: str) -> AsyncIterator[MemcachedCache]:
        async with MemcachedCache(url) as cache:
            yield cache

    @pytest.fixture
    async def other(self, url: str) -> AsyncIterator[MemcachedCache]:
        async with MemcachedCache(url) as cache:
            yield cache

    @pytest.fixture
    async def unreachable(self, memcached: Memcached) -> AsyncIterator[MemcachedCache]:
        """A server that has just been stopped, with an idle connection to it."""
        with Memcached() as server:
            async with MemcachedCache(server.url) as cache:
                await cache.get("a")
                server.stop()
                yield cache
