"""Workers are tested on both event loops: the service runs on uvloop, and a test may not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from pymager.workers.pool import WorkerPool
from tests.unit.workers.pools import pool


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def job_file(tmp_path: Path) -> Callable[[str], Path]:
    """A function that writes a file with the behavior of a job."""
    count = iter(range(1_000))

    def write(what: str) -> Path:
        path = tmp_path / f"{next(count)}.txt"
        path.write_text(what)
        return path

    return write


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    """Two workers."""
    async with pool(2) as workers:
        yield workers
