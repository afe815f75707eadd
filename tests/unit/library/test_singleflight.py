"""Single-flight: one render at a time in a process and between replicas, even if the holder fails."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from pymager.errors import LeaseHeld, NotAPicture, Overloaded, Unavailable
from pymager.library import leases as held_leases
from pymager.library import singleflight
from pymager.library.singleflight import SingleFlight
from pymager.ports import Lease
from tests.unit.hooked import HookedMetadata, away, lost, once
from tests.waiting import until

KEY = "derived/cat"


class Pictures:
    """The pictures that exist, how often each was made, and a gate that holds renders back."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.made: list[str] = []
        self.began = 0
        self.looks = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    def run(self, flight: SingleFlight[str, int], key: str = KEY) -> asyncio.Task[str]:
        return asyncio.create_task(flight.run(key, lambda: self.look(key), lambda slot: self.make(key, slot)))

    async def look(self, key: str) -> str | None:
        self.looks += 1
        await asyncio.sleep(0)
        return self.there.get(key)

    async def make(self, key: str, slot: int) -> str:
        self.began += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.made.append(key)
        self.there[key] = f"{key} by {slot}"
        return self.there[key]


@asynccontextmanager
async def slot() -> AsyncIterator[int]:
    yield 1


@pytest.fixture(autouse=True)
async def _nothing_left_behind() -> AsyncIterator[None]:
    """No task is left running, and no exception of a task is lost."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    before = asyncio.all_tasks()
    yield
    await until(lambda: not (asyncio.all_tasks() - before - {asyncio.current_task()}))
    gc.collect()
    assert complaints == []


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture
def leases() -> HookedMetadata:
    return HookedMetadata()


def flight_over(
    leases: HookedMetadata,
    slots: Callable[[], AbstractAsyncContextManager[int]] = slot,
    deadline: float = 60.0,
) -> SingleFlight[str, int]:
    return SingleFlight(leases, slots, deadline=deadline)


async def is_free(leases: HookedMetadata, key: str = KEY) -> bool:
    try:
        lease = await leases.inner.acquire(key)
    except LeaseHeld:
        return False
    await leases.inner.release(lease)
    return True


async def test_two_hundred_concurrent_callers_render_once(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    results = await asyncio.gather(*(pictures.run(flight) for _ in range(200)))
    assert set(results) == {f"{KEY} by 1"}
    assert pictures.made == [KEY]
    assert leases.calls["acquire"] == 1
    assert len(flight) == 0
    assert await is_free(leases)


async def test_two_replicas_render_once(pictures: Pictures, leases: HookedMetadata) -> None:
    replicas = [flight_over(leases), flight_over(leases), flight_over(HookedMetadata(leases.inner))]
    pictures.gate.clear()
    tasks = [pictures.run(replica) for replica in replicas for _ in range(50)]
    await until(lambda: leases.calls["acquire"] > 3)  # they have seen each other's lease
    pictures.gate.set()
    assert set(await asyncio.gather(*tasks)) == {f"{KEY} by 1"}
    assert pictures.made == [KEY]


async def test_different_variants_do_not_wait_for_each_other(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    pictures.gate.clear()
    tasks = [pictures.run(flight, str(number)) for number in range(20)]
    await until(lambda: pictures.began == 20)
    pictures.gate.set()
    await asyncio.gather(*tasks)
    assert sorted(pictures.made) == sorted(map(str, range(20)))


async def test_the_holder_of_the_lease_looks_again_before_it_renders(
    pictures: Pictures, leases: HookedMetadata
) -> None:
    async def finished_by_another(*arguments: object) -> None:
        pictures.there[KEY] = "another's"

    leases.before["acquire"] = finished_by_another
    assert await pictures.run(flight_over(leases)) == "another's"
    assert pictures.made == []
    assert await is_free(leases)


async def test_the_render_continues_when_the_first_client_leaves(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    pictures.gate.clear()
    first, second = pictures.run(flight), pictures.run(flight)
    await until(lambda: pictures.began)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    pictures.gate.set()
    assert await second == f"{KEY} by 1"
    assert pictures.made == [KEY]


async def test_the_render_is_finished_even_if_every_client_has_left(pictures: Pictures, leases: HookedMetadata) -> None:
    for count, error in enumerate((None, NotAPicture("broken")), 1):
        pictures.error = error
        pictures.gate.clear()
        flight = flight_over(leases)
        client = pictures.run(flight, str(error))
        await until(lambda: pictures.began == count)  # noqa: B023
        client.cancel()
        await asyncio.wait([client])
        pictures.gate.set()
        await until(lambda: len(flight) == 0)  # noqa: B023
        assert await is_free(leases, str(error))
    assert pictures.made == ["None"]


class Slots:
    """A gate before the slots; counts who waits and who holds one."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.waiting = self.held = self.reserved = 0

    @asynccontextmanager
    async def reserve(self) -> AsyncIterator[int]:
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        self.held += 1
        self.reserved += 1
        try:
            yield self.reserved
        finally:
            self.held -= 1


