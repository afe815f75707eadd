"""The spool: bodies are written whole, hashed, and deleted afterwards."""

import asyncio
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pymager.errors import NoSpace
from pymager.library.spool import Spool, copy
from pymager.ports import FinalFile
from tests.unit.full_disk import files_of_at_most
from tests.waiting import until


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as entered:
        yield entered


def bodies(spool: Spool) -> list[str]:
    return [path.name for path in spool.folder.iterdir() if path.name != "lock"]


@pytest.mark.parametrize(
    "chunks",
    [(), (b"",), (b"a",), (b"a" * 300_000, b"b"), (b"ab",) * 200_000, (b"x" * (1 << 18),) * 3, (b"", b"a", b"")],
)
async def test_a_body_is_spooled_unchanged_with_its_hash(spool: Spool, chunks: Iterable[bytes]) -> None:
    body = b"".join(chunks)
    async with spool.spooled(chunks_of(*chunks)) as spooled:
        assert spooled.path.read_bytes() == body
        assert (spooled.size, spooled.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert bodies(spool) == []


async def test_a_store_may_keep_the_file(spool: Spool) -> None:
    async with spool.spooled(chunks_of(b"cat")) as spooled:
        assert isinstance(spooled.path, FinalFile)


async def test_a_body_that_breaks_off_leaves_nothing(spool: Spool) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        async with spool.spooled(breaking()):
            pytest.fail("half a body was handed out")
    assert bodies(spool) == []


async def test_an_error_of_the_reader_leaves_nothing(spool: Spool) -> None:
    with pytest.raises(KeyError):
        async with spool.spooled(chunks_of(b"x")):
            raise KeyError
    assert bodies(spool) == []


async def test_a_file_that_was_deleted_already_is_not_an_error(spool: Spool) -> None:
    async with spool.spooled(chunks_of(b"x")) as body:
        body.path.unlink()


async def test_a_full_disk_raises_no_space_and_leaves_nothing(spool: Spool) -> None:
    with files_of_at_most(400_000), pytest.raises(NoSpace):
        async with spool.spooled(chunks_of(b"x" * 300_000, b"y" * 300_000)):
            pytest.fail("half a body was handed out")
    assert bodies(spool) == []


class HeldThreads(ThreadPoolExecutor):
    """Threads that start a job only when the test permits it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.requested = threading.Event()
        self.go_on = threading.Event()
        self.jobs: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def held() -> Any:
            self.requested.set()
            assert self.go_on.wait(20)
            return function(*args, **kwargs)

        self.jobs.append(super().submit(held))
        return self.jobs[-1]


async def test_a_canceled_upload_closes_its_file_after_the_thread_has_written(spool: Spool) -> None:
    threads = HeldThreads()
    asyncio.get_running_loop().set_default_executor(threads)

    async def upload() -> None:
        async with spool.spooled(chunks_of(b"x" * 300_000)):
            pytest.fail("a canceled upload went on")

    task = asyncio.create_task(upload())
    await until(threads.requested.is_set)
    task.cancel()
    await asyncio.wait([task], timeout=0.05)
    assert not task.done()
    threads.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [job.exception() for job in threads.jobs] == [None]
    assert bodies(spool) == []


def test_leaving_removes_the_folder(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        (spool.folder / "more").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_can_enter_the_folder(spool: Spool) -> None:
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_a_missing_parent_is_created(tmp_path: Path) -> None:
    with Spool(tmp_path / "a" / "b") as spool:
        assert spool.folder.parent == tmp_path / "a" / "b"


_DIE = """
import os, pathlib, sys
from pymager.library.spool import Spool, copy
from pymager.ports import FinalFile
spool = Spool(pathlib.Path(sys.argv[1])).__enter__()
(spool.folder / "body").write_bytes(b"x")
os.kill(os.getpid(), 9)
"""


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_running_one_stays(
    tmp_path: Path, spool: Spool
) -> None:
    subprocess.run([sys.executable, "-c", _DIE, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    with Spool(tmp_path) as other:
        assert set(tmp_path.iterdir()) == {spool.folder, other.folder}


def test_other_folders_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "pymager-spool-file").write_bytes(b"")
    (tmp_path / "pymager-spool-nolock").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lock").write_bytes(b"")
    (tmp_path / "pymager-spool-link").symlink_to(tmp_path / "other")
    (tmp_path / "pymager-spool-linked-lock").mkdir()
    (tmp_path / "pymager-spool-linked-lock" / "lock").symlink_to(tmp_path / "other" / "lock")
    before = sorted(tmp_path.rglob("*"))
    with Spool(tmp_path):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
        lock = os.open(spool.folder / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)
        child.kill()
        child.wait()


@pytest.mark.parametrize("chunks", [(), (b"",), (b"a",), (b"ab",) * 1_000, (b"x" * (1 << 19),) * 5, (b"", b"a", b"")])
async def test_a_copy_has_all_the_bytes(tmp_path: Path, chunks: Iterable[bytes]) -> None:
    await copy(tmp_path / "copy", chunks_of(*chunks))
    assert (tmp_path / "copy").read_bytes() == b"".join(chunks)


async def test_a_copy_that_does_not_fit_on_the_disk_is_refused(tmp_path: Path) -> None:
    with files_of_at_most(1 << 20), pytest.raises(NoSpace):
        await copy(tmp_path / "copy", chunks_of(*(b"x" * (1 << 20),) * 3))


async def test_nothing_is_written_after_a_copy_was_canceled(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * (1 << 19)
            began.set()
            await asyncio.sleep(0)

    copying = asyncio.create_task(copy(tmp_path / "copy", endless()))
    await began.wait()
    await until((tmp_path / "copy").exists)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    size = (tmp_path / "copy").stat().st_size
    assert size % (1 << 20) == 0
    (tmp_path / "copy").unlink()
    assert list(tmp_path.iterdir()) == []
