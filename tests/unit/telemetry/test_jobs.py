"""Metrics of failed jobs and ended workers, with real workers that crash, hang and send malformed answers."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from pymager.errors import Overloaded, PymagerError
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool
from tests.unit.telemetry.counted import above_zero, counted, times
from tests.unit.workers.pools import ACCEPTED, MISBEHAVING, TIMEOUT_SECONDS, rendered, until


def job_file(folder: Path, behaviour: str) -> Path:
    path = folder / "job"
    path.write_text(behaviour)
    return path


def pool(shared: SharedMetrics, **limits: float) -> WorkerPool:
    given = WorkerLimits(**{"wall_seconds": TIMEOUT_SECONDS} | limits)
    return WorkerPool(1, 0, given, ACCEPTED, program=MISBEHAVING, observer=Observer(Metrics(shared)))


@pytest.mark.parametrize(
    ("behaviour", "limits", "reason", "end"),
    [
        ("segfault", {}, "crashed", "crashed"),
        ("exit", {}, "exited", "exited"),
        ("loop", {"cpu_seconds": 1}, "cpu_limit", "cpu_limit"),
        ("hang", {"wall_seconds": 0.5}, "timeout", "stopped"),
        ("killed 2", {}, "killed", "killed"),
        ("hang-up", {}, "malformed_answer", "stopped"),
        ("no-picture", {}, "not_a_picture", None),
        ("too-much", {}, "over_a_limit", None),
        ("absent", {}, "gone", None),
    ],
)
async def test_a_job_that_fails_and_its_worker_are_counted_under_their_reasons(
    tmp_path: Path, behaviour: str, limits: dict[str, float], reason: str, end: str | None
) -> None:
    shared = SharedMetrics()
    file = job_file(tmp_path, behaviour)
    if behaviour == "absent":
        file.unlink()
    async with pool(shared, **limits) as workers:
        with pytest.raises(PymagerError):
            await rendered(workers, file)
        assert above_zero(shared, "pymager_job_failures_total") == {("render", reason): 1}
        if end is not None:
            await until(lambda: bool(above_zero(shared, "pymager_worker_restarts_total")))
            assert {why for (why,) in above_zero(shared, "pymager_worker_restarts_total")} == {end}
        assert counted(shared, "pymager_jobs_running", "render") == [0.0]


async def test_running_and_refused_jobs_are_counted(tmp_path: Path) -> None:
    shared = SharedMetrics()
    async with pool(shared) as workers:
        job = asyncio.create_task(rendered(workers, job_file(tmp_path, "hang")))
        await until(lambda: counted(shared, "pymager_jobs_running", "render") == [1.0])
        with pytest.raises(Overloaded):
            await workers.inspect(tmp_path / "job")
        assert above_zero(shared, "pymager_job_failures_total") == {("inspection", "overloaded"): 1}
        job.cancel()
        await asyncio.wait([job])
        assert counted(shared, "pymager_jobs_running", "render") == [0.0]
        assert ("render", "other") not in above_zero(shared, "pymager_job_failures_total")


async def test_a_worker_replaced_after_its_jobs_has_its_own_reason(tmp_path: Path) -> None:
    shared = SharedMetrics()
    async with pool(shared, max_jobs=2) as workers:
        for _ in range(2):
            await rendered(workers, job_file(tmp_path, "fine"))
        await until(lambda: above_zero(shared, "pymager_worker_restarts_total") == {("max_jobs",): 1})
        await until(lambda: workers.state.started == 2 and len(workers.state.pids) == 1)
        os.kill(workers.state.pids[0], signal.SIGKILL)
        await until(lambda: above_zero(shared, "pymager_worker_restarts_total") == {("max_jobs",): 1, ("killed",): 1})
    assert times(shared, "pymager_job_seconds", "render") == times(shared, "pymager_job_wait_seconds", "render") == 2
