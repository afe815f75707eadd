"""A put is whole and durable or leaves nothing: the order of its steps, its failures and its cancellation."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pymager import failpoints
from pymager.errors import Unavailable
from pymager.ports import FinalFile
from pymager_filesystem import FolderBlobs, durable_folders
from pymager_filesystem.deleting import delete_blobs
from pymager_filesystem.layout import Layout

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


def record(monkeypatch: pytest.MonkeyPatch, calls: list[str], root: Path) -> None:
    """Record the system calls in order, with paths relative to the root."""

    def name(of: bytes | int) -> str:
        path = Path(f"/proc/self/fd/{of}").readlink() if isinstance(of, int) else os.fsdecode(of)
        relative = os.path.relpath(path, root)
        return "TEMPORARY" if relative.startswith("tmp/") else relative

    def recorded(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: bytes | int, **options: object) -> object:
            paths = [name(argument) for argument in arguments[: 2 if function.__name__ == "rename" else 1]]
            result = function(*arguments, **options)
            calls.append(" ".join([function.__name__, *paths]))
            return result

        return call

    for function in (os.write, os.fsync, os.rename, os.mkdir):
        monkeypatch.setattr(os, function.__name__, recorded(function))
    monkeypatch.setattr(failpoints, "hook", lambda point: calls.append(point))


async def test_the_file_is_synced_before_the_rename_and_its_folders_after(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    with monkeypatch.context() as patch:
        record(patch, calls, root)
        await blobs.put(KEY, b"cat", "image/jpeg")
    (path,) = [path.relative_to(root) for path in (root / "blobs").rglob("*.jpg")]
    inner, shard, kind, top = map(str, path.parents[:4])
    assert calls == [
        *("write TEMPORARY", "file.written", "fsync TEMPORARY"),
        *(f"mkdir {kind}", f"mkdir {shard}", f"mkdir {inner}", f"rename TEMPORARY {path}", "file.renamed"),
        *(f"fsync {inner}", f"fsync {shard}", f"fsync {kind}", f"fsync {top}", "file.synced"),
    ]
    assert top == "blobs"


def final_file(tmp_path: Path, body: bytes = b"cat") -> FinalFile:
    source = FinalFile(tmp_path / "source")
    source.write_bytes(body)
    return source


async def test_a_final_file_is_linked_and_synced_like_any_other(
    blobs: FolderBlobs, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, calls = final_file(tmp_path), list[str]()
    os.utime(source, (1, 1))
    with monkeypatch.context() as patch:
        record(patch, calls, root)
        info = await blobs.put(KEY, source, "image/jpeg")
    (path,) = (root / "blobs").rglob("*.jpg")
    assert path.samefile(source)
    assert calls[:2] == ["file.written", "fsync TEMPORARY"]
    assert calls[-6:-5] == ["file.renamed"]
    assert info == await blobs.stat(KEY)
    assert info.modified.year > 1970
    source.unlink()
    assert await read(blobs, KEY) == b"cat"
    assert temporary_files(root) == []


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
async def test_a_final_file_that_cannot_be_linked_is_copied(
    blobs: FolderBlobs, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    source = final_file(tmp_path)
    await blobs.put(KEY, source, "image/jpeg")
    source.write_bytes(b"dog")
    assert await read(blobs, KEY) == b"cat"


async def test_a_final_file_that_has_another_link_is_copied(blobs: FolderBlobs, tmp_path: Path) -> None:
    source = final_file(tmp_path)
    (tmp_path / "another").hardlink_to(source)
    await blobs.put(KEY, source, "image/jpeg")
    (tmp_path / "another").write_bytes(b"dog")
    assert await read(blobs, KEY) == b"cat"


async def test_a_final_file_that_is_put_again_leaves_one_blob(blobs: FolderBlobs, root: Path, tmp_path: Path) -> None:
    source = final_file(tmp_path)
    for _ in range(2):
        await blobs.put(KEY, source, "image/jpeg")
    assert await read(blobs, KEY) == b"cat"
    assert temporary_files(root) == []


async def test_a_missing_final_file_writes_nothing(blobs: FolderBlobs, root: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await blobs.put(KEY, FinalFile(tmp_path / "missing"), "image/jpeg")
    assert temporary_files(root) == []
    assert list((root / "blobs").rglob("*.jpg")) == []


async def syncs(store: FolderBlobs, key: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that a put syncs, from the innermost one up."""
    calls: list[str] = []
    with monkeypatch.context() as patch:
        record(patch, calls, root)
        await store.put(key, b"cat", "image/jpeg")
    return [line.removeprefix("fsync ") for line in calls[calls.index("file.renamed") + 1 : -1]]