async def canceled(*tasks: asyncio.Task[str]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_work_that_waits_for_a_slot_is_dropped_when_every_client_has_left(
    pictures: Pictures, leases: HookedMetadata
) -> None:
    slots = Slots()
    flight = flight_over(leases, slots.reserve)
    first, second = pictures.run(flight), pictures.run(flight)
    await until(lambda: slots.waiting == 1)
    await canceled(first)
    assert (len(flight), slots.waiting) == (1, 1)  # the second client still waits
    await canceled(second)
    await until(lambda: slots.waiting == 0)
    slots.gate.set()
    await flight.close(60)
    assert (pictures.began, slots.reserved, leases.calls["acquire"]) == (0, 0, 0)


async def test_work_that_waits_for_another_replica_is_dropped_when_every_client_has_left(
    pictures: Pictures, leases: HookedMetadata
) -> None:
    other = await leases.inner.acquire(KEY)
    flight = flight_over(leases)
    client = pictures.run(flight)
    await until(lambda: pictures.looks > 1)
    await canceled(client)
    await flight.close(60)
    await leases.inner.release(other)
    assert pictures.began == 0
    assert await is_free(leases)


@pytest.mark.parametrize("hooks", ["before", "after"])
async def test_a_lease_that_is_won_when_every_client_has_left_is_released(
    pictures: Pictures, leases: HookedMetadata, hooks: str
) -> None:
    go_on = asyncio.Event()

    async def wait(*arguments: object) -> None:
        await go_on.wait()

    getattr(leases, hooks)["acquire"] = wait
    slots = Slots()
    slots.gate.set()
    flight = flight_over(leases, slots.reserve)
    client = pictures.run(flight)
    await until(lambda: leases.calls["acquire"])
    await canceled(client)
    go_on.set()
    await flight.close(60)
    assert (pictures.began, slots.held, leases.calls["release"]) == (0, 0, 1)
    assert await is_free(leases)


async def test_closing_waits_until_dropped_work_has_released_its_lease(
    pictures: Pictures, leases: HookedMetadata
) -> None:
    go_on = asyncio.Event()

    async def wait(*arguments: object) -> None:
        await go_on.wait()

    leases.after["acquire"] = wait
    flight = flight_over(leases)
    client = pictures.run(flight)
    await until(lambda: leases.calls["acquire"])
    await canceled(client)
    closing = asyncio.create_task(flight.close(0))
    await asyncio.wait([closing], timeout=0.02)
    assert not closing.done()
    go_on.set()
    await closing
    assert await is_free(leases)


async def test_the_lease_is_released_when_every_client_has_left_before_the_render(
    pictures: Pictures, leases: HookedMetadata
) -> None:
    looking = asyncio.Event()

    async def look() -> None:
        looking.set()
        await asyncio.Event().wait()

    flight = flight_over(leases)
    client = asyncio.create_task(flight.run(KEY, look, lambda slot: pictures.make(KEY, slot)))
    await looking.wait()
    assert not await is_free(leases)
    await canceled(client)
    await flight.close(60)
    assert pictures.began == 0
    assert await is_free(leases)


@pytest.mark.parametrize("is_queued", [True, False])
@pytest.mark.parametrize("ticks", range(12))
async def test_a_client_that_arrives_while_work_is_dropped_gets_a_picture(
    pictures: Pictures, leases: HookedMetadata, ticks: int, is_queued: bool
) -> None:
    """The new client arrives this many steps of the event loop after the last one has left."""
    slots = Slots()
    flight = flight_over(leases, slots.reserve)
    leaving = pictures.run(flight)
    await until(lambda: slots.waiting)
    if not is_queued:
        slots.gate.set()
    leaving.cancel()
    for _ in range(ticks):
        await asyncio.sleep(0)
    arriving = pictures.run(flight)
    await asyncio.sleep(0)
    slots.gate.set()
    await arriving
    assert leaving.cancelled()
    await flight.close(60)
    assert pictures.made == [KEY]
    assert (slots.waiting, slots.held, len(flight)) == (0, 0, 0)
    assert await is_free(leases)


async def test_closing_waits_for_no_render_whose_clients_have_left(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    pictures.gate.clear()
    left, waited_for = pictures.run(flight, "left"), pictures.run(flight, "waited for")
    await until(lambda: pictures.began == 2)
    await canceled(left)
    assert len(flight) == 2  # it continues while the service runs
    closing = asyncio.create_task(flight.close(60))
    await until(lambda: len(flight) == 1)
    assert not closing.done()
    pictures.gate.set()
    await closing
    assert await waited_for == "waited for by 1"
    assert pictures.made == ["waited for"]
    assert await is_free(leases, "left")


async def test_a_failure_reaches_all_callers_and_releases_the_lease(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    pictures.error = NotAPicture("broken")
    outcomes = await asyncio.gather(*(pictures.run(flight) for _ in range(200)), return_exceptions=True)
    assert {(type(outcome), str(outcome)) for outcome in outcomes} == {(NotAPicture, "broken")}
    assert await is_free(leases)
    pictures.error = None
    assert await pictures.run(flight) == f"{KEY} by 1"


async def test_a_bug_releases_the_lease_too(pictures: Pictures, leases: HookedMetadata) -> None:
    pictures.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await pictures.run(flight_over(leases))
    assert await is_free(leases)


async def test_without_a_free_slot_it_is_refused(pictures: Pictures, leases: HookedMetadata) -> None:
    @asynccontextmanager
    async def none() -> AsyncIterator[int]:
        raise Overloaded("full")
        yield 1

    with pytest.raises(Overloaded, match="full"):
        await pictures.run(flight_over(leases, none))
    assert leases.calls["acquire"] == 0


async def test_a_caller_that_waits_for_another_replica_needs_no_slot(
    pictures: Pictures, leases: HookedMetadata
) -> None:
    tries = 0

    @asynccontextmanager
    async def first_only() -> AsyncIterator[int]:
        nonlocal tries
        tries += 1
        if tries > 1:
            raise Overloaded("full")
        yield 1

    await leases.inner.acquire(KEY)
    waiting = pictures.run(flight_over(leases, first_only))
    await until(lambda: tries > 3)
    pictures.there[KEY] = "another's"
    assert await waiting == "another's"


async def test_a_dead_holders_lease_is_taken_over_after_three_seconds_and_not_before(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(singleflight, "TAKEOVER_SECONDS", 0.3)
    attempts: list[tuple[float, str | None]] = []

    async def note(name: str, instead_of: str | None = None) -> None:
        attempts.append((monotonic(), instead_of))

    dead = await leases.inner.acquire(KEY)
    leases.before["acquire"] = note
    assert await pictures.run(flight_over(leases)) == f"{KEY} by 1"
    assert [instead for _, instead in attempts] == [None] * (len(attempts) - 1) + [dead.token]
    assert attempts[-1][0] - attempts[0][0] >= 0.3
    assert await is_free(leases)


async def test_a_lease_whose_token_changes_is_never_taken_over(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(singleflight, "TAKEOVER_SECONDS", 0.05)
    attempts: list[
        str | None
    ] = []  # of the later ones each names the token that it saw last, and that is another by now
    lease: Lease = await leases.inner.acquire(KEY)

    async def renew(name: str, instead_of: str | None = None) -> None:
        nonlocal lease
        attempts.append(instead_of)
        if len(attempts) < 10:
            lease = await leases.inner.renew(lease)
        elif len(attempts) == 10:
            await leases.inner.release(lease)

    leases.before["acquire"] = renew
    assert await pictures.run(flight_over(leases)) == f"{KEY} by 1"
    assert len(attempts) == 10


async def test_a_lease_is_renewed_during_the_whole_render(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_leases, "RENEWAL_SECONDS", 0.01)
    pictures.gate.clear()
    making = pictures.run(flight_over(leases))
    await until(lambda: leases.calls["renew"] >= 5)
    assert not await is_free(leases)
    pictures.gate.set()
    await making
    assert leases.calls["acquire"] == 1
    assert await is_free(leases)


async def test_a_paused_holder_that_continues_is_harmless(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_leases, "RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(singleflight, "TAKEOVER_SECONDS", 0.1)
    paused, awake = HookedMetadata(leases.inner), asyncio.Event()

    async def pause(*arguments: object) -> None:
        await awake.wait()

    paused.before["renew"] = pause
    pictures.gate.clear()
    first = pictures.run(flight_over(paused))
    await until(lambda: paused.calls["renew"])
    second = pictures.run(flight_over(leases))
    await until(lambda: pictures.began == 2)
    awake.set()
    await until(lambda: leases.calls["renew"] >= 2)
    assert not await is_free(leases)  # the second's lease stands, though the first is awake
    pictures.gate.set()
    assert set(await asyncio.gather(first, second)) == {f"{KEY} by 1"}
    assert paused.calls["release"] == 0
    assert await is_free(leases)


async def test_a_failed_renewal_is_retried(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_leases, "RENEWAL_SECONDS", 0.01)
    leases.before["renew"] = once(away)
    pictures.gate.clear()
    making = pictures.run(flight_over(leases))
    await until(lambda: leases.calls["renew"] >= 3)
    pictures.gate.set()
    await making
    assert await is_free(leases)


async def test_a_renewal_with_a_lost_answer_does_not_stop_the_render(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_leases, "RENEWAL_SECONDS", 0.01)
    leases.after["renew"] = once(lost)
    pictures.gate.clear()
    making = pictures.run(flight_over(leases))
    await until(lambda: leases.calls["renew"] >= 2)
    pictures.gate.set()
    assert await making == f"{KEY} by 1"


async def test_a_failed_release_does_not_affect_the_result(pictures: Pictures, leases: HookedMetadata) -> None:
    leases.before["release"] = away
    assert await pictures.run(flight_over(leases)) == f"{KEY} by 1"


async def test_after_the_deadline_waiting_ends(
    pictures: Pictures, leases: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(singleflight, "TAKEOVER_SECONDS", 60.0)
    await leases.inner.acquire(KEY)
    with pytest.raises(Unavailable, match="lease") as caught:
        await pictures.run(flight_over(leases, deadline=0.1))
    assert caught.value.outcome_known


async def test_unavailable_leases_raise_unavailable(pictures: Pictures, leases: HookedMetadata) -> None:
    leases.before["acquire"] = away
    with pytest.raises(Unavailable):
        await pictures.run(flight_over(leases))


async def test_closing_waits_for_running_work(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    await flight.close(60)
    pictures.gate.clear()
    making = pictures.run(flight)
    await until(lambda: pictures.began)
    draining = asyncio.create_task(flight.close(60))
    await asyncio.wait([draining], timeout=0.02)
    assert not draining.done()
    pictures.gate.set()
    await draining
    assert await making == f"{KEY} by 1"


async def test_closing_cancels_late_work_and_releases_its_lease(pictures: Pictures, leases: HookedMetadata) -> None:
    flight = flight_over(leases)
    pictures.gate.clear()
    making = pictures.run(flight)
    await until(lambda: pictures.began)
    await flight.close(0)
    with pytest.raises(asyncio.CancelledError):
        await making
    assert pictures.made == []
    assert await is_free(leases)
