"""The contract of a blob store, as a test class. Subclass it and define its fixtures:

    import pytest_asyncio
    from my_package import MyBlobs
    from pymager.testing.blobs import BlobStoreContract


    class TestMyBlobs(BlobStoreContract):
        has_server = False

        @pytest_asyncio.fixture
        async def blobs(self, tmp_path):
            async with MyBlobs(f"myscheme:{tmp_path}/store") as store:
                yield store

        @pytest_asyncio.fixture
        async def other(self, blobs, tmp_path):
            async with MyBlobs(f"myscheme:{tmp_path}/store") as store:
                yield store

`blobs` is an open store. `other` is a second open store on the same data, with connections of its own. A store that
talks to a server defines a third fixture, `unreachable`: an open store whose server no longer answers. A store without
a server sets `has_server = False`.

The tests put blobs below a folder with a random name and delete them at the end. One test calls `tidy(0)`, so nothing
else may write to the store meanwhile. Needs the extra `testing`. Works in pytest-asyncio's auto and strict modes.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
import pytest_asyncio

from pymager.errors import Unavailable
from pymager.ports import BlobStore
from pymager.testing.blobs_concurrency import BlobConcurrencyContract
from pymager.testing.blobs_contents import BlobContentContract, read
from pymager.testing.blobs_keys import BlobKeyContract
from pymager.testing.blobs_listing import BlobListingContract

__all__ = [
    "BlobConcurrencyContract",
    "BlobContentContract",
    "BlobKeyContract",
    "BlobListingContract",
    "BlobStoreContract",
]

_CALL_TIMEOUT_SECONDS = 60.0


@pytest.mark.asyncio
class BlobStoreContract(BlobContentContract, BlobKeyContract, BlobListingContract, BlobConcurrencyContract):
    """What every blob store must do."""

    has_server: ClassVar[bool] = True

    @pytest_asyncio.fixture
    async def folder(self, blobs: BlobStore) -> AsyncIterator[str]:
        """A first segment that no other test uses. Its blobs are deleted afterwards."""
        name = f"contract-{secrets.token_hex(8)}"
        yield name
        await blobs.delete([info.key async for info in blobs.list(f"{name}/")])

    @pytest.fixture
    def unreachable(self) -> BlobStore:
        """Override this in the test class of a store that talks to a server."""
        if self.has_server:
            pytest.fail("define the fixture `unreachable`, or set `has_server = False`")
        pytest.skip("this store has no server")

    async def test_ping_returns(self, blobs: BlobStore, other: BlobStore) -> None:
        async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
            await blobs.ping()
            await other.ping()

    async def test_every_method_raises_unavailable_if_the_server_does_not_answer(self, unreachable: BlobStore) -> None:
        async def list_all() -> None:
            async for _ in unreachable.list("original/"):
                pass

        calls = {
            "open": read(unreachable, "original/cat/1.jpg"),
            "stat": unreachable.stat("original/cat/1.jpg"),
            "put": unreachable.put("original/cat/1.jpg", b"cat", "image/jpeg"),
            "delete": unreachable.delete(["original/cat/1.jpg"]),
            "list": list_all(),
            "ping": unreachable.ping(),
        }
        async with asyncio.timeout(len(calls) * _CALL_TIMEOUT_SECONDS):
            outcomes = await asyncio.gather(*calls.values(), return_exceptions=True)
        raised = dict(zip(calls, map(type, outcomes), strict=True))
        assert raised == dict.fromkeys(calls, Unavailable)
