"""A put in a folder is whole and durable, or leaves nothing: killed, cancelled, on a full disk, among processes."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pymager_filesystem import FolderBlobs

from pymager import failpoints
from pymager.errors import NoSpace, NotFound, Unavailable

KEY = "original/cat/0123.jpg"
HEAD = """
import asyncio, os, signal, sys, resource
from pathlib import Path
from pymager import failpoints
from pymager.errors import NoSpace
from pymager_filesystem import FolderBlobs

root, *rest = sys.argv[1:]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def blobs(root: Path) -> AsyncIterator[FolderBlobs]:
    async with FolderBlobs(f"file://{root}") as store:
        yield store


def program(body: str) -> list[str]:
    return [sys.executable, "-c", HEAD + textwrap.dedent(body)]


def temporary_files(root: Path) -> list[Path]:
    return list((root / "tmp").iterdir())


async def read(store: FolderBlobs, key: str) -> bytes:
    async with store.open(key) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


def record(monkeypatch: pytest.MonkeyPatch, told: list[str], root: Path) -> None:
    """Write down what the operating system is asked to do, in its order; paths below the root."""

    def name(of: bytes | int) -> str:
        path = os.readlink(f"/proc/self/fd/{of}") if isinstance(of, int) else os.fsdecode(of)
        relative = os.path.relpath(path, root)
        return "TEMPORARY" if relative.startswith("tmp/") else relative

    def recorded(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: bytes | int, **options: object) -> object:
            paths = [name(argument) for argument in arguments[: 2 if function.__name__ == "rename" else 1]]
            result = function(*arguments, **options)
            told.append(" ".join([function.__name__, *paths]))
            return result

        return call

    for function in (os.write, os.fsync, os.rename, os.mkdir):
        monkeypatch.setattr(os, function.__name__, recorded(function))
    monkeypatch.setattr(failpoints, "hook", lambda point: told.append(point))


