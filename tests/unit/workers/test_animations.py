"""Animations of one client do not stop the renders of others."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from pymager.errors import Overloaded
from pymager.telemetry.context import CURRENT, RequestContext
from pymager.workers.cost import Work
from pymager.workers.pool import WorkerPool
from pymager.workers.queue import JobKind
from tests.unit.workers.pools import TARGET, pool, rendered, until

LONG = Work("animation", 0.5)


async def animation(workers: WorkerPool, path: Path, client: str) -> object:
    CURRENT.set(RequestContext("request", client, 0.0))
    async with workers.reserve(JobKind.ANIMATION, LONG) as worker:
        return await worker.render(path, TARGET, path.parent)


async def still(workers: WorkerPool, path: Path, client: str) -> bytes:
    CURRENT.set(RequestContext("request", client, 0.0))
    return await rendered(workers, path)


@pytest.mark.parametrize("count", [2, 3])
async def test_a_flood_of_animations_leaves_a_worker_for_the_renders_of_others(
    count: int, job_file: Callable[[str], Path]
) -> None:
    """No animation ends before all other renders are done."""
    async with pool(count, queue=8) as workers:
        paths = [job_file("wait") for _ in range(8 + count - 1)]
        flood = [asyncio.create_task(animation(workers, path, "10.0.0.1")) for path in paths]
        await until(lambda: sum(path.with_suffix(".started").exists() for path in paths) == count - 1)
        await until(lambda: workers.state.animations == 8)
        with pytest.raises(Overloaded) as refusal:
            await animation(workers, job_file("fine"), "10.0.0.1")
        assert refusal.value.retry_after > 1
        for number in range(12):
            client = "10.0.0.1" if number % 3 == 0 else f"10.0.1.{number}"
            assert await still(workers, job_file("fine"), client)
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"
        assert not any(task.done() for task in flood)
        for path in paths:
            path.with_suffix(".go").touch()
        await asyncio.gather(*flood)


async def test_the_only_worker_serves_the_renders_of_others_between_animations(job_file: Callable[[str], Path]) -> None:
    """By order: after one animation all renders that wait are done before the next animation begins."""
    async with pool(1, queue=8) as workers:
        first, *others = [job_file("wait") for _ in range(4)]
        flood = [asyncio.create_task(animation(workers, path, "10.0.0.1")) for path in (first, *others)]
        await until(lambda: first.with_suffix(".started").exists() and workers.state.animations == 3)
        stills = [asyncio.create_task(still(workers, job_file("fine"), f"10.0.1.{number}")) for number in range(8)]
        await until(lambda: workers.state.renders == 8)
        first.with_suffix(".go").touch()
        await asyncio.gather(*stills)
        assert [task.done() for task in flood] == [True, False, False, False]
        for path in others:
            path.with_suffix(".go").touch()
        await asyncio.gather(*flood)
