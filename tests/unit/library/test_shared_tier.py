"""The shared tier: whatever a cache does, a request gets the right variant, and soon."""

import asyncio
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pymager import composition, keys
from pymager.errors import ConfigurationError, NoSpace, OriginalNotFound, Unavailable
from pymager.library import shared_tier
from pymager.library.content import BUCKET, MEMORY, RENDERED, SHARED
from pymager.library.deadline import Deadline
from pymager.library.shared_tier import SharedTier
from pymager.ports import BlobInfo
from pymager.settings import sources, translation
from pymager.settings.model import Settings
from pymager.telemetry.families import SHARED_CACHE
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.testing.caches_memory import MemoryCache
from tests.unit.place import VARIANT, Place, body_of, opened
from tests.waiting import until

BODY = secrets.token_bytes(5_000)
INFO = BlobInfo("derived/cat/1/2/80x60.jpg", len(BODY), "etag", datetime(2024, 5, 6, tzinfo=UTC))
FOREVER = 3_600.0


class Hooked(MemoryCache):
    """A cache whose `get` and `put` can be replaced; counts calls. `parts` are its nodes."""

    def __init__(self, parts: int = 1) -> None:
        super().__init__("memory:")
        self.on_get: Callable[[str], Awaitable[Any]] | None = None
        self.on_put: Callable[[str, bytes], Awaitable[None]] | None = None
        self.gets = self.puts = 0
        self._parts = parts

    def node(self, key: str) -> str:
        return str(ord(key[0]) % self._parts)

    async def get(self, key: str) -> Any:
        self.gets += 1
        return await (super().get(key) if self.on_get is None else self.on_get(key))

    async def put(self, key: str, value: bytes) -> None:
        self.puts += 1
        await (super().put(key, value) if self.on_put is None else self.on_put(key, value))

    @property
    def values(self) -> dict[str, bytes]:
        return self._values


class Counted(SharedTier):
    """A tier whose events can be read."""

    def __init__(self, cache: Hooked, timeout: float = FOREVER) -> None:
        self.metrics = Metrics(SharedMetrics())
        super().__init__(cache, b"secret", timeout, Observer(self.metrics))

    def events(self) -> dict[str, int]:
        values = {event: self.metrics.value(SHARED_CACHE, event) for event in shared_tier._EVENTS}
        found = {event: int(value._numbers[value._at]) for event, value in values.items()}
        return {event: number for event, number in found.items() if number}


async def never(*_: object) -> None:
    await asyncio.get_running_loop().create_future()


async def unavailable(*_: object) -> None:
    raise Unavailable("down", outcome_known=True)


async def test_a_variant_is_found_by_another_replica() -> None:
    cache = Hooked()
    one, two = Counted(cache), Counted(cache)
    assert await two.get(INFO.key) is None
    one.put(INFO, BODY)
    await one.close()
    assert await two.get(INFO.key) == (INFO, BODY)
    assert (one.events(), two.events()) == ({"stored": 1}, {"miss": 1, "hit": 1})


@pytest.mark.parametrize("value", [b"", b"x", bytes(6_000), "another key's", "cut off", "flipped"])
async def test_a_wrong_value_is_a_miss_that_counts_and_a_write_repairs_it(value: bytes | str) -> None:
    cache = Hooked()
    tier = Counted(cache)
    tier.put(INFO, BODY)
    await tier.close()
    [name] = cache.values
    right = cache.values[name]
    other = BlobInfo("derived/cat/1/2/81x60.jpg", INFO.size, INFO.etag, INFO.modified)
    lies = {
        "another key's": tier._seal.seal(other, BODY),
        "cut off": right[:-1],
        "flipped": right[:-1] + bytes([right[-1] ^ 1]),
    }
    cache.values[name] = lies[value] if isinstance(value, str) else value
    assert await tier.get(INFO.key) is None
    assert tier.events() == {"stored": 1, "broken": 1}
    tier.put(INFO, BODY)
    await tier.close()
    assert await tier.get(INFO.key) == (INFO, BODY)


