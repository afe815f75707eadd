"""The cache in memory: bounded in bytes, least recently used goes first."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.library import memory_tier
from pymager.library.memory_tier import MemoryTier
from pymager.ports import BlobInfo

COST = memory_tier._ENTRY_OVERHEAD_BYTES


def info(key: str, size: int = 100) -> BlobInfo:
    return BlobInfo(key, size, f"etag-{key}", datetime(2024, 5, 6, tzinfo=UTC))


def kept_bodies(cache: MemoryTier, *keys: str) -> list[str]:
    return [key for key in keys if (cached := cache.get(key)) is not None and cached.body is not None]


def test_a_cached_variant_is_found_with_its_bytes() -> None:
    cache = MemoryTier(1 << 20)
    cache.put(info("a"), b"x" * 100)
    cached = cache.get("a")
    assert cached is not None
    assert (cached.info, cached.body) == (info("a"), b"x" * 100)
    assert cache.get("b") is None


def test_the_least_recently_used_body_is_evicted_first() -> None:
    size = 10_000
    cache = MemoryTier(8 * (size + COST))
    for number in range(8):
        cache.put(info(str(number)), b"x" * size)
    cache.get("0")
    cache.put(info("8"), b"x" * size)
    assert kept_bodies(cache, *"012345678") == list("02345678")


def test_descriptions_outlast_the_bodies() -> None:
    size = 10_000
    cache = MemoryTier(8 * (size + COST))
    for number in range(20):
        cache.put(info(str(number)), b"x" * size)
    cached = cache.get("0")
    assert cached is not None
    assert (cached.info, cached.body) == (info("0"), None)


def test_a_body_over_an_eighth_of_the_limit_is_not_cached_but_its_description_is() -> None:
    cache = MemoryTier(80_000)
    assert cache.accepts(10_000 - COST)
    assert not cache.accepts(10_000 - COST + 1)
    cache.put(info("big"), b"x" * (10_000 - COST + 1))
    cache.put(info("fits"), b"x" * (10_000 - COST))
    assert kept_bodies(cache, "big", "fits") == ["fits"]
    assert cache.get("big") is not None


def test_a_limit_of_zero_caches_no_bodies() -> None:
    cache = MemoryTier(0)
    cache.put(info("a"), b"")
    assert kept_bodies(cache, "a") == []
    assert cache.used == 0


def test_the_number_of_descriptions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_tier, "_MAX_VALIDATORS", 3)
    cache = MemoryTier(0)
    for key in "abcd":
        cache.put(info(key), None)
        cache.get("a")
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]


def test_discarding_a_prefix_discards_only_keys_below_it() -> None:
    cache = MemoryTier(1 << 20)
    for key in ("cat/1/a", "cat/1/b", "cat/2/a", "catalog/1/a"):
        cache.put(info(key), b"x")
    cache.discard("cat/1/")
    assert kept_bodies(cache, "cat/1/a", "cat/1/b", "cat/2/a", "catalog/1/a") == ["cat/2/a", "catalog/1/a"]
    assert cache.get("cat/1/a") is None
    assert cache.used == 2 * (1 + COST)


def test_putting_a_key_again_counts_it_once() -> None:
    cache = MemoryTier(1 << 20)
    for size in (10, 500, 20):
        cache.put(info("a"), b"x" * size)
    assert cache.used == 20 + COST


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 4_000), st.booleans())))
def test_the_used_bytes_are_counted_exactly_and_never_exceed_the_limit(steps: list[tuple[str, int, bool]]) -> None:
    cache = MemoryTier(16_384)
    for key, size, forget in steps:
        if forget:
            cache.discard(key)
        else:
            cache.put(info(key), b"x" * size)
        bodies = [cached.body for k in "abcdefgh" if (cached := cache.get(k)) is not None and cached.body is not None]
        assert cache.used == sum(len(body) + COST for body in bodies) <= cache.limit
