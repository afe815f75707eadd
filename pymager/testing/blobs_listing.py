"""The part of the blob store's contract about listings."""

import asyncio

import pytest

from pymager.ports import BlobStore
from pymager.testing.blobs_contents import TYPE

_MANY_BLOBS = 1_200  # more than one page of an S3 listing, and than one bulk delete
_MAX_CONCURRENT_PUTS = 16


async def _put_all(store: BlobStore, keys: list[str]) -> None:
    slots = asyncio.Semaphore(_MAX_CONCURRENT_PUTS)

    async def put(key: str) -> None:
        async with slots:
            await store.put(key, b"cat", TYPE)

    await asyncio.gather(*map(put, keys))


async def _listed(store: BlobStore, prefix: str) -> list[str]:
    return sorted([info.key async for info in store.list(prefix)])


@pytest.mark.asyncio
class BlobListingContract:
    """A listing has every blob whose key starts with the prefix, once."""

    async def test_a_prefix_can_be_a_folder(self, blobs: BlobStore, folder: str) -> None:
        names = ["a/b/1", "a/b/c/1", "a/b/c/d/1", "a/bc/1", "a/b.c", "a/b-", "ab/1"]
        await _put_all(blobs, [f"{folder}/{name}" for name in names])

        async def listed(prefix: str) -> list[str]:
            return [key.removeprefix(f"{folder}/") for key in await _listed(blobs, f"{folder}/{prefix}")]

        assert await listed("") == sorted(names)
        assert await listed("a/") == sorted(set(names) - {"ab/1"})
        assert await listed("a/b/") == ["a/b/1", "a/b/c/1", "a/b/c/d/1"]
        assert await listed("a/b/c/") == ["a/b/c/1", "a/b/c/d/1"]
        assert await listed("a/b/c/d/") == ["a/b/c/d/1"]

    async def test_a_prefix_can_end_inside_a_segment(self, blobs: BlobStore, folder: str) -> None:
        names = ["a", "a-/1", "b/1", "ba/1", "ba/2", "bb-/1", "bb/1", "bba", "bc/1", "b\u00e9/1", "c/b/1", "d..e/1.jpg"]
        await _put_all(blobs, [f"{folder}/{name}" for name in names])
        for prefix in ("b", "bb", "bb-", "b\u00e9", "ba/", "c/b", "bd", "bc/1", "bc/12", "d.", "d..", "d..e/1.", "a."):
            found = [key.removeprefix(f"{folder}/") for key in await _listed(blobs, f"{folder}/{prefix}")]
            assert found == sorted(name for name in names if name.startswith(prefix)), prefix
        assert len(await _listed(blobs, folder)) == len(names)

    async def test_an_empty_prefix_lists_everything(self, blobs: BlobStore, folder: str) -> None:
        keys = [f"{folder}/cat/1", f"{folder}/dog/2/3"]
        await _put_all(blobs, keys)
        assert [key for key in await _listed(blobs, "") if key.startswith(folder)] == keys

    async def test_an_absent_folder_lists_nothing(self, blobs: BlobStore, folder: str) -> None:
        await blobs.put(f"{folder}/cat/1", b"cat", TYPE)
        for prefix in ("dog/", "cat/2/", "cat/1/", "c/"):
            assert await _listed(blobs, f"{folder}/{prefix}") == []

    async def test_many_blobs_are_each_listed_once_and_deleted_in_bulk(self, blobs: BlobStore, folder: str) -> None:
        keys = sorted(f"{folder}/{n % 50}/{n}.jpg" for n in range(_MANY_BLOBS))
        await _put_all(blobs, keys)
        assert await _listed(blobs, f"{folder}/") == keys
        await blobs.delete(iter(keys))
        assert await _listed(blobs, f"{folder}/") == []

    async def test_a_blob_that_stays_is_listed_once_while_others_are_deleted(
        self, blobs: BlobStore, other: BlobStore, folder: str
    ) -> None:
        staying = sorted(f"{folder}/{n % 7}/{n}-stays" for n in range(600))
        leaving = [f"{folder}/{n % 9}/{n}-leaves" for n in range(600)]
        await _put_all(blobs, [*leaving, *staying])
        listed = []
        async for info in blobs.list(f"{folder}/"):
            listed.append(info.key)
            if leaving and len(listed) % 5 == 0:
                await other.delete([leaving.pop() for _ in range(min(20, len(leaving)))])
        assert sorted(key for key in listed if key.endswith("stays")) == staying

    async def test_a_listing_can_be_abandoned(self, blobs: BlobStore, folder: str) -> None:
        await _put_all(blobs, [f"{folder}/cat/{n}" for n in range(300)])
        for _ in range(20):
            async for _ in blobs.list(f"{folder}/"):
                break
        assert len(await _listed(blobs, f"{folder}/")) == 300