@pytest.mark.parametrize("misbehave", [never, unavailable])
async def test_a_node_that_fails_is_not_asked_for_a_while_and_the_others_are(misbehave: Any) -> None:
    cache = Hooked(parts=2)
    tier = Counted(cache, 0.01)
    keys = {cache.node(tier._seal.name(key)): key for key in (f"derived/{number}" for number in range(50))}
    cache.on_get = misbehave
    for _ in range(8):
        assert await tier.get(keys["0"]) is None
    assert (cache.gets, tier.open_circuits) == (5, 1)
    assert tier.events() == {"failed": 5, "skipped": 3}
    tier.put(BlobInfo(keys["0"], 1, "", INFO.modified), b"x")
    await tier.close()
    assert (cache.puts, tier.events()["dropped"]) == (0, 1)
    cache.on_get = None
    assert await tier.get(keys["1"]) is None
    assert tier.events()["miss"] == 1


async def test_an_open_circuit_is_probed_and_closes() -> None:
    cache = Hooked()
    tier = Counted(cache)
    cache.on_get = unavailable
    for _ in range(6):
        assert await tier.get(INFO.key) is None
    assert tier.open_circuits == 1
    [node] = tier._nodes.values()
    node.circuit._clock = lambda: float("inf")
    cache.on_get = None
    assert await tier.get(INFO.key) is None
    assert (tier.open_circuits, tier.events()["miss"]) == (0, 1)


async def test_an_unexpected_error_of_a_backend_costs_no_request() -> None:
    cache = Hooked()
    tier = Counted(cache)

    async def broken(*_: object) -> None:
        raise KeyError("a bug")

    cache.on_get = cache.on_put = broken
    assert await tier.get(INFO.key) is None
    tier.put(INFO, BODY)
    await tier.close()
    assert tier.events() == {"failed": 2}


async def test_writes_that_succeed_do_not_hide_that_reads_fail() -> None:
    cache = Hooked()
    tier = Counted(cache)
    cache.on_get = unavailable
    for _ in range(5):
        assert await tier.get(INFO.key) is None
        tier.put(INFO, BODY)
        await tier.close()
    assert (cache.puts, tier.open_circuits) == (4, 1)


async def test_a_full_cache_still_serves_reads() -> None:
    cache = Hooked()
    tier = Counted(cache)

    async def full(*_: object) -> None:
        raise NoSpace("full")

    cache.on_put = full
    for _ in range(10):
        tier.put(INFO, BODY)
    await tier.close()
    assert tier.open_circuits == 0
    assert tier.events() == {"not_stored": 10}


async def test_a_slow_cache_has_a_bounded_number_of_reads_and_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_tier, "_WRITE_TIMEOUT_SECONDS", FOREVER)
    cache = Hooked()
    tier = Counted(cache)
    cache.on_get = cache.on_put = never
    reads = [asyncio.create_task(tier.get(INFO.key)) for _ in range(200)]
    for _ in range(200):
        tier.put(INFO, BODY)
    await until(lambda: (cache.gets, cache.puts) == (64, 32))
    assert tier.events() == {"skipped": 136, "dropped": 168}
    for task in (*reads, *tier._writes):
        task.cancel()
    await asyncio.gather(*reads, *tier._writes, return_exceptions=True)
    assert tier.open_circuits == 0
    cache.on_get = None
    assert await tier.get(INFO.key) is None
    assert tier.events()["miss"] == 1


async def test_a_variant_that_is_too_large_is_not_written() -> None:
    cache = Hooked()
    tier = Counted(cache)
    tier.put(BlobInfo(INFO.key, 1_000_000, "", INFO.modified), bytes(1_000_000))
    await tier.close()
    assert (cache.puts, tier.events()) == (0, {})


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_deadline_does_not_blame_a_server_for_a_busy_loop(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def raced() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)

        def busy() -> None:
            theirs.sendall(b"answer")
            time.sleep(0.1)  # the timer is due, and the answer waits in the socket

        with ours, theirs:
            async with Deadline(0.02):
                loop.call_soon(busy)
                assert await loop.sock_recv(ours, 10) == b"answer"
            with pytest.raises(TimeoutError):
                async with Deadline(0.02):
                    await loop.create_future()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(raced())


