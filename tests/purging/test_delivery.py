"""The delivery of purges: at least once, in the end, to each purger, and without one purger stopping another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import pytest

from pymager.errors import PurgeFailed, Unavailable
from pymager.ports import Original, Purge, PurgeOrder, PurgeTarget
from pymager.purging import delivery as module
from pymager.purging.circuit import Circuit
from pymager.purging.delivery import Delivery
from pymager.purging.paths import paths_of
from pymager.purging.progress import Progress
from pymager.purging.tags import Tags
from pymager.testing.backends import MemoryMetadata
from pymager.testing.metadata_originals import an_original
from pymager.testing.metadata_outbox import all_purges
from tests.waiting import until

TAGS = Tags("0123456789abcdef0123456789abcdef")


class Cache:
    """A purger that records the targets of each call, and raises the failures that a test gives it."""

    max_batch = 3
    tag_header: str | None = None

    def __init__(self, name: str = "cache") -> None:
        self.name = name
        self.batches: list[list[str]] = []
        self.failure: Callable[[Sequence[PurgeTarget]], BaseException | None] = lambda targets: None
        self.gate: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        self.batches.append([target.id for target in targets])
        if self.gate is not None:
            await self.gate.wait()
        if (error := self.failure(targets)) is not None:
            raise error

    @property
    def purged(self) -> Counter[str]:
        return Counter(id for batch in self.batches for id in batch)


@asynccontextmanager
async def delivering(
    metadata: MemoryMetadata, *caches: Cache, repeat: float = 0, running: bool = True
) -> AsyncIterator[Delivery]:
    """A process that delivers."""
    async with Delivery(metadata, caches, TAGS, repeat) as delivery:
        task = asyncio.create_task(delivery.run()) if running else None
        try:
            yield delivery
        finally:
            if task is not None:
                task.cancel()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with shorter times."""
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "_FIRST_BACKOFF_SECONDS", 0.01)


async def removed(metadata: MemoryMetadata, delivery: Delivery, id: str) -> Original:
    """An original that was stored and removed, by the process that delivers."""
    original = await metadata.add(an_original(id))
    order = delivery.order()
    await metadata.remove(id, None, order)
    delivery.committed(order, original)
    return original


async def left(metadata: MemoryMetadata, id: str, age: float = 60) -> Purge:
    """A purge that a process has left long ago."""
    original = await metadata.add(an_original(id))
    recorded = (datetime.now(UTC) - timedelta(seconds=age)).replace(microsecond=0)
    await metadata.remove(id, None, PurgeOrder(recorded, recorded))
    return PurgeOrder(recorded, recorded).of(original)


async def emptied(metadata: MemoryMetadata) -> None:
    """Wait until the outbox is empty."""
    async with asyncio.timeout(60):
        while await all_purges(metadata):
            await asyncio.sleep(0.01)


async def test_a_removal_is_purged_at_once_by_the_process_that_committed_it() -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    async with delivering(metadata, cache, running=False) as delivery:
        await removed(metadata, delivery, "cat")
        await emptied(metadata)
    assert cache.purged == {"cat": 1}


async def test_what_another_process_has_left_is_taken_over_when_it_is_due_and_not_before() -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    await left(metadata, "cat")
    fresh = await left(metadata, "dog")
    later = replace(fresh, due=datetime.now(UTC) + timedelta(days=1))
    await metadata.update_purge(fresh, later)
    async with delivering(metadata, cache):
        await until(lambda: cache.purged)
        async with asyncio.timeout(60):
            while await all_purges(metadata) != [later]:
                await asyncio.sleep(0.01)
    assert cache.purged == {"cat": 1}


async def test_of_several_processes_usually_one_delivers() -> None:
    metadata = MemoryMetadata("memory:")
    caches = [Cache() for _ in range(4)]
    for number in range(40):
        await left(metadata, f"cat{number}")
    async with (
        delivering(metadata, caches[0]),
        delivering(metadata, caches[1]),
        delivering(metadata, caches[2]),
        delivering(metadata, caches[3]),
    ):
        await emptied(metadata)
    total = sum((cache.purged for cache in caches), Counter[str]())
    assert total == {f"cat{number}": 1 for number in range(40)}


async def test_a_purge_is_repeated_later_because_a_response_can_have_been_under_way() -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    async with delivering(metadata, cache, repeat=2) as delivery:
        await removed(metadata, delivery, "cat")
        await until(lambda: cache.purged["cat"] == 1)
        async with asyncio.timeout(60):
            while (await all_purges(metadata))[0].state != "-cache":
                await asyncio.sleep(0.01)
        (waiting,) = await all_purges(metadata)
        assert waiting.due == waiting.recorded + timedelta(seconds=2)
        await emptied(metadata)
    assert cache.purged == {"cat": 2}


