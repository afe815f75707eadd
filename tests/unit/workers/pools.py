"""Pools of misbehaving workers, and functions that wait for what they do."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymager.engine.jobs import Inspection, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.formats import Encoding
from pymager.sandbox.confinement import NONE, Confinement
from pymager.variants.variant import Variant
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool
from tests.unit.workers.misbehaving_worker import LEAST_HEIGHT

MISBEHAVING = (str(Path(__file__).with_name("misbehaving_worker.py")),)
ACCEPTED = PictureLimits(("JPEG",), pixels=12_345)
TARGET = RenderJob(Variant(80, 60, "jpeg"), Encoding(background=(1, 2, 3)))
UNSUPPORTED = """
import errno, runpy
from pymager.engine import template

def unsupported_fork():
    raise OSError(errno.EINVAL, "Invalid argument")

template.fork_sibling = unsupported_fork
runpy.run_path({program!r}, run_name="__main__")
"""
"""A program whose template cannot fork, made of another one."""
TIMEOUT_SECONDS = 60.0
USUAL_FILES = ["memory", "memory", "null", "null", "original", "pipe", "socket"]
"""The kinds of the open files of a worker process that runs a job."""


def pool(
    count: int = 1,
    queue: int = 8,
    program: tuple[str, ...] = MISBEHAVING,
    confinement: Confinement = NONE,
    **limits: float,
) -> WorkerPool:
    """A pool of workers that can misbehave: they are not confined, unless a test says so."""
    worker_limits = WorkerLimits(**{"wall_seconds": TIMEOUT_SECONDS} | limits)
    return WorkerPool(count, queue, worker_limits, ACCEPTED, confinement=confinement, program=program)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def worker_of(inspection: Inspection) -> int:
    """The process id of the misbehaving worker that has inspected a picture."""
    return inspection.height - LEAST_HEIGHT


def kinds_of_files(report: dict[str, Any]) -> list[str]:
    """What the open files in the report of a misbehaving worker are, sorted. `memory` says how much it uses."""
    kinds = {"statm": "memory", "status": "memory"}
    names = [Path(name.split(":")[0]) for name in report["files"].values()]
    return sorted("original" if name.suffix == ".txt" else kinds.get(name.name, name.name) for name in names)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def rendered(workers: WorkerPool, path: Path) -> bytes:
    async with workers.reserve() as worker:
        body = await worker.render(path, TARGET, path.parent)
    assert isinstance(body, bytes)
    return body
