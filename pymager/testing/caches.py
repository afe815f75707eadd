"""The contract of a cache, as a test class. Subclass it and define its fixtures:

    import pytest_asyncio
    from my_package import MyCache
    from pymager.testing.caches import CacheContract


    class TestMyCache(CacheContract):
        @pytest_asyncio.fixture
        async def cache(self, server):
            async with MyCache(server.url) as cache:
                yield cache

        @pytest_asyncio.fixture
        async def other(self, cache, server):
            async with MyCache(server.url) as cache:
                yield cache

        @pytest_asyncio.fixture
        async def unreachable(self, server):
            async with MyCache(server.url) as cache:
                server.stop()
                yield cache

`cache` is an open cache. `other` is a second one with the same values. `unreachable` is an open cache whose server no
longer answers; a cache without a server sets `has_server = False` instead. The cache must have room for 16 MB. Needs
the extra `testing`. Works in pytest-asyncio's auto and strict modes.
"""

import asyncio
import secrets
from typing import ClassVar

import pytest

from pymager.errors import NoSpace, Unavailable
from pymager.ports import MAX_CACHED_BYTES, Cache

__all__ = ["CacheContract"]

_CALL_TIMEOUT_SECONDS = 60.0
_BAD_KEYS = ("", "a b", "a\r\nb", "a\n", "a\0b", "a/b", "ä", "a" * 65)


def new_key() -> str:
    """A key that no other test uses."""
    return secrets.token_urlsafe(24)


@pytest.mark.asyncio
class CacheContract:
    """What every cache must do."""

    has_server: ClassVar[bool] = True

    @pytest.fixture
    def unreachable(self) -> Cache:
        """Override this in the test class of a cache that talks to a server."""
        if self.has_server:
            pytest.fail("define the fixture `unreachable`, or set `has_server = False`")
        pytest.skip("this cache has no server")

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b"x",
            b"\r\nEND\r\n",
            b"\0\xff\r\n" * 10,
            *(secrets.token_bytes(size) for size in (4_096, 65_480, 65_500, 65_536, 65_537, 300_000, 999_000)),
        ],
        ids=len,
    )
    async def test_a_value_is_found_by_another_cache(self, cache: Cache, other: Cache, value: bytes) -> None:
        key = new_key()
        assert await other.get(key) is None
        await cache.put(key, value)
        assert await other.get(key) == value
        assert await cache.get(key) == value

    async def test_a_value_of_the_largest_size_is_stored_as_a_whole_or_refused(self, cache: Cache) -> None:
        key, value = new_key(), secrets.token_bytes(MAX_CACHED_BYTES)
        try:
            await cache.put(key, value)
        except NoSpace:
            assert await cache.get(key) is None
        else:
            assert await cache.get(key) == value

    async def test_a_key_can_be_put_again(self, cache: Cache, other: Cache) -> None:
        key = new_key()
        await cache.put(key, b"value")
        await other.put(key, b"value")
        assert await cache.get(key) == b"value"

    @pytest.mark.parametrize("key", ["a", "-", "_", "A" * 64, "0-_z"])
    async def test_keys_have_up_to_64_letters_digits_underscores_and_hyphens(self, cache: Cache, key: str) -> None:
        await cache.put(key, key.encode())
        assert await cache.get(key) == key.encode()

    @pytest.mark.parametrize("key", _BAD_KEYS)
    async def test_any_other_key_raises_value_error(self, cache: Cache, key: str) -> None:
        with pytest.raises(ValueError, match="invalid key"):
            cache.node(key)
        with pytest.raises(ValueError, match="invalid key"):
            await cache.get(key)
        with pytest.raises(ValueError, match="invalid key"):
            await cache.put(key, b"value")

    async def test_a_key_is_always_on_the_same_node(self, cache: Cache, other: Cache) -> None:
        for key in (new_key() for _ in range(50)):
            assert cache.node(key) == other.node(key) == cache.node(key) != ""

    async def test_concurrent_calls_get_their_own_values(self, cache: Cache, other: Cache) -> None:
        values = {new_key(): secrets.token_bytes(1_000 + 37 * number) for number in range(100)}
        await asyncio.gather(*(cache.put(key, value) for key, value in values.items()))
        found = await asyncio.gather(*(one.get(key) for key in values for one in (cache, other)))
        assert found == [value for value in values.values() for _ in range(2)]

    async def test_a_canceled_call_does_not_disturb_others(self, cache: Cache) -> None:
        values = {new_key(): secrets.token_bytes(60_000) for _ in range(10)}
        for key, value in values.items():
            await cache.put(key, value)
        for turns in range(30):
            calls = [asyncio.create_task(cache.get(key)) for key in values]
            for _ in range(turns):
                await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            found = await asyncio.gather(*calls, return_exceptions=True)
            for value, got in zip(values.values(), found, strict=True):
                assert got == value or isinstance(got, asyncio.CancelledError)
            assert found[1::2] == list(values.values())[1::2]

    async def test_a_canceled_put_stores_the_value_or_nothing(self, cache: Cache) -> None:
        for turns in range(20):
            key, value = new_key(), secrets.token_bytes(300_000)
            call = asyncio.create_task(cache.put(key, value))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            assert await cache.get(key) in (None, value)

    async def test_every_call_raises_unavailable_if_the_server_does_not_answer(self, unreachable: Cache) -> None:
        async with asyncio.timeout(2 * _CALL_TIMEOUT_SECONDS):
            for call in (unreachable.get(new_key()), unreachable.put(new_key(), b"value")):
                with pytest.raises(Unavailable):
                    await call
