"""The worker pool, with real processes that crash, hang and send malformed answers."""

import asyncio
import io
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from PIL import Image

from pymager.engine.limits import PictureLimits
from pymager.errors import (
    ConfigurationError,
    NoSpace,
    NotAPicture,
    NotFound,
    Overloaded,
    Unavailable,
    Undecodable,
)
from pymager.workers import process
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool
from tests.pictures import jpeg
from tests.unit.workers.pools import MISBEHAVING, TARGET, is_running, pool, rendered, until, worker_of

JobFile = Callable[[str], Path]


def open_files() -> int:
    """How many sockets, pipes and process handles are open here; uvloop can open /dev/null at any time."""
    kinds = [str(file.readlink()) for file in list(Path("/proc/self/fd").iterdir()) if file.is_symlink()]
    return sum(not kind.startswith("/") for kind in kinds)


def resident(pid: int) -> int:
    """The resident memory of a process in bytes, proc(5)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_job_gets_its_request_and_returns_its_result(workers: WorkerPool, job_file: JobFile) -> None:
    inspection = await workers.inspect(job_file("fine"))
    assert (inspection.format, inspection.width) == ("jpeg", 12_345)
    assert worker_of(inspection) in workers.state.pids
    assert await rendered(workers, job_file("largest")) == bytes(range(256)) * (4 << 12)
    _, size, background = (await rendered(workers, job_file("fine"))).decode().split(" ", 2)
    assert (size, background) == ("80x60", "(1, 2, 3)")


async def test_the_engine_works_in_the_sandbox(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(jpeg(640, 100))
    limits = PictureLimits(("JPEG",))
    async with WorkerPool(1, 1, WorkerLimits(), limits) as workers:
        inspection = await workers.inspect(path)
        assert (inspection.format, inspection.width, inspection.height) == ("jpeg", 640, 100)
        assert (inspection.description.frames, inspection.description.alpha) == (1, False)
        path.write_bytes(path.read_bytes()[:-2_000])
        with pytest.raises(NotAPicture):
            await workers.inspect(path)
        path.write_bytes(jpeg(320, 240))
        body = await rendered(workers, path)
    assert Image.open(io.BytesIO(body)).size == TARGET.variant.size


async def test_the_bytes_of_the_original_can_be_the_answer(
    workers: WorkerPool, job_file: JobFile, tmp_path: Path
) -> None:
    async with workers.reserve() as worker:
        assert await worker.render(job_file("original"), TARGET, tmp_path) is None


async def test_a_large_variant_is_returned_as_a_file(workers: WorkerPool, job_file: JobFile, tmp_path: Path) -> None:
    (spool := tmp_path / "spool").mkdir()
    async with workers.reserve() as worker:
        file = await worker.render(job_file("big"), TARGET, spool)
    assert list(spool.iterdir()) == [file]
    assert isinstance(file, Path)
    assert file.read_bytes() == b"\xff" * (5 << 20)


async def test_a_missing_spool_folder_is_not_a_bad_picture(workers: WorkerPool, job_file: JobFile) -> None:
    async with workers.reserve() as worker:
        with pytest.raises(Unavailable, match="spool"):
            await worker.render(job_file("big"), TARGET, Path("/nonexistent"))


async def test_a_full_spool_raises_no_space(
    workers: WorkerPool, job_file: JobFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    monkeypatch.setattr("secrets.token_hex", lambda size: "full")
    monkeypatch.setattr(process, "_RESULT_FLAGS", os.O_WRONLY | os.O_CLOEXEC)
    async with workers.reserve() as worker:
        with pytest.raises(NoSpace):
            await worker.render(job_file("big"), TARGET, tmp_path)
        monkeypatch.undo()
        assert await worker.render(job_file("big"), TARGET, tmp_path)


async def test_a_worker_that_wants_a_file_without_need_costs_one_request(
    workers: WorkerPool, job_file: JobFile
) -> None:
    with pytest.raises(Undecodable, match="malformed answer"):
        await workers.inspect(job_file("write 8 0 0 0 0"))
    assert (await workers.inspect(job_file("fine"))).format == "jpeg"


ENDS = {
    "segfault": "crashed its worker process .Segmentation fault",
    "abort": "crashed its worker process .Aborted",
    "loop": r"0\.5 seconds of processor time",
    "exit": "exit code 3",
    "vanish": "exit code 0",
    "killed 2": "killed twice",
    "hang-up": "malformed answer",
    "write 99 0 0 0 0": "malformed answer",
    "write 2 255 255 255 255": "malformed answer",
    "write 3 0 0 0 1 88": "malformed answer",
    "write 2 0 0 0 2 123 125": "malformed answer",
    "write 6 0 0 0 1 91": "malformed answer",
}


@pytest.mark.parametrize("what", ENDS)
async def test_a_decoder_that_ends_costs_one_request(what: str, job_file: JobFile) -> None:
    async with pool(2, cpu_seconds=1) as workers:
        waiting = job_file("wait")
        other = asyncio.create_task(rendered(workers, waiting))
        await until(waiting.with_suffix(".started").exists)
        with pytest.raises(Undecodable, match=ENDS[what]):
            await workers.inspect(job_file(what))
        waiting.with_suffix(".go").touch()
        assert await other
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"


async def test_a_decoder_that_hangs_is_killed_at_the_limit(job_file: JobFile) -> None:
    async with pool(wall_seconds=0.5) as workers:
        before = workers.state.pids
        with pytest.raises(Undecodable, match=r"longer than 0\.5 seconds"):
            await workers.inspect(job_file("hang"))
        await until(lambda: not is_running(before[0]))
        await until(lambda: workers.state.idle == 1)
        assert workers.state.restarts == 1


async def test_a_stopped_decoder_is_killed_at_the_limit(job_file: JobFile) -> None:
    async with pool(wall_seconds=0.5) as workers:
        os.kill(workers.state.pids[0], signal.SIGSTOP)
        with pytest.raises(Undecodable, match="longer than"):
            await workers.inspect(job_file("fine"))


async def test_a_picture_that_needs_too_much_memory_does_not_end_the_worker(job_file: JobFile) -> None:
    async with pool() as workers:
        before = workers.state.pids
        with pytest.raises(Undecodable, match="1024 MiB"):
            await workers.inspect(job_file("hog"))
        assert worker_of(await workers.inspect(job_file("fine"))) == before[0]


async def test_a_job_that_lacks_the_memory_that_others_kept_runs_in_a_new_process(job_file: JobFile) -> None:
    async with pool() as workers:
        first = workers.state.pids[0]
        await workers.inspect(job_file("keep 100"))
        for behavior in ("need 900", "need-quietly 900"):
            assert (await workers.inspect(job_file(behavior))).format == "jpeg"
            await workers.inspect(job_file("keep 100"))
        assert first not in workers.state.pids
        assert workers.state.restarts == 0


async def test_a_job_that_lacks_memory_in_a_new_process_is_not_called_damaged(job_file: JobFile) -> None:
    async with pool() as workers:
        await workers.inspect(job_file("keep 100"))
        with pytest.raises(Undecodable, match="needs more memory than the 1024 MiB"):
            await workers.inspect(job_file("need 1500"))
        assert workers.state.started == 2


async def test_an_encoder_that_fails_in_a_process_with_kept_memory_is_run_in_a_new_one(job_file: JobFile) -> None:
    async with pool() as workers:
        first = workers.state.pids[0]
        await workers.inspect(job_file("keep 100"))
        assert (await workers.inspect(job_file("encode 900"))).format == "jpeg"
        assert first not in workers.state.pids


async def test_an_encoder_that_fails_is_not_taken_for_a_picture_that_cannot_be_decoded(job_file: JobFile) -> None:
    async with pool() as workers:
        with pytest.raises(Undecodable, match=r"cannot be encoded: its encoder raised OSError, .* than the 1024 MiB"):
            await workers.inspect(job_file("encode 1500"))


async def test_a_damaged_picture_is_called_damaged(job_file: JobFile) -> None:
    async with pool() as workers:
        with pytest.raises(NotAPicture, match="damaged"):
            await workers.inspect(job_file("need-quietly 1500"))


async def test_a_worker_gives_freed_memory_back_when_it_is_idle(job_file: JobFile) -> None:
    async with pool() as workers:
        await workers.inspect(job_file("fine"))
        (pid,) = workers.state.pids
        before = resident(pid)
        await workers.inspect(job_file("free 100"))
        await until(lambda: resident(pid) < before + (16 << 20))
        assert worker_of(await workers.inspect(job_file("fine"))) == pid


async def test_a_worker_that_keeps_much_memory_is_replaced(job_file: JobFile) -> None:
    async with pool() as workers:
        first = workers.state.pids[0]
        await workers.inspect(job_file("keep 250"))
        await until(lambda: len(workers.state.pids) == 1 and workers.state.pids[0] != first)
        assert (workers.state.restarts, workers.state.started) == (0, 2)


async def test_a_worker_killed_from_outside_costs_no_request(job_file: JobFile) -> None:
    async with pool() as workers:
        path = job_file("killed 1")
        assert (await workers.inspect(path)).format == "jpeg"
        assert path.with_suffix(".attempts").stat().st_size == 2
        assert workers.state.restarts == 1


@pytest.mark.parametrize(
    ("what", "error", "sentence"),
    [
        ("no-picture", NotAPicture, "^this is a poem$"),
        ("too-much", Undecodable, "^this has too many pixels$"),
        ("bug", Undecodable, "KeyError"),
    ],
)
async def test_an_error_of_a_job_is_raised_and_ends_no_process(
    workers: WorkerPool, job_file: JobFile, what: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        await workers.inspect(job_file(what))
    assert workers.state.restarts == 0


async def test_a_file_that_is_gone_is_not_a_bad_picture(workers: WorkerPool, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await workers.inspect(tmp_path / "absent")


async def test_a_file_that_cannot_be_read_is_not_a_bad_picture(workers: WorkerPool, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await workers.inspect(tmp_path)


async def test_a_decoder_that_prints_endlessly_is_not_blocked(workers: WorkerPool, job_file: JobFile) -> None:
    for _ in range(3):
        assert (await workers.inspect(job_file("noise"))).format == "jpeg"
    assert workers.state.restarts == 0


async def test_an_idle_worker_that_is_killed_is_replaced_at_once(workers: WorkerPool, job_file: JobFile) -> None:
    for _ in range(5):
        await workers.inspect(job_file("fine"))
        await workers.inspect(job_file("fine"))
        victims = workers.state.pids
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        await until(lambda gone=victims: workers.state.idle == 2 and not set(gone) & set(workers.state.pids))
    assert workers.state.restarts == 10


async def test_a_worker_killed_while_reserved_is_replaced_for_its_holder(job_file: JobFile, tmp_path: Path) -> None:
    async with pool() as workers, workers.reserve() as worker:
        await worker.render(job_file("fine"), TARGET, tmp_path)
        os.kill(workers.state.pids[0], signal.SIGKILL)
        await until(lambda: workers.state.restarts == 1)
        assert await worker.render(job_file("fine"), TARGET, tmp_path)


async def test_a_worker_is_replaced_after_its_jobs(job_file: JobFile) -> None:
    async with pool(max_jobs=3) as workers:
        first = workers.state.pids[0]
        for _ in range(3):
            assert worker_of(await workers.inspect(job_file("fine"))) == first
        await until(lambda: len(workers.state.pids) == 1 and workers.state.pids[0] != first)
        assert not is_running(first)
        assert (workers.state.idle, workers.state.restarts, workers.state.started) == (1, 0, 2)
        assert worker_of(await workers.inspect(job_file("fine"))) != first


async def test_a_malformed_answer_to_the_last_job_does_not_end_the_successor(job_file: JobFile) -> None:
    async with pool(max_jobs=1) as workers:
        with pytest.raises(Undecodable, match="malformed answer"):
            await workers.inspect(job_file("write 2 0 0 0 2 123 125"))
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"
        assert workers.state.restarts <= 1


async def test_a_job_that_is_canceled_ends_its_process_and_frees_the_worker(job_file: JobFile) -> None:
    async with pool() as workers:
        path = job_file("wait")
        task = asyncio.create_task(workers.inspect(path))
        await until(path.with_suffix(".started").exists)
        (pid,) = workers.state.pids
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not is_running(pid))
        assert (await workers.inspect(job_file("fine"))).format == "jpeg"


async def test_a_job_over_the_bound_is_refused_with_retry_after(job_file: JobFile) -> None:
    async with pool(queue=1) as workers, workers.reserve():
        waiting = [asyncio.create_task(rendered(workers, job_file("fine")))]
        waiting.append(asyncio.create_task(workers.inspect(job_file("fine"))))
        await until(lambda: (workers.state.renders, workers.state.inspections) == (1, 1))
        for job in (rendered(workers, job_file("fine")), workers.inspect(job_file("fine"))):
            with pytest.raises(Overloaded) as refusal:
                await job
            assert 1 <= refusal.value.retry_after <= 30
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (workers.state.renders, workers.state.inspections) == (0, 0)


async def test_uploads_leave_a_worker_for_renders(job_file: JobFile) -> None:
    async with pool(3) as workers:
        uploads = [job_file("wait") for _ in range(6)]
        tasks = [asyncio.create_task(workers.inspect(path)) for path in uploads]
        await until(lambda: sum(path.with_suffix(".started").exists() for path in uploads) == 2)
        for _ in range(3):
            assert await rendered(workers, job_file("fine"))
        assert (workers.state.busy, workers.state.inspections) == (2, 4)
        for path in uploads:
            path.with_suffix(".go").touch()
        await asyncio.gather(*tasks)


async def test_closing_the_pool_ends_every_process_and_every_wait(job_file: JobFile) -> None:
    files = open_files()
    async with pool(2) as workers:
        path = job_file("wait")
        tasks = [asyncio.create_task(rendered(workers, path)) for _ in range(4)]
        await until(lambda: workers.state.renders == 2 and path.with_suffix(".started").exists())
        pids = workers.state.pids
    assert not any(is_running(pid) for pid in pids)
    assert open_files() == files
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Overloaded] * 4
    with pytest.raises(Overloaded):
        await workers.inspect(path)


async def test_replaced_processes_leave_no_file_open(job_file: JobFile) -> None:
    async with pool(max_jobs=1) as workers:
        await workers.inspect(job_file("fine"))
        await until(lambda: workers.state.started == 2 and len(workers.state.pids) == 1)
        files = open_files()
        with pytest.raises(Undecodable):
            await workers.inspect(job_file("vanish"))
        await until(lambda: workers.state.idle == 1)
        assert open_files() == files


async def test_a_pool_whose_workers_cannot_start_raises_a_configuration_error() -> None:
    workers = pool(2, program=("-c", "raise SystemExit('no such decoder')"))
    with pytest.raises(ConfigurationError, match="no such decoder"):
        await workers.__aenter__()
    assert workers.state.pids == ()


async def test_jobs_are_refused_while_no_worker_can_start_again(job_file: JobFile, tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    sound = f"import runpy; runpy.run_path({MISBEHAVING[0]!r}, run_name='__main__')"
    program.write_text(sound)
    async with AsyncExitStack() as stack:
        workers = await stack.enter_async_context(pool(program=(str(program),)))
        program.write_text("raise SystemExit(1)")
        assert workers.state.template is not None
        os.kill(workers.state.template, signal.SIGKILL)
        await until(lambda: workers.state.template is None)
        with pytest.raises(Undecodable):
            await workers.inspect(job_file("vanish"))
        with pytest.raises(Overloaded, match="no worker"):
            await workers.inspect(job_file("fine"))
        with pytest.raises(Overloaded, match="no worker"):
            await rendered(workers, job_file("fine"))
        program.write_text(sound)
        await until(lambda: workers.state.idle == 1)
        assert await rendered(workers, job_file("fine"))
