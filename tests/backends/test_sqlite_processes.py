"""Several processes on one SQLite file, some of which are killed."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from pymager.testing.metadata_originals import an_original
from pymager_sql import SqlMetadata

PROCESS = Path(__file__).parent / "sqlite_process.py"
DEADLINE = 60.0


async def test_an_error_of_commit_itself_leaves_the_outcome_unknown(path: Path, url: str) -> None:
    answer = json.loads((await processes(url, ("cramped", str(path))))[0])
    assert answer == {"outcome_known": False, "ids": ["after", "before"]}


@pytest.mark.parametrize(("point", "kept"), [("sql.before-commit", False), ("sql.after-commit", True)])
async def test_a_process_that_is_killed_leaves_the_row_whole_or_not_at_all(
    store: SqlMetadata, url: str, point: str, kept: bool
) -> None:
    assert await processes(url, ("die", point), status=-signal.SIGKILL) == [""]
    rows = (await store.list_page(None, 10)).items
    assert [row.id for row in rows] == (["cat"] if kept else [])
    await store.add(an_original("dog"))


async def test_several_processes_may_start_at_once_on_an_empty_file(tmp_path: Path) -> None:
    for attempt in range(3):
        url = f"sqlite:///{tmp_path}/{attempt}/catalog.db?timeout=30"
        names = [f"process{number}" for number in range(5)]
        await processes(url, *(("open", name) for name in names))
        async with SqlMetadata(url) as store:
            assert [row.id for row in (await store.list_page(None, 10)).items] == names


async def test_of_several_processes_that_add_the_same_ids_each_id_has_one_winner(
    store: SqlMetadata, path: Path
) -> None:
    answers = await processes(f"sqlite:///{path}?timeout=30", *[("rival", "")] * 4)
    winners = [winner for answer in answers for winner in json.loads(answer).items()]
    rows = (await store.list_page(None, 1000)).items
    assert sorted(winners) == sorted((row.id, row.revision) for row in rows)
    assert len(rows) == 40


async def processes(url: str, *tasks: tuple[str, str], status: int = 0) -> list[str]:
    """Run a process for each task, let all begin at once when each is ready, and return their last lines."""
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROCESS), what, url, name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for what, name in tasks
    ]
    try:
        async with asyncio.timeout(DEADLINE):
            for process in running:
                assert process.stdout is not None
                assert await process.stdout.readline() == b"ready\n"
            answers = await asyncio.gather(*(process.communicate(b"\n") for process in running))
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert [process.returncode for process in running] == [status] * len(running)
    return [out.decode().strip() for out, _ in answers]
