"""`copy-blobs`: copies and verifies every blob, overwrites none, and uses constant memory."""

import hashlib
import io
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pymager import keys, names
from pymager.errors import NoSpace, NotFound, Unavailable
from pymager.operations import copy_blobs
from pymager.operations.batch import Batch
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from pymager.ports import Blob, BlobInfo
from pymager.testing.backends import MemoryBlobs
from pymager_filesystem import FolderBlobs
from tests.unit.hooked import HookedBlobs, away, once

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LARGE = 3 << 20


@pytest.fixture
def source() -> HookedBlobs:
    return HookedBlobs()


@pytest.fixture
def target() -> HookedBlobs:
    return HookedBlobs()


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


async def copied(source: Any, target: Any, folder: Path, screen: io.StringIO | None = None, **options: bool) -> Report:
    batch = Batch(4, Progress(screen or io.StringIO()), retry_pauses=(0.0, 0.0))
    copier = copy_blobs.BlobCopier(source, target, folder, batch, verify=options.get("verify", False))
    listing = copy_blobs.list_blobs(source, originals_only=options.get("originals_only", False))
    await batch.run(listing, lambda info: info.key, copier.copy)
    assert list(folder.iterdir()) == []
    return batch.report


async def contents(store: Any) -> dict[str, bytes]:
    return {info.key: await body_of(store, info.key) async for info in store.list("")}


async def body_of(store: Any, key: str) -> bytes:
    async with store.open(key) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


def an_original(id: str = "cat") -> str:
    return f"original/{id}/{names.new_revision()}.jpg"


