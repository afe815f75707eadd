"""The in-memory metadata store keeps the same contract as the real ones."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from pymager.errors import ConfigurationError, NotFound
from pymager.testing.metadata import MetadataStoreContract
from pymager.testing.metadata_memory import MemoryMetadata
from pymager.testing.metadata_originals import an_original


@pytest.fixture
def url() -> str:
    return f"memory:{uuid4()}"


@pytest.fixture
async def metadata(url: str) -> AsyncIterator[MemoryMetadata]:
    async with MemoryMetadata(url) as store:
        yield store


@pytest.fixture
async def other(url: str) -> AsyncIterator[MemoryMetadata]:
    async with MemoryMetadata(url) as store:
        yield store


class TestMemory(MetadataStoreContract):
    has_server = False


async def test_stores_of_other_names_or_of_none_share_nothing(url: str) -> None:
    await MemoryMetadata(url).add(an_original())
    nameless = MemoryMetadata("memory:")
    await nameless.add(an_original())
    for stranger in (MemoryMetadata(url + "-"), MemoryMetadata("memory:")):
        with pytest.raises(NotFound):
            await stranger.get("cat")
    assert (await nameless.get("cat")).id == "cat"


async def test_data_of_a_name_outlives_its_stores(url: str) -> None:
    async with MemoryMetadata(url) as store:
        await store.add(an_original())
    async with MemoryMetadata(url) as store:
        assert (await store.get("cat")).id == "cat"


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="memory:NAME"):
        MemoryMetadata("sqlite:///x.db")
