"""Metrics of leases: won, waited for, taken over and lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pymager.errors import LeaseHeld
from pymager.library import leases as held_leases
from pymager.library import singleflight
from pymager.library.singleflight import SingleFlight
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.testing.metadata_memory import MemoryMetadata
from tests.unit.telemetry.counted import above_zero


@asynccontextmanager
async def slot() -> AsyncIterator[int]:
    yield 1


async def nothing() -> str | None:
    return None


async def made(slot: int) -> str:
    return "a picture"


def flight(leases: MemoryMetadata, shared: SharedMetrics) -> SingleFlight[str, int]:
    return SingleFlight(leases, slot, observer=Observer(Metrics(shared)))


async def test_a_lease_that_is_free_is_won() -> None:
    shared = SharedMetrics()
    assert await flight(MemoryMetadata("memory:"), shared).run("key", nothing, made) == "a picture"
    assert above_zero(shared, "pymager_leases_total") == {("won",): 1}


async def test_a_held_lease_is_waited_for_and_taken_over_when_its_holder_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(singleflight, "TAKEOVER_SECONDS", 0.2)
    shared, leases = SharedMetrics(), MemoryMetadata("memory:")
    await leases.acquire("key")
    assert await flight(leases, shared).run("key", nothing, made) == "a picture"
    assert above_zero(shared, "pymager_leases_total") == {("waited",): 1, ("taken_over",): 1}


async def test_a_lease_that_another_holder_took_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_leases, "RENEWAL_SECONDS", 0.02)
    shared, leases = SharedMetrics(), MemoryMetadata("memory:")

    async def robbed(slot: int) -> str:
        token = ""
        while True:  # it may be renewed between the two
            try:
                await leases.acquire("key", token)
                break
            except LeaseHeld as held:
                token = held.token
        while ("lost",) not in above_zero(shared, "pymager_leases_total"):
            await asyncio.sleep(0.005)
        return "a picture"

    async with asyncio.timeout(30):
        assert await flight(leases, shared).run("key", nothing, robbed) == "a picture"