async def fill(store: Any, count: int = 20) -> dict[str, bytes]:
    """Originals of every size, derived pictures and a mark."""
    given = {an_original(f"id{number}"): b"%d" % number * number * 1_000 for number in range(count)}
    given[an_original("large")] = b"large" * (LARGE // 5)
    given |= {f"derived/猫/{names.new_revision()}/{'a' * 12}/8x6.webp": b"small", keys.recipe_key("a" * 12): b""}
    for key, body in given.items():
        await store.put(key, body, "image/jpeg")
    return given


async def test_every_blob_of_pymager_is_copied_and_no_other(tmp_path: Path) -> None:
    source, target = MemoryBlobs("memory:"), MemoryBlobs("memory:")
    given = await fill(source)
    await source.put("readme.txt", b"another's", "text/plain")
    report = await copied(source, target, tmp_path)
    assert await contents(target) == given
    assert (report.done, report.existing, report.bytes) == (len(given), 0, sum(map(len, given.values())))
    assert report.is_complete
    again = await copied(source, target, tmp_path)
    assert (again.done, again.existing, again.is_complete) == (0, len(given), True)


async def test_variants_can_be_excluded(tmp_path: Path, source: HookedBlobs, target: HookedBlobs) -> None:
    given = await fill(source)
    await copied(source, target, tmp_path, originals_only=True)
    assert await contents(target) == {key: body for key, body in given.items() if key.startswith("original/")}


async def test_an_empty_store_is_not_a_success(tmp_path: Path, source: HookedBlobs) -> None:
    assert not (await copied(source, HookedBlobs(), tmp_path)).is_complete


@pytest.mark.parametrize(
    ("key", "type"),
    [
        ("original/cat/0.jpg", "image/jpeg"),
        ("derived/cat/0/a/8x6.webp", "image/webp"),
        ("derived/cat/0/a/8x6.ico", "image/vnd.microsoft.icon"),
        ("original/cat/0.bin", "application/octet-stream"),
        ("original/cat/0.blp", "application/octet-stream"),
        ("recipe/aaaaaaaaaaaa", "application/octet-stream"),
    ],
)
async def test_a_blob_is_put_with_its_content_type(tmp_path: Path, source: HookedBlobs, key: str, type: str) -> None:
    target, given = HookedBlobs(), []

    async def note(key: str, body: bytes, content_type: str) -> None:
        given.append(content_type)

    await source.put(key, b"x", "")
    target.before["put"] = note
    await copied(source, target, tmp_path)
    assert given == [type]


async def test_a_blob_of_another_size_is_reported_and_unchanged(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs, screen: io.StringIO
) -> None:
    given = await fill(source)
    key = next(iter(given))
    await target.put(key, b"another's", "image/jpeg")
    report = await copied(source, target, tmp_path, screen)
    assert await contents(target) == given | {key: b"another's"}
    assert (report.done, report.failed, report.is_complete) == (len(given) - 1, 1, False)
    assert screen.getvalue() == f"{key}: TO has 9 bytes under this key, FROM has 0\n"


async def test_a_blob_of_the_same_size_is_compared_with_verify(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs, screen: io.StringIO
) -> None:
    given = await fill(source)
    key = next(key for key in given if key.startswith("original/large/"))
    await copied(source, target, tmp_path)
    other = b"x" * len(given[key])
    await target.put(key, other, "image/jpeg")
    assert (await copied(source, target, tmp_path)).is_complete
    report = await copied(source, target, tmp_path, screen, verify=True)
    assert (report.existing, report.failed) == (len(given) - 1, 1)
    assert f"{key}: TO has other bytes" in screen.getvalue()
    assert await body_of(target, key) == other


class Flipping(MemoryBlobs):
    """A store that returns one wrong bit for the keys in `bad`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.bad = ""

    @asynccontextmanager
    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[Blob]:
        async with super().open(key, start, stop) as blob:
            yield replace(blob, chunks=_flipped(blob.chunks)) if key == self.bad else blob


async def _flipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    is_first = True
    async for chunk in chunks:
        yield bytes([chunk[0] ^ 1]) + chunk[1:] if is_first else chunk
        is_first = False


@pytest.mark.parametrize("id", ["id7", "large"])
async def test_a_blob_that_is_read_back_damaged_is_reported_and_deleted(
    tmp_path: Path, source: HookedBlobs, screen: io.StringIO, id: str
) -> None:
    given = await fill(source)
    target = Flipping("memory:")
    target.bad = next(key for key in given if key.startswith(f"original/{id}/"))
    report = await copied(source, target, tmp_path, screen)
    assert (report.done, report.failed) == (len(given) - 1, 1)
    assert f"{target.bad}: TO returns other bytes than were written" in screen.getvalue()
    with pytest.raises(NotFound):
        await target.stat(target.bad)
    target.bad = ""
    again = await copied(source, target, tmp_path)
    assert (again.done, again.existing, again.is_complete) == (1, len(given) - 1, True)
    assert await contents(target) == given


async def test_a_damaged_blob_that_cannot_be_deleted_is_named(
    tmp_path: Path, source: HookedBlobs, screen: io.StringIO
) -> None:
    target = HookedBlobs(Flipping("memory:"))
    target.inner.bad = key = an_original()
    target.before["delete"] = away
    await source.put(key, b"picture", "image/jpeg")
    assert (await copied(source, target, tmp_path, screen)).failed == 1
    assert "the copy could not be deleted, delete it yourself: the connection was refused" in screen.getvalue()


async def test_a_blob_that_is_deleted_during_the_copy_is_counted_as_missing(
    tmp_path: Path, source: HookedBlobs
) -> None:
    target, key = HookedBlobs(), an_original()

    async def delete(*arguments: object) -> None:
        await source.inner.delete([key])

    await source.put(key, b"picture", "image/jpeg")
    source.before["open"] = delete
    report = await copied(source, target, tmp_path)
    assert (report.missing, report.done, report.failed) == (1, 0, 0)
    assert report.summary() == "0 copied, 0 already there, 0 failed, 1 deleted during the copy"


@pytest.mark.parametrize("method", ["stat", "put", "open"])
@pytest.mark.parametrize("side", ["source", "target"])
async def test_an_outage_of_a_moment_is_retried(tmp_path: Path, side: str, method: str) -> None:
    source, target = HookedBlobs(), HookedBlobs()
    given = await fill(source)
    {"source": source, "target": target}[side].before[method] = once(away)
    report = await copied(source, target, tmp_path)
    assert (report.done, report.is_complete) == (len(given), True)
    assert await contents(target) == given


async def test_an_unreadable_blob_is_reported_and_the_others_are_copied(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs, screen: io.StringIO
) -> None:
    given = await fill(source)
    bad = next(iter(given))

    async def fail(key: str, *arguments: object) -> None:
        if key == bad:
            raise Unavailable("the disk can't read it", outcome_known=True)

    source.before["open"] = fail
    report = await copied(source, target, tmp_path, screen)
    assert (report.done, report.failed, report.stopped) == (len(given) - 1, 1, None)
    assert screen.getvalue() == f"{bad}: the disk can't read it\n"


async def test_a_blob_that_cannot_be_read_back_is_not_counted_as_copied(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs, screen: io.StringIO
) -> None:
    given = await fill(source)
    target.before["open"] = away
    report = await copied(source, target, tmp_path, screen)
    assert (report.done, report.failed) == (0, len(given))
    assert "cannot read it back: the connection was refused; run again with --verify" in screen.getvalue()


async def test_a_store_that_stays_unavailable_ends_the_copy(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs
) -> None:
    given = await fill(source, 60)
    target.before["put"] = away
    report = await copied(source, target, tmp_path)
    assert 20 <= report.failed < len(given)
    assert report.stopped is not None
    assert report.stopped.endswith("items in a row failed: the connection was refused")


async def test_a_full_store_ends_the_copy(tmp_path: Path, source: HookedBlobs, target: HookedBlobs) -> None:
    given = await fill(source)

    async def full(key: str, *arguments: object) -> None:
        if len(await target.keys()) >= 5:
            raise NoSpace("the bucket is full")

    target.before["put"] = full
    report = await copied(source, target, tmp_path)
    assert report.stopped == "no space left: the bucket is full"
    assert report.done + report.failed < len(given)
    assert len(await target.keys()) == report.done


async def test_a_listing_that_fails_ends_the_copy_with_the_reason(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs
) -> None:
    await fill(source)
    source.before["list"] = away
    report = await copied(source, target, tmp_path)
    assert (report.processed, report.stopped) == (0, "the listing failed: the connection was refused")


async def test_a_stopped_copy_finishes_the_blobs_in_progress(
    tmp_path: Path, source: HookedBlobs, target: HookedBlobs
) -> None:
    given = await fill(source)
    batch = Batch(4, Progress(io.StringIO()))

    async def stop(*arguments: object) -> None:
        batch.stop("stopped by SIGTERM")

    target.before["put"] = stop
    copier = copy_blobs.BlobCopier(source, target, tmp_path, batch, verify=False)
    await batch.run(copy_blobs.list_blobs(source, originals_only=False), lambda info: info.key, copier.copy)
    assert 1 <= batch.report.done <= 4
    assert not batch.report.is_complete
    there = await contents(target)
    assert len(there) == batch.report.done
    assert there.items() <= given.items()


class Endless:
    """Lists many blobs without storing any: a blob's bytes follow from its key. `put` checks its bytes."""

    def __init__(self, count: int, *, has_them: bool) -> None:
        self._count = count
        self._has_them = has_them

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        for number in range(self._count if prefix == keys.DERIVED else 0):
            yield self._info(f"{prefix}id{number}/{'0' * 32}/{'a' * 12}/8x6.jpg")

    async def stat(self, key: str) -> BlobInfo:
        if not self._has_them and hash(key) % 4:
            raise NotFound(key)
        return self._info(key)

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        assert source == _body(key)
        return self._info(key)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Blob]:
        async def chunks() -> AsyncIterator[bytes]:
            yield _body(key)

        yield Blob(self._info(key), chunks())

    def _info(self, key: str) -> BlobInfo:
        return BlobInfo(key, 256, "etag", NOW)


