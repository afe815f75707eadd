"""The blob store in memory keeps the contract."""

import secrets
from collections.abc import AsyncIterator

import pytest

from pymager.errors import ConfigurationError
from pymager.testing.blobs import BlobStoreContract
from pymager.testing.blobs_memory import MemoryBlobs


class TestMemoryBlobs(BlobStoreContract):
    has_server = False

    @pytest.fixture
    def url(self) -> str:
        return f"memory:{secrets.token_hex(8)}"

    @pytest.fixture
    async def blobs(self, url: str) -> AsyncIterator[MemoryBlobs]:
        async with MemoryBlobs(url) as store:
            yield store

    @pytest.fixture
    async def other(self, url: str) -> AsyncIterator[MemoryBlobs]:
        async with MemoryBlobs(url) as store:
            yield store


async def test_stores_without_a_name_share_nothing() -> None:
    async with MemoryBlobs("memory:") as one, MemoryBlobs("memory:") as two:
        await one.put("original/cat/1", b"cat", "image/jpeg")
        assert [info async for info in two.list("")] == []


async def test_a_named_store_that_is_opened_again_still_has_its_blobs() -> None:
    url = f"memory:{secrets.token_hex(8)}"
    async with MemoryBlobs(url) as store:
        await store.put("original/cat/1", b"cat", "image/jpeg")
    async with MemoryBlobs(url) as store:
        assert (await store.stat("original/cat/1")).size == 3


@pytest.mark.parametrize("url", ["memory", "memory://x", "memory:a/b", "memory:a b", "file:x"])
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="memory:NAME"):
        MemoryBlobs(url)
