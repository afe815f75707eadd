"""The contract of a blob store. Subclass it, give it its stores, and a backend's test is done.

class TestMyBlobs(BlobStoreContract):
    @pytest_asyncio.fixture
    async def blobs(self) -> AsyncIterator[MyBlobs]:
        async with MyBlobs("my://here") as store:
            yield store

`other` is a second, independent store on the same data. `unreachable` is an open store whose server can't be reached
any more; only a backend that has nothing to reach says `has_server = False` in its place. The tests put blobs under
names of their own and delete them at the end; one calls `tidy(0)`, so nobody else may be writing. Needs the extra
`testing`; runs in pytest-asyncio's auto mode and in its strict one.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
import pytest_asyncio

from pymager.errors import Unavailable
from pymager.ports import BlobStore
from pymager.testing.blobs_contents import Contents, read
from pymager.testing.blobs_listing import Listing
from pymager.testing.blobs_races import Races

_LONG = 60.0


@pytest.mark.asyncio
class BlobStoreContract(Contents, Listing, Races):
    """What every blob store keeps to."""

    has_server: ClassVar[bool] = True

    @pytest_asyncio.fixture
    async def folder(self, blobs: BlobStore) -> AsyncIterator[str]:
        """A first segment that nobody else has, emptied afterwards."""
        name = f"contract-{secrets.token_hex(8)}"
        yield name
        await blobs.delete([info.key async for info in blobs.list(f"{name}/")])

    @pytest.fixture
    def unreachable(self) -> BlobStore:
        """To be overridden."""
        if self.has_server:
            pytest.fail("define the fixture `unreachable`, or say `has_server = False`")
        pytest.skip("the backend has nothing to reach")

    async def test_ping_returns(self, blobs: BlobStore) -> None:
        async with asyncio.timeout(_LONG):
            await blobs.ping()

    async def test_a_store_that_cannot_be_reached_says_so_in_every_method(self, unreachable: BlobStore) -> None:
        async def listed() -> None:
            async for _ in unreachable.list("original/"):
                pass

        attempts = {
            "open": read(unreachable, "original/cat/1.jpg"),
            "stat": unreachable.stat("original/cat/1.jpg"),
            "put": unreachable.put("original/cat/1.jpg", b"cat", "image/jpeg"),
            "delete": unreachable.delete(["original/cat/1.jpg"]),
            "list": listed(),
            "ping": unreachable.ping(),
        }
        async with asyncio.timeout(len(attempts) * _LONG):
            outcomes = await asyncio.gather(*attempts.values(), return_exceptions=True)
        got = dict(zip(attempts, map(type, outcomes), strict=True))
        assert got == dict.fromkeys(attempts, Unavailable)
