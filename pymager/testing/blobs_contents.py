"""The part of the blob store's contract about single blobs: their bytes and their descriptions."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pymager.errors import NotFound
from pymager.ports import BlobStore

TYPE = "application/octet-stream"

_RANGES: list[tuple[int, int | None]] = [
    *((0, 0), (0, 1), (0, None), (0, 1_000_000_000), (0, -1), (7, 7), (7, 6), (7, 4_096), (7, None)),
    *((-1, None), (-9, -4), (-1_000_000_000, 5), (299_999, None), (300_000, None), (300_001, 300_009)),
    *((65_535, 65_537), (131_072, 262_144)),
]


async def read(store: BlobStore, key: str, start: int = 0, stop: int | None = None) -> bytes:
    """Return all bytes of a blob, or of a range of it."""
    async with store.open(key, start, stop) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


async def is_absent(store: BlobStore, key: str) -> bool:
    """Whether both `open` and `stat` raise `NotFound`."""
    for call in (read(store, key), store.stat(key)):
        try:
            await call
        except NotFound:
            continue
        return False
    return True


@pytest.mark.asyncio
class BlobContentContract:
    """A blob comes back as it was put, and is described the same way by every method."""

    @pytest.mark.parametrize("size", [0, 1, 30_000, 300_000, 20_000_000])
    async def test_a_blob_comes_back_as_it_was_put(self, blobs: BlobStore, folder: str, size: int) -> None:
        body = secrets.token_bytes(size)
        info = await blobs.put(f"{folder}/cat/1.jpg", body, TYPE)
        assert info.size == size
        assert await read(blobs, f"{folder}/cat/1.jpg") == body

    @pytest.mark.parametrize("size", [0, 30_000, 20_000_000])
    async def test_putting_a_file_copies_it(self, blobs: BlobStore, folder: str, tmp_path: Path, size: int) -> None:
        body = secrets.token_bytes(size)
        source = tmp_path / "source"
        source.write_bytes(body)
        info = await blobs.put(f"{folder}/cat/1.jpg", source, TYPE)
        assert source.read_bytes() == body
        source.write_bytes(b"changed afterwards")
        assert info.size == size
        assert await read(blobs, f"{folder}/cat/1.jpg") == body

    @pytest.mark.parametrize(("start", "stop"), _RANGES)
    async def test_a_range_works_like_a_slice(
        self, blobs: BlobStore, folder: str, start: int, stop: int | None
    ) -> None:
        body = secrets.token_bytes(300_000)
        await blobs.put(f"{folder}/cat/1.jpg", body, TYPE)
        assert await read(blobs, f"{folder}/cat/1.jpg", start, stop) == body[start:stop]

    async def test_a_range_of_an_empty_blob_is_empty(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1.jpg", b"", TYPE)
        for start, stop in ((0, 1), (5, 9), (-3, None)):
            assert await read(blobs, f"{folder}/cat/1.jpg", start, stop) == b""

    async def test_opening_a_range_describes_the_whole_blob(self, blobs: BlobStore, folder: str) -> None:
        info = await blobs.put(f"{folder}/cat/1.jpg", b"a picture of a cat", TYPE)
        async with blobs.open(f"{folder}/cat/1.jpg", 2, 9) as blob:
            assert blob.info == info

    async def test_every_method_returns_the_same_description(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        key = f"{folder}/cat/1.jpg"
        info = await blobs.put(key, secrets.token_bytes(1_000), TYPE)
        assert info.key == key
        for store in (blobs, other, blobs):
            async with store.open(key) as blob:
                assert blob.info == info
            assert await store.stat(key) == info
            assert [found async for found in store.list(f"{folder}/")] == [info]

    async def test_modified_is_recent_and_in_whole_seconds_of_utc(self, blobs: BlobStore, folder: str) -> None:
        modified = (await blobs.put(f"{folder}/cat/1.jpg", b"cat", TYPE)).modified
        assert modified.tzinfo is UTC
        assert modified.microsecond == 0
        assert abs(datetime.now(UTC) - modified) < timedelta(minutes=5)

    async def test_an_etag_is_printable_ascii_without_quotes(self, blobs: BlobStore, folder: str) -> None:
        etag = (await blobs.put(f"{folder}/cat/1.jpg", b"cat", TYPE)).etag
        assert etag.isascii()
        assert etag.isprintable()
        assert not set(etag) & set('" ')
        assert etag

    async def test_blobs_of_different_content_have_different_etags(self, blobs: BlobStore, folder: str) -> None:
        infos = [await blobs.put(f"{folder}/cat/{n}.jpg", bytes([n]) * (100 + n), TYPE) for n in range(20)]
        assert len({info.etag for info in infos}) == 20

    async def test_the_file_of_an_open_blob_holds_the_whole_blob(self, blobs: BlobStore, folder: str) -> None:
        body = secrets.token_bytes(1_000)
        await blobs.put(f"{folder}/cat/1.jpg", body, TYPE)
        async with blobs.open(f"{folder}/cat/1.jpg", 10, 20) as blob:
            assert blob.file is None or Path(blob.file).read_bytes() == body

    async def test_putting_a_key_twice_leaves_one_blob(self, blobs: BlobStore, folder: str) -> None:
        for _ in range(2):
            info = await blobs.put(f"{folder}/cat/1.jpg", b"cat", TYPE)
        assert [found async for found in blobs.list(f"{folder}/")] == [info]
        assert await read(blobs, f"{folder}/cat/1.jpg") == b"cat"

    async def test_a_key_that_was_never_put_is_not_found(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1/small.jpg", b"cat", TYPE)
        for absent in ("cat", "cat/1", "cat/1/small", "cat/1/small.jpg/more", "cat/2/small.jpg", "dog/1/small.jpg"):
            assert await is_absent(blobs, f"{folder}/{absent}")

    async def test_delete_removes_the_given_blobs_and_no_others(self, blobs: BlobStore, folder: str) -> None:
        for name in ("a", "b", "c"):
            await blobs.put(f"{folder}/cat/{name}", name.encode(), TYPE)
        await blobs.delete([f"{folder}/cat/a", f"{folder}/cat/c"])
        assert await is_absent(blobs, f"{folder}/cat/a")
        assert await is_absent(blobs, f"{folder}/cat/c")
        assert await read(blobs, f"{folder}/cat/b") == b"b"

    async def test_deleting_absent_keys_is_fine(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1", b"cat", TYPE)
        await blobs.delete([])
        await blobs.delete(f"{folder}/{name}" for name in ("cat/2", "cat/1", "dog/1", "cat/1", "cat/1/2", "cat"))
        assert await is_absent(blobs, f"{folder}/cat/1")

    async def test_a_deleted_key_can_be_put_again(self, blobs: BlobStore, folder: str) -> None:
        for _ in range(20):
            await blobs.put(f"{folder}/cat/1", b"cat", TYPE)
            assert await read(blobs, f"{folder}/cat/1") == b"cat"
            await blobs.delete([f"{folder}/cat/1"])
            assert await is_absent(blobs, f"{folder}/cat/1")
