"""The part of a blob store's contract about single blobs: their bytes, their description, their keys."""

import asyncio
import secrets
import sys
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import pairwise
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
    """All the bytes of a blob or of a range of it."""
    async with store.open(key, start, stop) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


async def is_absent(store: BlobStore, key: str) -> bool:
    """Whether both ways of asking for a blob say that there is none."""
    for question in (read(store, key), store.stat(key)):
        try:
            await question
        except NotFound:
            continue
        return False
    return True


@pytest.mark.asyncio
class Contents:
    """Single blobs."""

    @pytest.mark.parametrize("size", [0, 1, 30_000, 300_000, 20_000_000])
    async def test_bytes_come_back_as_they_were_put(self, blobs: BlobStore, folder: str, size: int) -> None:
        body = secrets.token_bytes(size)
        info = await blobs.put(f"{folder}/cat/1.jpg", body, TYPE)
        assert info.size == size
        assert await read(blobs, f"{folder}/cat/1.jpg") == body

    @pytest.mark.parametrize("size", [0, 30_000, 20_000_000])
    async def test_a_file_is_put_whole_and_left_as_it_was(
        self, blobs: BlobStore, folder: str, tmp_path: Path, size: int
    ) -> None:
        body = secrets.token_bytes(size)
        source = tmp_path / "source"
        source.write_bytes(body)
        info = await blobs.put(f"{folder}/cat/1.jpg", source, TYPE)
        source.write_bytes(b"changed afterwards")
        assert info.size == size
        assert await read(blobs, f"{folder}/cat/1.jpg") == body

    @pytest.mark.parametrize(("start", "stop"), _RANGES)
    async def test_a_range_is_a_slice(self, blobs: BlobStore, folder: str, start: int, stop: int | None) -> None:
        body = secrets.token_bytes(300_000)
        await blobs.put(f"{folder}/cat/1.jpg", body, TYPE)
        assert await read(blobs, f"{folder}/cat/1.jpg", start, stop) == body[start:stop]

    async def test_a_range_of_an_empty_blob_is_empty(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1.jpg", b"", TYPE)
        for start, stop in ((0, 1), (5, 9), (-3, None)):
            assert await read(blobs, f"{folder}/cat/1.jpg", start, stop) == b""

    async def test_an_opened_range_is_described_as_the_whole_blob(self, blobs: BlobStore, folder: str) -> None:
        info = await blobs.put(f"{folder}/cat/1.jpg", b"a picture of a cat", TYPE)
        async with blobs.open(f"{folder}/cat/1.jpg", 2, 9) as blob:
            assert blob.info == info

    async def test_every_method_describes_a_blob_alike(self, blobs: BlobStore, other: BlobStore, folder: str) -> None:
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

    async def test_an_etag_is_opaque_and_unquoted(self, blobs: BlobStore, folder: str) -> None:
        etag = (await blobs.put(f"{folder}/cat/1.jpg", b"cat", TYPE)).etag
        assert etag.isascii()
        assert etag.isprintable()
        assert not set(etag) & set('" ')
        assert etag

    async def test_blobs_of_different_content_have_different_etags(self, blobs: BlobStore, folder: str) -> None:
        infos = [await blobs.put(f"{folder}/cat/{n}.jpg", bytes([n]) * (100 + n), TYPE) for n in range(20)]
        assert len({info.etag for info in infos}) == 20

    async def test_a_file_named_by_an_open_blob_holds_the_whole_blob(self, blobs: BlobStore, folder: str) -> None:
        body = secrets.token_bytes(1_000)
        await blobs.put(f"{folder}/cat/1.jpg", body, TYPE)
        async with blobs.open(f"{folder}/cat/1.jpg", 10, 20) as blob:
            assert blob.file is None or blob.file.read_bytes() == body

    async def test_putting_a_key_again_leaves_one_blob(self, blobs: BlobStore, folder: str) -> None:
        for _ in range(2):
            info = await blobs.put(f"{folder}/cat/1.jpg", b"cat", TYPE)
        assert [found async for found in blobs.list(f"{folder}/")] == [info]
        assert await read(blobs, f"{folder}/cat/1.jpg") == b"cat"

    async def test_a_blob_that_was_never_put_is_not_found(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1/small.jpg", b"cat", TYPE)
        for absent in ("cat", "cat/1", "cat/1/small", "cat/1/small.jpg/more", "cat/2/small.jpg", "dog/1/small.jpg"):
            assert await is_absent(blobs, f"{folder}/{absent}")

    async def test_a_deleted_blob_is_not_found_and_others_stay(self, blobs: BlobStore, folder: str) -> None:
        for name in ("a", "b", "c"):
            await blobs.put(f"{folder}/cat/{name}", name.encode(), TYPE)
        await blobs.delete([f"{folder}/cat/a", f"{folder}/cat/c"])
        assert await is_absent(blobs, f"{folder}/cat/a")
        assert await is_absent(blobs, f"{folder}/cat/c")
        assert await read(blobs, f"{folder}/cat/b") == b"b"

    async def test_deleting_what_is_absent_is_fine(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1", b"cat", TYPE)
        await blobs.delete([])
        await blobs.delete(f"{folder}/{name}" for name in ("cat/2", "cat/1", "dog/1", "cat/1", "cat/1/2", "cat"))
        assert await is_absent(blobs, f"{folder}/cat/1")

    async def test_a_key_put_again_after_its_deletion_is_there(self, blobs: BlobStore, folder: str) -> None:
        for _ in range(20):
            await blobs.put(f"{folder}/cat/1", b"cat", TYPE)
            assert await read(blobs, f"{folder}/cat/1") == b"cat"
            await blobs.delete([f"{folder}/cat/1"])
            assert await is_absent(blobs, f"{folder}/cat/1")

    async def test_keys_are_told_apart_byte_for_byte(self, blobs: BlobStore, folder: str) -> None:
        names = [
            "cafe",
            "CAFE",
            "Cafe",
            "caf\u00e9",
            "cafe\u0301",
            "straße",
            "strasse",
            "ﬁ",
            "fi",
            "ａ",
            "a",
            "1",
            "１",
        ]
        for name in names:
            await blobs.put(f"{folder}/{name}/1", name.encode(), TYPE)
        assert [await read(blobs, f"{folder}/{name}/1") for name in names] == [name.encode() for name in names]

    async def test_segments_and_keys_may_be_as_long_as_the_port_says(self, blobs: BlobStore, folder: str) -> None:
        segments = ["x" * 200, "語" * 66, "𐍈" * 50, "x" * 255, "語" * 85, "a.b-c_d..e", "-", "_", "0"]
        keys = [f"{folder}/{segment}/1.jpg" for segment in segments]
        keys.append(f"{folder}/{'語' * 85}/{'y' * 255}/".ljust(700 - 2 * 85, "z"))
        assert len(keys[-1].encode()) == 700
        for key in keys:
            await blobs.put(key, key.encode(), TYPE)
        assert [await read(blobs, key) for key in keys] == [key.encode() for key in keys]
        assert {info.key async for info in blobs.list(f"{folder}/")} == set(keys)

    async def test_every_letter_digit_and_mark_may_stand_in_a_key(self, blobs: BlobStore, folder: str) -> None:
        keys = [f"{folder}/{segment}" for segment in _segments_of_every_character()]
        places = asyncio.Semaphore(16)

        async def put(key: str) -> None:
            async with places:
                await blobs.put(key, b"", TYPE)

        await asyncio.gather(*map(put, keys))
        assert {info.key async for info in blobs.list(f"{folder}/")} == set(keys)
        assert (await blobs.stat(keys[-1])).key == keys[-1]


def _segments_of_every_character() -> list[str]:
    """Two segments of up to 250 bytes to a line, which together have every character that a segment may have."""
    allowed = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"
    ]
    cuts = [*range(0, len(allowed), 62), len(allowed)]
    segments = ["".join(allowed[first:last]) for first, last in pairwise(cuts)]
    return [f"{first}/{second}" for first, second in zip(segments[::2], [*segments[1::2], "_-"], strict=False)]
