"""Where the embedded backends' own tests keep their data."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager_sql import SqlMetadata


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}?timeout=1"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlMetadata]:
    async with SqlMetadata(url) as store:
        yield store
