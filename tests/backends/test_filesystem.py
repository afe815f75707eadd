"""What is specific to the blob store in a folder: its layout, its description of files, and what it never touches."""

import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.errors import NotFound, Unavailable
from pymager.threads import Threads
from pymager_filesystem import FolderBlobs
from pymager_filesystem.page_cache import ABSENT, PageCache

KEY = "derived/cat/0123/abcd/800x600.jpg"


@pytest.fixture
async def blobs(root: Path) -> AsyncIterator[FolderBlobs]:
    async with FolderBlobs(f"file://{root}") as store:
        yield store


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def open_files() -> list[Path]:
    return [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.exists()]


async def read(store: FolderBlobs, key: str) -> bytes:
    async with store.open(key) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


async def test_prepare_reports_what_it_created_and_is_safe_to_repeat(root: Path) -> None:
    store = FolderBlobs(f"file://{root}/deep/down")
    created = [root, root / "deep", root / "deep/down", root / "deep/down/blobs", root / "deep/down/tmp"]
    assert await store.prepare() == [f"created the folder {folder}" for folder in created]
    assert await store.prepare() == []


async def test_symbolic_links_and_pipes_are_not_blobs(blobs: FolderBlobs, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    await blobs.put(KEY, b"cat", "image/jpeg")
    (path,) = files_below(root / "blobs")
    path.with_name("link.jpg").symlink_to(tmp_path / "secret")
    path.with_name("loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(path.with_name("pipe.jpg"))
    for name in ("link.jpg", "loop.jpg", "pipe.jpg"):
        other = KEY.replace("800x600.jpg", name)
        for attempt in (read(blobs, other), blobs.stat(other)):
            with pytest.raises(NotFound):
                await attempt
    assert [info.key async for info in blobs.list("")] == [KEY]


async def test_other_files_in_the_root_are_never_listed_or_deleted(blobs: FolderBlobs, root: Path) -> None:
    others = [root / "catalog.db", root / "originals" / "a.jpg", root / "blobs" / ".hidden", root / "tmp" / "d" / "f"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not mine")
    await blobs.put(KEY, b"cat", "image/jpeg")
    assert [info.key async for info in blobs.list("")] == [KEY]
    await blobs.delete([KEY])
    await blobs.tidy(0)
    assert {path.read_bytes() for path in others} == {b"not mine"}


async def test_deleting_blobs_also_removes_their_empty_folders(blobs: FolderBlobs, root: Path) -> None:
    keys = [f"derived/cat/r{n % 3}/abcd/{n}x{n}.jpg" for n in range(30)]
    for key in keys:
        await blobs.put(key, b"cat", "image/jpeg")
    await blobs.delete(keys[1:])
    assert [info.key async for info in blobs.list("")] == keys[:1]
    await blobs.delete(keys)
    assert list((root / "blobs").iterdir()) == []


async def test_listing_one_id_reads_only_its_own_folders(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(50):
        await blobs.put(f"derived/cat{n}/r/abcd/1x1.jpg", b"cat", "image/jpeg")
    scanned = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: (scanned.append(os.fsdecode(folder)), scandir(folder))[1])
    assert [info.key async for info in blobs.list("derived/cat7/r/")] == ["derived/cat7/r/abcd/1x1.jpg"]
    assert [Path(folder).name for folder in scanned] == ["r", "abcd"]


async def test_a_description_depends_only_on_the_file(blobs: FolderBlobs, root: Path) -> None:
    info = await blobs.put(KEY, b"cat", "image/jpeg")
    (path,) = files_below(root / "blobs")
    assert info.modified.timestamp() == path.stat().st_mtime_ns // 1_000_000_000
    os.utime(path, ns=(5_999_999_999, 5_999_999_999))
    changed = await blobs.stat(KEY)
    assert changed.modified.timestamp() == 5
    assert changed.etag != info.etag


async def test_an_open_blob_names_its_file(blobs: FolderBlobs, root: Path) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    async with blobs.open(KEY) as blob:
        assert blob.file is not None
        assert [Path(blob.file)] == files_below(root / "blobs")


async def test_a_file_that_is_truncated_while_being_read_is_unavailable(blobs: FolderBlobs, root: Path) -> None:
    await blobs.put(KEY, bytes(1_000_000), "image/jpeg")
    (path,) = files_below(root / "blobs")
    with pytest.raises(Unavailable, match="was truncated"):
        async with blobs.open(KEY) as blob:
            async for _ in blob.chunks:
                os.truncate(path, 300_000)


async def test_reading_a_closed_blob_is_refused(blobs: FolderBlobs) -> None:
    await blobs.put(KEY, bytes(1_000_000), "image/jpeg")
    async with blobs.open(KEY) as blob:
        await anext(blob.chunks)
    with pytest.raises(RuntimeError, match="after it was closed"):
        await anext(blob.chunks)


@pytest.mark.parametrize("size", [3, 1_000_000])
async def test_files_are_closed_however_the_context_ends(blobs: FolderBlobs, root: Path, size: int) -> None:
    await blobs.put(KEY, bytes(size), "image/jpeg")
    chunks = []
    for _ in range(3):
        async with blobs.open(KEY) as blob:
            chunks.append(blob.chunks)
        async with blobs.open(KEY) as blob:
            await anext(blob.chunks)
            chunks.append(blob.chunks)
        with pytest.raises(ZeroDivisionError):
            async with blobs.open(KEY) as blob:
                chunks.append(1 / 0)
    async for _ in blobs.list(""):
        break
    assert not [path for path in open_files() if path.is_relative_to(root / "blobs") and not path.is_dir()]


@pytest.mark.parametrize("size", [0, 3, 256 << 10, (256 << 10) + 1, 1_000_000])
async def test_reads_in_threads_return_the_same_bytes_without_the_page_cache_calls(
    root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.delattr(os, "RWF_NOWAIT")
    body = os.urandom(size)
    async with FolderBlobs(f"file://{root}") as blobs:
        await blobs.put(KEY, body, "image/jpeg")
        assert await read(blobs, KEY) == body
        with pytest.raises(NotFound):
            await read(blobs, "derived/dog")
        assert "folder-read" in " ".join(thread.name for thread in threading.enumerate())


async def test_tidy_removes_only_old_temporary_files(blobs: FolderBlobs, root: Path) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    for name, age in (("old", 7_200), ("young", 60)):
        (root / "tmp" / name).write_bytes(b"half a")
        os.utime(root / "tmp" / name, (time.time() - age,) * 2)
    assert await blobs.tidy(3_600) == 1
    assert [path.name for path in (root / "tmp").iterdir()] == ["young"]
    assert await blobs.tidy(0) == 1
    assert await read(blobs, KEY) == b"cat"


async def test_what_is_known_to_be_absent_needs_no_thread(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            await read(blobs, KEY)
    if PageCache().open(os.fsencode(root / "blobs/derived")) != ABSENT:
        pytest.skip("the file system of the test's folder does not cache that a name is absent")
    with monkeypatch.context() as patch:
        patch.setattr(Threads, "run", None)
        with pytest.raises(NotFound):
            await read(blobs, KEY)
    await blobs.put(KEY, b"cat", "image/jpeg")
    assert await read(blobs, KEY) == b"cat"


async def test_a_blob_that_another_process_writes_is_found_although_its_absence_was_cached(
    blobs: FolderBlobs, root: Path
) -> None:
    async with FolderBlobs(f"file://{root}") as other:
        for number in range(20):
            key = f"derived/cat/0123/{number}.jpg"
            for store in (blobs, other):
                with pytest.raises(NotFound):
                    await read(store, key)
            await other.put(key, b"cat", "image/jpeg")
            assert await read(blobs, key) == b"cat"
            await other.delete([key])
            with pytest.raises(NotFound):
                await read(blobs, key)


async def test_a_store_whose_folder_is_gone_is_unavailable_although_the_absence_of_the_blob_was_cached(
    blobs: FolderBlobs, root: Path
) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            await read(blobs, KEY)
    (root / "blobs").rename(root / "moved")
    with pytest.raises(Unavailable):
        await read(blobs, KEY)


async def test_an_open_blob_is_read_when_its_bytes_are_requested(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put(KEY, b"cat", "image/jpeg")
    with monkeypatch.context() as patch:
        patch.setattr(PageCache, "read", None)
        async with blobs.open(KEY) as blob:
            assert blob.info.size == 3
    async with blobs.open(KEY) as blob:
        await blobs.delete([KEY])
        assert [chunk async for chunk in blob.chunks] == [b"cat"]
