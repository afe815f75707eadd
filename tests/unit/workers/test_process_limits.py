"""The limits of a worker process, which never outlives its server."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pymager.workers.pool import WorkerPool
from tests.unit.workers.pools import MISBEHAVING, USUAL_FILES, is_running, kinds_of_files, pool, rendered, until

JobFile = Callable[[str], Path]

SERVER = """
import asyncio, sys
from pathlib import Path
from pymager.engine.limits import PictureLimits
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool

async def main():
    async with WorkerPool(2, 1, WorkerLimits(), PictureLimits(("JPEG",)), program=[sys.argv[1]]) as workers:
        print(*workers.state.pids, workers.state.template, flush=True)
        await workers.inspect(Path(sys.argv[2]))

if sys.argv[3] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


async def test_a_worker_has_no_secret_in_its_environment(monkeypatch: pytest.MonkeyPatch, job_file: JobFile) -> None:
    monkeypatch.setenv("PYMAGER_TOKENS", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with pool() as workers:
        report = json.loads(await rendered(workers, job_file("report")))
    assert "secret" not in report["environment"].values()
    assert "PATH" in report["environment"]


async def test_a_worker_has_no_open_file_but_its_connection(job_file: JobFile) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)  # as in a server process that inherits the socket from its supervisor
        async with pool(3) as workers:
            reports = [json.loads(await rendered(workers, job_file("report"))) for _ in range(3)]
        port = f"socket:[{os.fstat(listener.fileno()).st_ino}]"
    for report in reports:
        assert kinds_of_files(report) == USUAL_FILES
        assert port not in report["files"].values()


async def test_a_worker_is_limited(job_file: JobFile) -> None:
    async with pool(memory=300 << 20) as workers:
        report = json.loads(await rendered(workers, job_file("report")))
    assert report["limits"]["AS"] == [300 << 20] * 2
    assert report["limits"]["FSIZE"] == [300 << 20] * 2
    assert report["limits"]["CORE"] == [0, 0]
    assert report["limits"]["NOFILE"] == [64, 64]
    assert report["death signal"] == signal.SIGKILL
    assert report["dumpable"] == 0
    assert report["no new privileges"] == 1
    assert report["oom score"] == 1_000
    assert report["nice"] >= 5
    assert report["group"]


def test_each_job_has_its_own_cpu_time_limit(job_file: JobFile) -> None:
    async def use_more_than_the_limit_of_one_job() -> int:
        async with pool(cpu_seconds=1) as workers:
            for _ in range(4):
                await rendered(workers, job_file("spin 0.6"))
            return workers.state.restarts

    assert asyncio.run(use_more_than_the_limit_of_one_job()) == 0


async def test_a_worker_ignores_sigterm(workers: WorkerPool, job_file: JobFile) -> None:
    for pid in workers.state.pids:
        os.kill(pid, signal.SIGTERM)
    for _ in range(4):
        assert await rendered(workers, job_file("fine"))
    assert workers.state.restarts == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_workers_and_their_template_end_when_their_server_is_killed(loop: str, job_file: JobFile) -> None:
    path = job_file("hang")
    command = [sys.executable, "-c", SERVER, *MISBEHAVING, str(path), loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 3
        assert all(is_running(pid) for pid in pids)
        assert server.poll() is None
        server.kill()
    asyncio.run(until(lambda: not any(is_running(pid) for pid in pids)))


def test_a_worker_whose_server_has_ended_does_not_start() -> None:
    code = "from pymager.process_limits import die_with_parent; die_with_parent(1 << 30); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")