async def test_the_file_is_synced_before_it_gets_its_name_and_every_folder_after(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with monkeypatch.context() as patch:
        record(patch, told, root)
        await blobs.put(KEY, b"cat", "image/jpeg")
    (path,) = [path.relative_to(root) for path in (root / "blobs").rglob("*.jpg")]
    inner, fan, kind, top = map(str, path.parents[:4])
    assert told == [
        *("write TEMPORARY", "file.written", "fsync TEMPORARY"),
        *(f"mkdir {kind}", f"mkdir {fan}", f"mkdir {inner}", f"rename TEMPORARY {path}", "file.renamed"),
        *(f"fsync {inner}", f"fsync {fan}", f"fsync {kind}", f"fsync {top}", "file.synced"),
    ]
    assert top == "blobs"


async def test_folders_that_were_there_already_are_synced_too(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    told: list[str] = []
    with monkeypatch.context() as patch:
        record(patch, told, root)
        await blobs.put("original/cat/4567.jpg", b"cat", "image/jpeg")
    assert [line.split()[0] for line in told[told.index("file.renamed") :]] == [
        "file.renamed",
        *["fsync"] * 4,
        "file.synced",
    ]


@pytest.mark.parametrize(
    ("point", "is_there"), [("file.written", False), ("file.renamed", True), ("file.synced", True)]
)
async def test_a_writer_that_is_killed_leaves_a_whole_blob_or_what_tidy_removes(
    blobs: FolderBlobs, root: Path, point: str, is_there: bool
) -> None:
    killed = program("""
        def die(point):
            if point == rest[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        async def main():
            async with FolderBlobs(f"file://{root}") as blobs:
                failpoints.hook = die
                await blobs.put("original/cat/0123.jpg", bytes(1_000_000), "image/jpeg")

        asyncio.run(main())
    """)
    assert subprocess.run([*killed, str(root), point], check=False).returncode == -signal.SIGKILL
    if is_there:
        assert await read(blobs, KEY) == bytes(1_000_000)
    else:
        with pytest.raises(NotFound):
            await read(blobs, KEY)
    assert await blobs.tidy(0) == (0 if is_there else 1)
    assert temporary_files(root) == []


FULL = """
    async def main():
        async with FolderBlobs(f"file://{root}") as blobs:
            await blobs.put("original/cat/1.jpg", bytes(100_000), "image/jpeg")
            source = Path(rest[0]) / "source"
            source.write_bytes(bytes(6_000_000))
            if rest[1] == "limit":
                resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            for body in (bytes(6_000_000), source):
                try:
                    await blobs.put("original/cat/2.jpg", body, "image/jpeg")
                except NoSpace as error:
                    print("NoSpace:", error)
            await blobs.put("original/dog/3.jpg", bytes(150_000), "image/jpeg")
            print(sorted([(info.key, info.size) async for info in blobs.list("")]))
            print([path.name for path in (Path(root) / "tmp").iterdir()], (Path(root) / "blobs/.probe").exists())

    asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["limit", "disk"])
def test_a_full_disk_leaves_nothing_half_and_service_goes_on(root: Path, tmp_path: Path, kind: str) -> None:
    command = [*program(FULL), str(root), str(tmp_path), kind]
    if kind == "disk":
        root.mkdir()
        mounting = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        mount = f"mount -t tmpfs -o size=4m none '{root}'"
        if subprocess.run([*mounting, mount], capture_output=True, check=False).returncode:
            pytest.skip("this environment may not mount a disk of its own")
        command = [*mounting, f'{mount} && exec "$@"', "sh", *command]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    first, second, listed, left = result.stdout.splitlines() or [result.stderr] * 4
    assert first.startswith("NoSpace: the folder is full")
    assert second.startswith("NoSpace: the folder is full")
    assert listed == "[('original/cat/1.jpg', 100000), ('original/dog/3.jpg', 150000)]"
    assert left == "[] False"


async def test_a_disk_that_fails_after_the_rename_leaves_the_outcome_open(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(point: str) -> None:
        if point == "file.renamed":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoints, "hook", fail)
    with pytest.raises(Unavailable) as refused:
        await blobs.put(KEY, b"cat", "image/jpeg")
    assert not refused.value.outcome_known
    assert await read(blobs, KEY) == b"cat"


async def test_a_source_that_cannot_be_read_writes_nothing(blobs: FolderBlobs, root: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        await blobs.put(KEY, tmp_path / "absent", "image/jpeg")
    assert refused.value.outcome_known
    assert temporary_files(root) == []
    assert [info async for info in blobs.list("")] == []


async def test_a_source_that_the_kernel_cannot_copy_is_copied_by_hand(
    blobs: FolderBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    (tmp_path / "source").write_bytes(bytes(range(256)) * 100_000)
    await blobs.put(KEY, tmp_path / "source", "image/jpeg")
    assert await read(blobs, KEY) == bytes(range(256)) * 100_000


class Halt:
    """Holds the writer at a point of the program until it is let go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
        self._point = point
        self._is_reached = threading.Event()
        self.go_on = threading.Event()
        monkeypatch.setattr(failpoints, "hook", self._at)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._is_reached.wait, 20)

    def _at(self, point: str) -> None:
        if point == self._point:
            self._is_reached.set()
            assert self.go_on.wait(20)


@pytest.mark.parametrize(
    ("point", "is_there"), [("file.written", False), ("file.renamed", True), ("file.synced", True)]
)
async def test_a_put_cancelled_at_any_point_has_ended_when_its_caller_goes_on(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch, point: str, is_there: bool
) -> None:
    halt = Halt(monkeypatch, point)
    task = asyncio.ensure_future(blobs.put(KEY, b"cat", "image/jpeg"))
    await halt.reached()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    halt.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert temporary_files(root) == []
    assert [info.key async for info in blobs.list("")] == ([KEY] if is_there else [])


async def test_a_put_cancelled_before_its_turn_never_begins(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt = Halt(monkeypatch, "file.written")
    first = [asyncio.ensure_future(blobs.put(f"original/cat/{n}", b"cat", "image/jpeg")) for n in range(8)]
    await halt.reached()
    waiting = asyncio.ensure_future(blobs.put(KEY, b"cat", "image/jpeg"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    halt.go_on.set()
    await asyncio.gather(*first)
    assert sorted([info.key async for info in blobs.list("")]) == [f"original/cat/{n}" for n in range(8)]


async def test_reading_does_not_wait_behind_writers(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    halt = Halt(monkeypatch, "file.written")
    puts = [asyncio.ensure_future(blobs.put(f"original/cat/{n}", b"cat", "image/jpeg")) for n in range(20)]
    await halt.reached()
    async with asyncio.timeout(20):
        assert (await blobs.stat(KEY)).size == 3
        assert await read(blobs, KEY) == b"cat"
        await blobs.ping()
    halt.go_on.set()
    await asyncio.gather(*puts)


async def test_several_processes_put_and_delete_in_one_folder(blobs: FolderBlobs, root: Path) -> None:
    busy = program("""
        async def main():
            async with FolderBlobs(f"file://{root}") as blobs:
                for n in range(60):
                    key = f"derived/cat/r{n % 2}/abcd/{rest[0]}x{n}.jpg"
                    await blobs.put(key, bytes([n]) * 10_000, "image/jpeg")
                    async with blobs.open(key) as blob:
                        assert b"".join([chunk async for chunk in blob.chunks]) == bytes([n]) * 10_000
                    await blobs.delete([key])

        asyncio.run(main())
    """)
    processes = [
        await asyncio.create_subprocess_exec(*busy, str(root), str(n), stderr=subprocess.PIPE) for n in range(4)
    ]
    outcomes = await asyncio.gather(*[process.communicate() for process in processes])
    assert [process.returncode for process in processes] == [0] * 4, outcomes
    assert list((root / "blobs").iterdir()) == []
    assert temporary_files(root) == []
