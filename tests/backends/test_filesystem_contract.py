"""The blob store in a folder keeps the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.testing.blobs import BlobStoreContract
from pymager_filesystem import FolderBlobs


class TestFolderBlobs(BlobStoreContract):
    @pytest.fixture
    async def blobs(self, tmp_path: Path) -> AsyncIterator[FolderBlobs]:
        async with FolderBlobs(f"file://{tmp_path}/store") as store:
            yield store

    @pytest.fixture
    async def other(self, tmp_path: Path) -> AsyncIterator[FolderBlobs]:
        async with FolderBlobs(f"file://{tmp_path}/store") as store:
            yield store

    @pytest.fixture
    async def unreachable(self, tmp_path: Path) -> AsyncIterator[FolderBlobs]:
        """A folder whose volume is not mounted any more."""
        async with FolderBlobs(f"file://{tmp_path}/volume") as store:
            (tmp_path / "volume").rename(tmp_path / "elsewhere")
            (tmp_path / "volume").mkdir()
            yield store
