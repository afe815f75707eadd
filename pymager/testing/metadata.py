"""The contract of a metadata backend: a class of tests to subclass.

A backend's whole test is

    class TestMine(MetadataStoreContract):
        has_server = False

        @pytest_asyncio.fixture
        async def metadata(self, tmp_path):
            async with Mine(f"mine:{tmp_path}/data") as store:
                yield store

        @pytest_asyncio.fixture
        async def other(self, metadata, tmp_path):
            async with Mine(f"mine:{tmp_path}/data") as store:
                yield store

`metadata` is an open store without rows and leases, and `other` is a second one, with connections of its own, to the
same data. A backend with a server gives a third fixture too, `unreachable`: an open store whose server does not
answer any more. A backend without one says so by `has_server = False`. Needs the extra `testing`; runs in
pytest-asyncio's auto mode and in its strict one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest

from pymager.errors import Unavailable
from pymager.ports import MetadataStore
from pymager.testing.metadata_catalog import CatalogContract
from pymager.testing.metadata_leases import LeasesContract
from pymager.testing.metadata_originals import an_original

__all__ = ["CatalogContract", "LeasesContract", "MetadataStoreContract"]

_DEADLINE = 60.0


@pytest.mark.asyncio
class MetadataStoreContract(CatalogContract, LeasesContract):
    """What one metadata backend has to keep."""

    has_server: ClassVar[bool] = True

    @pytest.fixture
    def unreachable(self) -> MetadataStore:
        """To be overridden by a backend that has a server."""
        if self.has_server:
            pytest.fail("give a fixture 'unreachable', or say has_server = False")
        pytest.skip("this backend has no server")

    async def test_a_store_that_is_open_answers_a_ping(self, metadata: MetadataStore, other: MetadataStore) -> None:
        await metadata.ping()
        await other.ping()

    async def test_a_server_that_does_not_answer_makes_every_call_unavailable(self, unreachable: MetadataStore) -> None:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "ping": lambda: unreachable.ping(),
            "get": lambda: unreachable.get("cat"),
            "list_page": lambda: unreachable.list_page(None, 10),
            "add": lambda: unreachable.add(an_original()),
            "replace": lambda: unreachable.replace(an_original()),
            "remove": lambda: unreachable.remove("cat"),
            "fence": lambda: unreachable.fence("cat", an_original().revision),
            "acquire": lambda: unreachable.acquire("picture"),
            "tidy": lambda: unreachable.tidy(0.0),
        }
        for name, call in calls.items():
            async with asyncio.timeout(_DEADLINE):
                with pytest.raises(Unavailable):
                    await call()
                    pytest.fail(f"{name} returned though no server is there")
