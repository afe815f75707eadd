"""The part of the blob store's contract about keys: `pymager.ports.check_key` says which keys are valid."""

import asyncio
import sys
import unicodedata
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from pymager.ports import MAX_KEY_BYTES, BlobStore
from pymager.testing.blobs_contents import TYPE, read

_DISTINCT_SEGMENTS = [
    *("cafe", "CAFE", "Cafe", "caf\u00e9", "cafe\u0301", "straße", "strasse", "ﬁ", "fi", "ａ", "a", "1", "１"),
    *("می\u200cخواهم", "میخواهم", "അവന്\u200d", "അവന്", "क्\u200dष", "क्\u200cष", "क्ष"),
]
_LONG_SEGMENTS = ["x" * 200, "語" * 66, "𐍈" * 50, "x" * 255, "語" * 85, "a.b-c_d..e", "-", "_", "0"]
_INVALID_KEYS = [
    *("", "/", "/etc/passwd", "a/", "/a", "a//b", ".", "..", "a/.", "a/..", "../a", "a/../../b", "./a", ".a", "a."),
    *(
        "a\0b",
        "a\\b",
        "..\\a",
        "a b",
        "a\nb",
        "a:b",
        "a%2Fb",
        "a\udc80b",
        "a/\u2028",
        "a\u200bb",
        "a\u200cb",
        "a\u200d",
        "~",
        "*",
        "é" * 128,
    ),
    *("a/" * 351 + "a", "x" * 256),
]
_INVALID_PREFIXES = ["/", "a//", "../", "a/../", "./", "derived/.cat", "a/..", "a b", "a\0", "a\\", "x" * 256]
_MAX_CONCURRENT_PUTS = 16


@pytest.mark.asyncio
class BlobKeyContract:
    """Every valid key works as it is, and every method refuses an invalid one."""

    @pytest.mark.parametrize("key", _INVALID_KEYS, ids=ascii)
    async def test_every_method_refuses_an_invalid_key_and_changes_nothing(
        self, blobs: BlobStore, folder: str, key: str
    ) -> None:
        valid = f"{folder}/cat/1"
        await blobs.put(valid, b"cat", TYPE)
        before = {info async for info in blobs.list("")}
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "open": lambda: read(blobs, key),
            "stat": lambda: blobs.stat(key),
            "put": lambda: blobs.put(key, b"cat", TYPE),
            "delete": lambda: blobs.delete([key]),
            "delete with a valid key": lambda: blobs.delete([valid, key]),
        }
        for name, call in calls.items():
            with pytest.raises(ValueError, match=r".+"):
                await call()
                pytest.fail(f"{name} accepted the key")
        assert {info async for info in blobs.list("")} == before

    @pytest.mark.parametrize("prefix", _INVALID_PREFIXES, ids=ascii)
    async def test_list_refuses_a_prefix_that_no_key_starts_with(self, blobs: BlobStore, prefix: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            await anext(aiter(blobs.list(prefix)))

    async def test_keys_are_compared_byte_for_byte(self, blobs: BlobStore, folder: str) -> None:
        keys = [f"{folder}/{segment}/1" for segment in _DISTINCT_SEGMENTS]
        for key in keys:
            await blobs.put(key, key.encode(), TYPE)
        assert [await read(blobs, key) for key in keys] == [key.encode() for key in keys]

    async def test_segments_and_keys_of_the_maximum_length_work(self, blobs: BlobStore, folder: str) -> None:
        keys = [f"{folder}/{segment}/1.jpg" for segment in _LONG_SEGMENTS]
        keys.append(f"{folder}/{'語' * 85}/{'y' * 255}/".ljust(MAX_KEY_BYTES - 2 * 85, "z"))
        assert len(keys[-1].encode()) == MAX_KEY_BYTES
        for key in keys:
            await blobs.put(key, key.encode(), TYPE)
        assert [await read(blobs, key) for key in keys] == [key.encode() for key in keys]
        assert {info.key async for info in blobs.list(f"{folder}/")} == set(keys)

    async def test_every_letter_mark_and_digit_works_in_a_key(self, blobs: BlobStore, folder: str) -> None:
        keys = [f"{folder}/{segments}" for segments in _segments_with_every_character()]
        slots = asyncio.Semaphore(_MAX_CONCURRENT_PUTS)

        async def put(key: str) -> None:
            async with slots:
                await blobs.put(key, b"", TYPE)

        await asyncio.gather(*map(put, keys))
        assert {info.key async for info in blobs.list(f"{folder}/")} == set(keys)
        assert (await blobs.stat(keys[-1])).key == keys[-1]


def _segments_with_every_character() -> list[str]:
    """Pairs of segments, each up to 250 bytes, that together contain every character that a segment can have."""
    allowed = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"
    ]
    cuts = [*range(0, len(allowed), 62), len(allowed)]
    segments = ["".join(allowed[first:last]) for first, last in pairwise(cuts)]
    return [f"{first}/{second}" for first, second in zip(segments[::2], [*segments[1::2], "_-"], strict=False)]
