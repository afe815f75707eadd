"""A put in a folder is whole and durable, or leaves nothing: in which order, and where it fails or is cancelled."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pymager import failpoints
from pymager.errors import Unavailable
from pymager_filesystem import FolderBlobs

KEY = "original/cat/0123.jpg"


@pytest.fixture
async def blobs(root: Path) -> AsyncIterator[FolderBlobs]:
    async with FolderBlobs(f"file://{root}") as store:
        yield store


def temporary_files(root: Path) -> list[Path]:
    return list((root / "tmp").iterdir())


async def read(store: FolderBlobs, key: str) -> bytes:
    async with store.open(key) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


def record(monkeypatch: pytest.MonkeyPatch, told: list[str], root: Path) -> None:
    """Write down what the operating system is asked to do, in its order; paths below the root."""

    def name(of: bytes | int) -> str:
        path = Path(f"/proc/self/fd/{of}").readlink() if isinstance(of, int) else os.fsdecode(of)
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
