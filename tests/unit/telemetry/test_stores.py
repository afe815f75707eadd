"""A measured store still passes the contract, and its operations are counted."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.errors import NotFound, Unavailable
from pymager.telemetry.context import CURRENT, RequestContext
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.telemetry.stores import ObservedBlobs, ObservedMetadata
from pymager.telemetry.timings import Timings
from pymager.testing.blobs import BlobStoreContract
from pymager.testing.blobs_memory import MemoryBlobs
from pymager.testing.metadata import MetadataStoreContract
from pymager.testing.metadata_memory import MemoryMetadata
from pymager.testing.metadata_originals import an_original
from pymager_filesystem import FolderBlobs
from tests.unit.telemetry.counted import counted, times


class TestObservedBlobs(BlobStoreContract):
    has_server = False

    @pytest.fixture
    def url(self) -> str:
        return f"memory:{secrets.token_hex(8)}"

    @pytest.fixture
    async def blobs(self, url: str) -> AsyncIterator[ObservedBlobs]:
        async with ObservedBlobs(MemoryBlobs(url), Observer(Metrics(SharedMetrics()))) as store:
            yield store

    @pytest.fixture
    async def other(self, url: str) -> AsyncIterator[ObservedBlobs]:
        async with ObservedBlobs(MemoryBlobs(url), Observer(timed=True)) as store:
            yield store


class TestObservedMetadata(MetadataStoreContract):
    has_server = False

    @pytest.fixture
    def url(self) -> str:
        return f"memory:{secrets.token_hex(8)}"

    @pytest.fixture
    async def metadata(self, url: str) -> AsyncIterator[ObservedMetadata]:
        async with ObservedMetadata(MemoryMetadata(url), Observer(Metrics(SharedMetrics()))) as store:
            yield store

    @pytest.fixture
    async def other(self, url: str) -> AsyncIterator[ObservedMetadata]:
        async with ObservedMetadata(MemoryMetadata(url), Observer(timed=True)) as store:
            yield store


def calls(shared: SharedMetrics, store: str, operation: str) -> float:
    return times(shared, "pymager_store_seconds", store, operation)


async def test_reading_a_blob_is_one_operation_whose_bytes_are_counted() -> None:
    shared = SharedMetrics()
    async with ObservedBlobs(MemoryBlobs("memory:"), Observer(Metrics(shared))) as blobs:
        await blobs.put("original/cat/1", b"12345", "image/jpeg")
        async with blobs.open("original/cat/1", 1, 4) as blob:
            assert b"".join([chunk async for chunk in blob.chunks]) == b"234"
        assert [info.key async for info in blobs.list("original/")] == ["original/cat/1"]
    assert [calls(shared, "blobs", name) for name in ("put", "open", "list", "stat")] == [1, 1, 1, 0]
    assert counted(shared, "pymager_store_bytes_total", "read") == [3.0]
    assert counted(shared, "pymager_store_bytes_total", "written") == [5.0]


async def test_a_normal_answer_of_a_store_is_not_counted_as_a_failure() -> None:
    class Away(MemoryMetadata):
        async def get(self, id: str) -> None:  # type: ignore[override]
            raise Unavailable("away", outcome_known=True)

    shared = SharedMetrics()
    observer = Observer(Metrics(shared))
    with pytest.raises(NotFound):
        await ObservedMetadata(MemoryMetadata("memory:"), observer).get("cat")
    error = ("pymager_store_errors_total", "metadata", "get", "unavailable")
    assert (calls(shared, "metadata", "get"), counted(shared, *error)) == (1, [0.0])
    with pytest.raises(Unavailable):
        await ObservedMetadata(Away("memory:"), observer).get("cat")
    assert (calls(shared, "metadata", "get"), counted(shared, *error)) == (2, [1.0])


async def test_the_local_file_of_a_blob_is_passed_on(tmp_path: Path) -> None:
    async with ObservedBlobs(FolderBlobs(f"file://{tmp_path}"), Observer(timed=True)) as blobs:
        await blobs.put("original/cat/1", b"12345", "image/jpeg")
        async with blobs.open("original/cat/1") as blob:
            assert blob.file is not None
            assert Path(blob.file).read_bytes() == b"12345"


async def test_the_timings_of_a_request_have_only_its_own_operations() -> None:
    metadata = ObservedMetadata(MemoryMetadata("memory:"), Observer(timed=True))
    await metadata.add(an_original("cat"))
    CURRENT.set(RequestContext("1", "", 0.0, timings=(timings := Timings())))
    await metadata.get("cat")
    assert timings.header("memory").startswith('cache;desc="memory", catalog;dur=')