async def test_existing_folders_are_synced_too(blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    async with FolderBlobs(f"file://{root}") as other:
        assert len(await syncs(other, "original/cat/4567.jpg", root, monkeypatch)) == 4


async def test_folders_that_this_store_has_synced_are_not_synced_again(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_four = await syncs(blobs, KEY, root, monkeypatch)
    assert await syncs(blobs, "original/cat/4567.jpg", root, monkeypatch) == all_four[:1]
    other_id = await syncs(blobs, "original/dog/0123.jpg", root, monkeypatch)
    assert other_id[2:] == all_four[2:3]  # its own two folders, and the one that it shares; `blobs` is not needed


async def test_a_folder_that_was_deleted_and_created_again_is_synced_again(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FolderBlobs(f"file://{root}") as other:
        for _ in range(5):  # a file system can give the new folder the number of the old one
            all_four = await syncs(blobs, KEY, root, monkeypatch)
            assert len(all_four) == 4
            await other.delete([KEY])
            await other.put(KEY, b"cat", "image/jpeg")
            assert await syncs(blobs, "original/cat/4567.jpg", root, monkeypatch) == all_four
            await blobs.delete([KEY, "original/cat/4567.jpg"])


async def test_a_put_whose_folder_is_deleted_meanwhile_is_no_failure(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(point: str) -> None:
        if point == "file.renamed":
            delete_blobs(Layout.under(root), [KEY])

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "hook", delete)
        await blobs.put(KEY, b"cat", "image/jpeg")
    assert len(await syncs(blobs, KEY, root, monkeypatch)) == 4


async def test_the_folders_that_are_remembered_are_bounded_and_forgotten_at_the_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_folders, "_REMEMBERED_FOLDERS", 5)

    def open_folders() -> list[Path]:
        links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.exists()]
        return [path for path in links if path.is_relative_to(root)]

    async with FolderBlobs(f"file://{root}") as store:
        for number in range(10):
            await store.put(f"original/cat{number}/0123.jpg", b"cat", "image/jpeg")
        assert len(open_folders()) == 5
    assert open_folders() == []


async def test_a_disk_that_fails_after_the_rename_makes_the_outcome_unknown(
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


async def test_an_unreadable_source_writes_nothing(blobs: FolderBlobs, root: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        await blobs.put(KEY, tmp_path / "absent", "image/jpeg")
    assert refused.value.outcome_known
    assert temporary_files(root) == []
    assert [info async for info in blobs.list("")] == []


async def test_a_source_that_the_kernel_cannot_copy_is_copied_in_chunks(
    blobs: FolderBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    (tmp_path / "source").write_bytes(bytes(range(256)) * 100_000)
    await blobs.put(KEY, tmp_path / "source", "image/jpeg")
    assert await read(blobs, KEY) == bytes(range(256)) * 100_000


class Pause:
    """Pauses the writer at a failpoint until `resume` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
        self._point = point
        self._is_reached = threading.Event()
        self.resume = threading.Event()
        monkeypatch.setattr(failpoints, "hook", self._at)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._is_reached.wait, 20)

    def _at(self, point: str) -> None:
        if point == self._point:
            self._is_reached.set()
            assert self.resume.wait(20)


@pytest.mark.parametrize(
    ("point", "is_there"), [("file.written", False), ("file.renamed", True), ("file.synced", True)]
)
async def test_a_canceled_put_has_ended_when_its_caller_continues(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch, point: str, is_there: bool
) -> None:
    pause = Pause(monkeypatch, point)
    task = asyncio.ensure_future(blobs.put(KEY, b"cat", "image/jpeg"))
    await pause.reached()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    pause.resume.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert temporary_files(root) == []
    assert [info.key async for info in blobs.list("")] == ([KEY] if is_there else [])


async def test_a_put_that_is_canceled_in_the_queue_never_starts(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(monkeypatch, "file.written")
    first = [asyncio.ensure_future(blobs.put(f"original/cat/{n}", b"cat", "image/jpeg")) for n in range(8)]
    await pause.reached()
    waiting = asyncio.ensure_future(blobs.put(KEY, b"cat", "image/jpeg"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pause.resume.set()
    await asyncio.gather(*first)
    assert sorted([info.key async for info in blobs.list("")]) == [f"original/cat/{n}" for n in range(8)]


async def test_reads_do_not_wait_for_writers(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    pause = Pause(monkeypatch, "file.written")
    puts = [asyncio.ensure_future(blobs.put(f"original/cat/{n}", b"cat", "image/jpeg")) for n in range(20)]
    await pause.reached()
    async with asyncio.timeout(20):
        assert (await blobs.stat(KEY)).size == 3
        assert await read(blobs, KEY) == b"cat"
        await blobs.ping()
    pause.resume.set()
    await asyncio.gather(*puts)
