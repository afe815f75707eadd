"""The template that the worker processes are forked from: what it is, and what happens when it ends or hangs."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pymager.errors import ConfigurationError, Undecodable
from pymager.workers import template
from pymager.workers.pool import WorkerPool
from tests.unit.workers.pools import (
    MISBEHAVING,
    UNSUPPORTED,
    USUAL_FILES,
    is_running,
    kinds_of_files,
    pool,
    rendered,
    until,
)

JobFile = Callable[[str], Path]

FAILING = """
import errno, os, runpy
from pathlib import Path
from pymager.engine import template

fork = template.fork_sibling

def failing_fork():
    failures = Path({failures!r})
    number = int(failures.read_text())
    failures.write_text(str(number - 1))
    if number > 0:
        raise OSError(errno.EAGAIN, "no more processes")
    return os._exit(3) if number == -100 else fork()

template.fork_sibling = failing_fork
runpy.run_path({program!r}, run_name="__main__")
"""


def template_of(workers: WorkerPool) -> int:
    pid = workers.state.template
    assert pid is not None
    return pid


async def test_the_template_has_one_thread_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYMAGER_TOKENS", "a-secret-token")
    async with pool() as workers:
        folder = Path(f"/proc/{template_of(workers)}")
        assert len(list((folder / "task").iterdir())) == 1
        assert b"a-secret-token" not in (folder / "environ").read_bytes()
        assert (folder / "oom_score_adj").read_text().strip() == "1000"
        assert (folder / "comm").read_text().strip() == "worker-template"


async def test_workers_are_forked_from_one_template_and_are_children_of_the_server(workers: WorkerPool) -> None:
    for pid in (*workers.state.pids, template_of(workers)):
        assert int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
    assert all(Path(f"/proc/{pid}/comm").read_text().strip() == "pymager-worker" for pid in workers.state.pids)


async def test_a_template_that_is_killed_ends_no_worker_and_is_replaced_with_the_next_one(job_file: JobFile) -> None:
    async with pool(2, max_jobs=1) as workers:
        first, waiting = template_of(workers), job_file("wait")
        job = asyncio.create_task(workers.inspect(waiting))
        await until(waiting.with_suffix(".started").exists)
        os.kill(first, signal.SIGKILL)
        await until(lambda: workers.state.template is None)
        assert not Path(f"/proc/{first}").exists()
        assert len(workers.state.pids) == 2
        waiting.with_suffix(".go").touch()
        assert (await job).format == "jpeg"
        await until(lambda: workers.state.template not in (None, first) and workers.state.idle == 2)
        assert workers.state.restarts == 0
        for _ in range(3):
            assert await rendered(workers, job_file("fine"))


async def test_a_template_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch, job_file: JobFile) -> None:
    monkeypatch.setattr(template, "_FORK_TIMEOUT_SECONDS", 5.0)
    async with pool() as workers:
        await workers.inspect(job_file("fine"))  # so that its end does not count as a failed start
        first = template_of(workers)
        os.kill(first, signal.SIGSTOP)
        os.kill(workers.state.pids[0], signal.SIGKILL)
        await until(lambda: workers.state.restarts == 1)
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"
        assert template_of(workers) != first
        assert not is_running(first)


async def test_a_fork_that_fails_is_tried_again(tmp_path: Path, job_file: JobFile) -> None:
    (failures := tmp_path / "failures").write_text("0")
    program = FAILING.format(failures=str(failures), program=MISBEHAVING[0])
    async with pool(program=("-c", program)) as workers:
        await workers.inspect(job_file("fine"))  # so that its end does not count as a failed start
        failures.write_text("1")
        os.kill(workers.state.pids[0], signal.SIGKILL)
        await until(lambda: workers.state.restarts == 1)
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"
        assert int(failures.read_text()) == -1


async def test_a_template_that_ends_instead_of_forking_is_replaced(tmp_path: Path, job_file: JobFile) -> None:
    (failures := tmp_path / "failures").write_text("0")
    program = FAILING.format(failures=str(failures), program=MISBEHAVING[0])
    async with pool(program=("-c", program)) as workers:
        await workers.inspect(job_file("fine"))  # so that its end does not count as a failed start
        first = template_of(workers)
        failures.write_text("-100")
        os.kill(workers.state.pids[0], signal.SIGKILL)
        await until(lambda: workers.state.restarts == 1)
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"
        assert template_of(workers) != first
        assert int(failures.read_text()) == -102


async def test_workers_load_the_decoders_themselves_where_the_system_cannot_fork_siblings(job_file: JobFile) -> None:
    async with pool(2, program=("-c", UNSUPPORTED.format(program=MISBEHAVING[0]))) as workers:
        assert workers.state.template is None
        first = workers.state.pids
        for pid in first:
            assert int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
            assert Path(f"/proc/{pid}/comm").read_text().strip() == "pymager-worker"
        assert await rendered(workers, job_file("fine"))
        with pytest.raises(Undecodable, match="crashed its worker process"):
            await workers.inspect(job_file("segfault"))
        await until(lambda: workers.state.idle == 2)
        assert len(set(first) & set(workers.state.pids)) == 1
        second = workers.state.pids
    assert not any(is_running(pid) for pid in (*first, *second))


async def test_the_start_fails_if_no_worker_can_be_forked(tmp_path: Path) -> None:
    (failures := tmp_path / "failures").write_text("1000")
    program = FAILING.format(failures=str(failures), program=MISBEHAVING[0])
    with pytest.raises(ConfigurationError, match="cannot be forked: Resource temporarily unavailable"):
        await pool(program=("-c", program)).__aenter__()


async def test_the_start_fails_if_the_decoders_leave_no_memory_for_pictures() -> None:
    with pytest.raises(ConfigurationError, match=r"PYMAGER_WORKER_MEMORY: .* the decoders take \d+ MiB"):
        await pool(memory=16 << 20).__aenter__()


async def test_a_worker_has_no_file_of_workers_that_were_forked_before(job_file: JobFile) -> None:
    async with pool(2, max_jobs=1) as workers:
        first, seen = set(workers.state.pids), 0
        while seen < 4:
            report = json.loads(await rendered(workers, job_file("report")))
            assert kinds_of_files(report) == USUAL_FILES
            seen += not first & set(workers.state.pids)  # all of the first workers were replaced
