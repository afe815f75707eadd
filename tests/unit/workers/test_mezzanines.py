"""Mezzanines that a worker process makes: files in the spool, which belong to the caller."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pymager.engine.jobs import Mezzanine
from pymager.errors import Undecodable
from tests.unit.workers.pools import pool

WANTED = Mezzanine(1_234, "0" * 64)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


async def test_an_inspection_makes_the_mezzanine_too(job_file: Callable[[str], Path], spool: Path) -> None:
    async with pool() as workers:
        made = (await workers.inspect(job_file("fine"), WANTED, spool)).mezzanine
        assert made is not None and made.parent == spool
        assert made.read_bytes() == b"mezzanine of 1234"
        assert (await workers.inspect(job_file("small"), WANTED, spool)).mezzanine is None
        assert (await workers.inspect(job_file("fine"))).mezzanine is None
    assert list(spool.iterdir()) == [made]


async def test_an_inspection_succeeds_although_its_mezzanine_cannot_be_written(
    job_file: Callable[[str], Path], tmp_path: Path
) -> None:
    async with pool() as workers:
        inspection = await workers.inspect(job_file("fine"), WANTED, tmp_path / "absent")
    assert (inspection.format, inspection.mezzanine) == ("jpeg", None)


async def test_a_mezzanine_can_be_made_by_a_job_of_its_own(job_file: Callable[[str], Path], spool: Path) -> None:
    async with pool() as workers, workers.reserve() as worker:
        made = await worker.make_mezzanine(job_file("fine"), WANTED, spool)
        assert made is not None and made.read_bytes() == b"mezzanine of 1234"
        assert await worker.make_mezzanine(job_file("small"), WANTED, spool) is None
        with pytest.raises(Undecodable):
            await worker.make_mezzanine(job_file("segfault"), WANTED, spool)
    assert list(spool.iterdir()) == [made]
