"""The report of a long storm, and its servers: what nobody watches has to say what happened."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.live import long_storm
from tests.live.long_storm import FAILED, INTERRUPTED, PASSED, Leg, Report
from tests.live.program import until
from tests.servers import Minio

pytestmark = pytest.mark.live


def leg(outcome: str, seed: int, **more: object) -> Leg:
    return Leg("minio+postgresql", seed, "2026-11-29T01:28:09+00:00", outcome, 3_600.0, **more)  # type: ignore[arg-type]


def test_the_report_sums_up_what_passed_and_says_how_to_repeat_what_failed(tmp_path: Path) -> None:
    struck = {"upload.blob-put": 2, "stopped and continued": 1}
    Report(tmp_path / "report").add(leg(PASSED, 7, kills=2, stops=1, operations=1_500, histories=31, struck=struck))
    report = Report(tmp_path / "report")  # a run that is started again adds to it
    report.add(leg(FAILED, 8, kills=9, impossible=["id-3: [0.0 to 1.0] get"], error="AssertionError: id-3"))
    report.add(leg(INTERRUPTED, 9, kills=5, restarted=1))
    text = (tmp_path / "report.md").read_text()
    assert "| minio+postgresql | 1 | 2 | 1 | 1,500 | 31 | 1 | 3.0 |" in text
    assert "ROUNDS=1 SEED=8" in text
    assert "not linearizable: id-3: [0.0 to 1.0] get" in text
    assert "1 legs were interrupted. 1 servers ended by themselves." in text
    assert "- upload.blob-put: 2" in text
    assert len(report.legs()) == 3


async def test_a_leg_that_fails_is_kept_and_the_next_one_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_leg(pair: str, seed: int, folder: Path) -> Leg:
        (folder / "log").touch()
        return leg(FAILED if seed % 2 else PASSED, seed, kills=1)

    monkeypatch.setattr(long_storm, "run_leg", run_leg)
    said: list[str] = []
    code = await long_storm.storm(Report(tmp_path / "r"), "minio+postgresql", 12, 0, tmp_path / "kept", said.append)
    assert (code, len(said)) == (1, 12)
    kept = list((tmp_path / "kept").iterdir())
    assert len(kept) == 5 < 6  # of six failed ones: the disk is bounded
    assert all((folder / "log").exists() for folder in kept)


async def test_a_server_that_dies_is_started_again_on_its_data(minio: Minio) -> None:
    found = leg(PASSED, 1)
    watch = asyncio.create_task(long_storm._restart_dead([minio], found))
    try:
        os.kill(minio.pid, signal.SIGKILL)
        await until(lambda: found.restarted and not minio.has_ended and minio.answers(), "the server's next start")
    finally:
        watch.cancel()
