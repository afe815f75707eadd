"""What holds for all unit tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.place import Place, opened

# No test depends on speed.
settings.register_profile("pymager", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pymager")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A library with everything that it needs, sound at the end whatever was done to it."""
    async with opened(tmp_path) as place:
        yield place
        await place.library.close()
        assert await place.is_sound()