async def test_a_variant_comes_from_memory_then_the_shared_cache_then_the_bucket(tmp_path: Path) -> None:
    cache = Hooked()
    async with opened(tmp_path / "one", shared=Counted(cache)) as one:
        original = await one.add()
        assert await tier_of(one) == RENDERED
        assert await tier_of(one) == MEMORY
        await until(lambda: cache.values)
        there = {"blobs": one.blobs.inner, "metadata": one.metadata}
        async with opened(tmp_path / "two", shared=Counted(cache), **there) as two:
            assert await tier_of(two) == SHARED
            assert two.blobs.calls["open"] == 0
            assert await tier_of(two) == MEMORY
        cache.values.clear()
        async with opened(tmp_path / "three", shared=Counted(cache), **there) as three:
            assert await tier_of(three) == BUCKET
            await until(lambda: cache.values)
            three.library.cache.discard(keys.derived_prefix(original))
            assert await tier_of(three) == SHARED


async def test_a_delete_is_final_although_the_bytes_are_still_in_the_shared_cache(tmp_path: Path) -> None:
    cache = Hooked()
    async with opened(tmp_path / "one", shared=Counted(cache)) as one:
        await one.add()
        assert await tier_of(one) == RENDERED
        await until(lambda: cache.values)
        there = {"blobs": one.blobs.inner, "metadata": one.metadata}
        async with opened(tmp_path / "two", shared=Counted(cache), **there) as two:
            await one.library.remove("cat")
            with pytest.raises(OriginalNotFound):
                await tier_of(two)
            await one.add("another picture")
            assert await tier_of(two) == RENDERED
        assert len(cache.values) == 2


async def test_a_large_variant_is_not_asked_for_once_its_size_is_known(tmp_path: Path) -> None:
    cache = Hooked()
    tier = Counted(cache)
    async with opened(tmp_path, shared=tier) as place:
        original = await place.plant("picture")
        key = place.derivation.key(original, VARIANT)
        await place.blobs.inner.put(key, bytes((1 << 20) + 1), "image/jpeg")
        assert [await tier_of(place) for _ in range(3)] == [BUCKET] * 3
        assert (cache.gets, cache.puts) == (1, 0)


async def tier_of(place: Place) -> str:
    content = await place.library.variant("cat", VARIANT, lambda info: True)
    await body_of(content)
    return content.tier


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://cache", "unknown cache 'redis:'; known: memcached:, memory:"),
        ("memcached://cache?timeout=1", "unknown parameter 'timeout'"),
    ],
)
async def test_a_wrong_url_stops_the_start_and_names_the_setting(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PYMAGER_SHARED_CACHE: ") as caught:
        async with composition.shared_tier(Settings(shared_cache=url)):
            pass
    assert said in str(caught.value)


async def test_replicas_share_values_if_their_first_signing_keys_are_the_same() -> None:
    url = f"memory:{secrets.token_hex(8)}"
    found = []
    for keys_of in ("11" * 32, "11" * 32 + " " + "22" * 32, "22" * 32 + " " + "11" * 32, ""):
        async with composition.shared_tier(
            Settings.model_validate({"shared_cache": url, "signing_keys": keys_of})
        ) as tier:
            assert tier is not None
            found.append(await tier.get(INFO.key) is not None)
            tier.put(INFO, BODY)
            await tier.close()
    assert found == [False, True, False, False]


def test_a_password_in_the_url_is_not_shown() -> None:
    settings = Settings(shared_cache="memcached://ada:hunter2@cache-0:1,cache-1:2")
    shown = [sources.shown(settings, "shared_cache"), translation.backends_named(settings)["shared_cache"]]
    assert shown == ["memcached://ada:***@cache-0:1,cache-1:2"] * 2
    assert "shared_cache" not in translation.backends_named(Settings())
