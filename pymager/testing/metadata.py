"""The contract of a metadata store, as a test class. Subclass it and define its fixtures:

    import pytest_asyncio
    from my_package import MyEmbeddedMetadata
    from pymager.testing.metadata import MetadataStoreContract


    class TestMyMetadata(MetadataStoreContract):
        has_server = False

        @pytest_asyncio.fixture
        async def metadata(self, tmp_path):
            async with MyEmbeddedMetadata(f"myscheme:{tmp_path}/data") as store:
                yield store

        @pytest_asyncio.fixture
        async def other(self, metadata, tmp_path):
            async with MyEmbeddedMetadata(f"myscheme:{tmp_path}/data") as store:
                yield store

`metadata` is an open store without rows or leases. `other` is a second open store on the same data, with connections
of its own. A store that talks to a server defines a third fixture, `unreachable`: an open store whose server no
longer answers. A store without a server sets `has_server = False`. Needs the extra `testing`. Works in pytest-
asyncio's auto and strict modes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest

from pymager.errors import Unavailable
from pymager.ports import MetadataStore
from pymager.testing.metadata_catalog import CatalogContract
from pymager.testing.metadata_dates import DateContract
from pymager.testing.metadata_descriptions import DescriptionContract
from pymager.testing.metadata_fencing import FenceContract
from pymager.testing.metadata_ids import IdContract
from pymager.testing.metadata_leases import LeaseContract
from pymager.testing.metadata_listing import CatalogListingContract
from pymager.testing.metadata_originals import A_DESCRIPTION, an_original
from pymager.testing.metadata_outbox import ORDER, OutboxContract
from pymager.testing.metadata_properties import PropertyContract

__all__ = [
    "CatalogContract",
    "CatalogListingContract",
    "DateContract",
    "DescriptionContract",
    "FenceContract",
    "IdContract",
    "LeaseContract",
    "MetadataStoreContract",
    "OutboxContract",
    "PropertyContract",
]

_CALL_TIMEOUT_SECONDS = 60.0


@pytest.mark.asyncio
class MetadataStoreContract(CatalogContract, LeaseContract, PropertyContract, OutboxContract):
    """What every metadata store must do."""

    has_server: ClassVar[bool] = True

    @pytest.fixture
    def unreachable(self) -> MetadataStore:
        """Override this in the test class of a store that talks to a server."""
        if self.has_server:
            pytest.fail("define the fixture `unreachable`, or set `has_server = False`")
        pytest.skip("this store has no server")

    async def test_ping_returns(self, metadata: MetadataStore, other: MetadataStore) -> None:
        await metadata.ping()
        await other.ping()

    async def test_every_method_raises_unavailable_if_the_server_does_not_answer(
        self, unreachable: MetadataStore
    ) -> None:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "ping": lambda: unreachable.ping(),
            "get": lambda: unreachable.get("cat"),
            "list_page": lambda: unreachable.list_page(None, 10),
            "add": lambda: unreachable.add(an_original()),
            "replace": lambda: unreachable.replace(an_original()),
            "remove": lambda: unreachable.remove("cat"),
            "describe": lambda: unreachable.describe("cat", an_original().revision, A_DESCRIPTION),
            "fence": lambda: unreachable.fence("cat", an_original().revision),
            "acquire": lambda: unreachable.acquire("picture"),
            "get_property": lambda: unreachable.get_property("color"),
            "set_property": lambda: unreachable.set_property("color", "red", None),
            "remove with a purge": lambda: unreachable.remove("cat", None, ORDER),
            "due_purges": lambda: unreachable.due_purges(ORDER.due, 10),
            "list_purges": lambda: unreachable.list_purges(None, 10),
            "count_purges": lambda: unreachable.count_purges(),
            "update_purge": lambda: unreachable.update_purge(ORDER.of(an_original()), ORDER.of(an_original())),
            "finish_purge": lambda: unreachable.finish_purge(ORDER.of(an_original())),
            "tidy": lambda: unreachable.tidy(0.0),
        }
        for name, call in calls.items():
            async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
                with pytest.raises(Unavailable):
                    await call()
                    pytest.fail(f"{name} returned although the server does not answer")