def _body(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest() * 8


async def test_memory_stays_flat_however_many_blobs_there_are(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        report = await copied(Endless(20_000, has_them=True), Endless(0, has_them=False), tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.processed == 20_000
    assert report.existing > 1_000
    assert report.is_complete
    assert peak < 300_000


async def test_a_large_blob_is_never_in_memory(tmp_path: Path) -> None:
    """Several of 24 MB at once, from folder to folder."""
    folder = tmp_path / "spool"
    folder.mkdir()
    async with FolderBlobs(f"file:{tmp_path}/from") as source, FolderBlobs(f"file:{tmp_path}/to") as target:
        for number in range(4):
            await source.put(an_original(f"id{number}"), bytes([number]) * (24 << 20), "image/jpeg")
        tracemalloc.start()
        try:
            report = await copied(source, target, folder)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (report.done, report.is_complete) == (4, True)
    assert peak < 12 << 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("total", "start"), [(None, ""), (5_000, "40% of 5000: ")])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
async def test_the_progress_is_updated_in_place_only_on_a_terminal(
    stream: type[io.StringIO], total: int | None, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = stream()
    seconds = iter(range(0, 1_000_000, 1_000))
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("pymager.operations.progress.monotonic", lambda: next(seconds))
    progress = Progress(screen)
    report = Report(done=1_000, bytes=5_000_000, existing=1_000)
    progress.update(report, total)
    progress.print_line("cat: is lost")
    progress.close()
    line = f"{start}1000 copied (5,000,000 bytes), 1000 already there, 0 failed, 2/s, 5 kB/s"
    clear = "\r\x1b[K"
    plain = f"{line}\ncat: is lost\n"
    assert screen.getvalue() == (f"{clear}{line[:59]}{clear}cat: is lost\n{clear}" if stream is Terminal else plain)
