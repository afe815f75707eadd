"""The cache in memory keeps the contract."""

import secrets
from collections.abc import AsyncIterator

import pytest

from pymager.errors import ConfigurationError, NoSpace
from pymager.ports import MAX_CACHED_BYTES
from pymager.testing.caches import CacheContract
from pymager.testing.caches_memory import MemoryCache


class TestMemoryCache(CacheContract):
    has_server = False

    @pytest.fixture
    def url(self) -> str:
        return f"memory:{secrets.token_hex(8)}"

    @pytest.fixture
    async def cache(self, url: str) -> AsyncIterator[MemoryCache]:
        async with MemoryCache(url) as cache:
            yield cache

    @pytest.fixture
    async def other(self, url: str) -> AsyncIterator[MemoryCache]:
        async with MemoryCache(url) as cache:
            yield cache


async def test_it_is_bounded() -> None:
    async with MemoryCache("memory:") as cache:
        for number in range(70):
            await cache.put(str(number), bytes(MAX_CACHED_BYTES))
            assert await cache.get("0") is not None
        assert await cache.get("1") is None
        assert await cache.get("69") is not None
        with pytest.raises(NoSpace):
            await cache.put("big", bytes(MAX_CACHED_BYTES + 1))


async def test_caches_without_a_name_share_nothing() -> None:
    async with MemoryCache("memory:") as one, MemoryCache("memory:") as two:
        await one.put("a", b"value")
        assert await two.get("a") is None


@pytest.mark.parametrize("url", ["memory", "memory://x", "memory:a/b", "file:x"])
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="memory:NAME"):
        MemoryCache(url)
