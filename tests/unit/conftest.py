"""What holds for all unit tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.hooked import HookedBlobs, HookedMetadata
from tests.unit.place import Place, opened


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A library with all of its parts; its stores are consistent at the end of every test."""
    async with opened(tmp_path) as place:
        yield place
        await place.library.close()
        assert await place.is_sound()


@pytest.fixture
def blobs() -> HookedBlobs:
    return HookedBlobs()


@pytest.fixture
def metadata() -> HookedMetadata:
    return HookedMetadata()