async def test_a_purger_that_fails_gets_the_purge_again_and_the_others_do_not() -> None:
    metadata, good, bad = MemoryMetadata("memory:"), Cache("good"), Cache("bad")
    errors: list[BaseException] = [PurgeFailed("down"), ValueError("a bug"), PurgeFailed("busy", retry_after=0.1)]
    bad.failure = lambda targets: errors.pop() if errors else None
    async with delivering(metadata, good, bad) as delivery:
        await removed(metadata, delivery, "cat")
        await emptied(metadata)
    assert (good.purged, bad.purged) == ({"cat": 1}, {"cat": 4})


async def test_a_purger_that_hangs_does_not_delay_another() -> None:
    metadata, good, slow = MemoryMetadata("memory:"), Cache("good"), Cache("slow")
    slow.gate = asyncio.Event()
    async with delivering(metadata, good, slow) as delivery:
        for number in range(20):
            await removed(metadata, delivery, f"cat{number}")
        await until(lambda: len(good.purged) == 20)
        assert len(slow.batches) == 1
        slow.gate.set()
        await emptied(metadata)
    assert max(map(len, slow.batches)) == Cache.max_batch


async def test_a_refused_purge_does_not_take_others_with_it() -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    cache.failure = lambda targets: (
        PurgeFailed("no such tag", is_refused=True) if "bad" in {target.id for target in targets} else None
    )
    for id in ("cat", "bad", "dog"):
        await left(metadata, id)
    async with delivering(metadata, cache):
        async with asyncio.timeout(60):
            while [purge.id for purge in await all_purges(metadata)] != ["bad"]:
                await asyncio.sleep(0.01)
        await until(lambda: cache.purged["bad"] > 2)
        await left(metadata, "bird")
        await until(lambda: cache.purged["bird"])


async def test_a_purge_stays_in_the_outbox_while_the_purger_is_down_and_is_not_claimed_without_end() -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    cache.failure = lambda targets: PurgeFailed("down", retry_after=3_600)
    await left(metadata, "cat")
    async with delivering(metadata, cache):
        await until(lambda: cache.batches)
        await asyncio.sleep(0.2)  # many polls
        (purge,) = await all_purges(metadata)
    assert (purge.attempts, len(cache.batches)) == (1, 1)


async def test_a_catalog_that_is_down_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    await left(metadata, "cat")
    due, failures = metadata.due_purges, [Unavailable("down", outcome_known=True)] * 3

    async def failing(now: datetime, limit: int) -> list[Purge]:
        if failures:
            raise failures.pop()
        return await due(now, limit)

    monkeypatch.setattr(metadata, "due_purges", failing)
    async with delivering(metadata, cache):
        await emptied(metadata)


async def test_the_progress_with_purgers_that_are_not_configured_any_more_does_not_count() -> None:
    metadata, cache = MemoryMetadata("memory:"), Cache()
    purge = await left(metadata, "cat")
    await metadata.update_purge(purge, replace(purge, state="+cache -gone"))
    async with delivering(metadata, cache):
        await emptied(metadata)
    assert cache.batches == []


def test_a_progress_is_read_as_it_was_written() -> None:
    names = ["a", "b", "c"]
    progress = Progress.parse("new", names).confirmed(["a", "b"], is_final=False).confirmed(["b"], is_final=True)
    assert str(progress) == "+b -a"
    again = Progress.parse(str(progress), names)
    assert [again.has(name, is_final=False) for name in names] == [True, True, False]
    assert [again.has(name, is_final=True) for name in names] == [False, True, False]


def test_a_circuit_opens_after_failures_and_closes_after_a_success() -> None:
    now = 0.0
    circuit = Circuit(lambda: now)
    for _ in range(2):
        circuit.failed(None)
        assert circuit.seconds_left == 0
    circuit.failed(None)
    assert 0.5 <= circuit.seconds_left <= 1
    for _ in range(20):
        circuit.failed(None)
    assert 30 <= circuit.seconds_left <= 60
    circuit.failed(1e9)
    assert circuit.seconds_left == 300
    now = 301.0
    assert circuit.seconds_left == 0
    circuit.succeeded()
    circuit.failed(None)
    assert circuit.seconds_left == 0


def test_tags_are_those_of_the_deployment_and_stay_the_same() -> None:
    assert TAGS.of("cat") == Tags("0123456789abcdef0123456789abcdef").of("cat") == "pmo-f6fc5f6be18db626c8e46356"
    assert len({TAGS.of("cat"), TAGS.of("Cat"), TAGS.of("c"), Tags("f" * 32).of("cat")}) == 4
    assert TAGS.deployment != Tags("f" * 32).deployment


def test_the_paths_of_an_id_have_both_of_its_spellings() -> None:
    assert paths_of("cat") == ("/derived/cat-*", "/derived/cat@*", "/original/cat*", "/info/cat*")
    assert [path for path in paths_of("é") if path.startswith("/info/")] == ["/info/%C3%A9*", "/info/e%CC%81*"]
