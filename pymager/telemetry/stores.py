"""Wraps the two stores, and measures every operation."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from pymager.ports import (
    Backlog,
    Blob,
    BlobInfo,
    BlobStore,
    Description,
    Lease,
    MetadataStore,
    Original,
    Page,
    Purge,
    PurgeOrder,
    PurgePage,
)
from pymager.telemetry.families import STORE_BYTES, STORE_ERRORS, STORE_SECONDS
from pymager.telemetry.metrics import Value
from pymager.telemetry.observer import Measurement, Observer, Operation


def _step(observer: Observer, store: str, operation: str, timing: str) -> Operation:
    labels = (store, operation)
    observer.count(STORE_ERRORS, *labels, "unavailable", by=0)
    return observer.operation(
        f"{store}.{operation}", seconds=(STORE_SECONDS, *labels), errors=(STORE_ERRORS, *labels), timing=timing
    )


class ObservedBlobs:
    """Measures a blob store; `open` lasts until the bytes are read, without the time that their reader takes."""

    def __init__(self, blobs: BlobStore, observer: Observer) -> None:
        self._blobs = blobs
        self._steps = {
            name: _step(observer, "blobs", name, "bucket")
            for name in ("open", "stat", "put", "delete", "list", "tidy", "ping")
        }
        self._read = self._written = None
        if observer.metrics is not None:
            self._read = observer.metrics.value(STORE_BYTES, "read")
            self._written = observer.metrics.value(STORE_BYTES, "written")

    async def __aenter__(self) -> Self:
        await self._blobs.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._blobs.__aexit__(kind, error, trace)

    async def prepare(self) -> list[str]:
        return await self._blobs.prepare()

    async def tidy(self, older_than: float) -> int:
        with self._steps["tidy"]():
            return await self._blobs.tidy(older_than)

    async def ping(self) -> None:
        with self._steps["ping"]():
            await self._blobs.ping()

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        return _Opening(self._blobs.open(key, start, stop), Measurement(self._steps["open"], inside=False), self._read)

    async def stat(self, key: str) -> BlobInfo:
        with self._steps["stat"]():
            return await self._blobs.stat(key)

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        with self._steps["put"]():
            info = await self._blobs.put(key, source, content_type)
        if self._written is not None:
            self._written.add(info.size)
        return info

    async def delete(self, keys: Iterable[str]) -> None:
        with self._steps["delete"]():
            await self._blobs.delete(keys)

    def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        return _Listing(self._blobs.list(prefix), Measurement(self._steps["list"], inside=False))


class _Opening:
    """A blob that is being opened and read."""

    def __init__(self, opening: AbstractAsyncContextManager[Blob], taken: Measurement, read: Value | None) -> None:
        self._opening = opening
        self._taken = taken
        self._read = read

    async def __aenter__(self) -> Blob:
        self._taken.__enter__()
        try:
            blob = await self._opening.__aenter__()
        except BaseException as error:
            self._taken.end(error)
            raise
        return Blob(blob.info, _Chunks(blob.chunks, self._taken, self._read), blob.file)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._taken.end()
        return await self._opening.__aexit__(kind, error, trace)


class _Chunks:
    """The chunks of a blob; not a generator, which would have to be closed."""

    def __init__(self, chunks: AsyncIterator[bytes], taken: Measurement, read: Value | None) -> None:
        self._chunks = chunks
        self._taken = taken
        self._read = read
        taken.pause()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._taken.resume()
        try:
            chunk = await anext(self._chunks)
        except BaseException as error:
            self._taken.end(None if isinstance(error, StopAsyncIteration) else error)
            raise
        self._taken.pause()
        if self._read is not None:
            self._read.add(len(chunk))
        return chunk


class _Listing:
    """A listing; one that is not read to its end is not counted."""

    def __init__(self, infos: AsyncIterator[BlobInfo], taken: Measurement) -> None:
        self._infos = infos
        self._taken = taken
        self._is_begun = False

    def __aiter__(self) -> AsyncIterator[BlobInfo]:
        return self

    async def __anext__(self) -> BlobInfo:
        if self._is_begun:
            self._taken.resume()
        else:
            self._is_begun = True
            self._taken.__enter__()
        try:
            info = await anext(self._infos)
        except BaseException as error:
            self._taken.end(None if isinstance(error, StopAsyncIteration) else error)
            raise
        self._taken.pause()
        return info


class ObservedMetadata:
    """Measures a metadata store."""

    def __init__(self, metadata: MetadataStore, observer: Observer) -> None:
        self._metadata = metadata
        self._steps = {
            name: _step(observer, "metadata", name, timing)
            for name, timing in [
                *((name, "catalog") for name in ("add", "get", "replace", "remove", "describe", "fence", "list_page")),
                *((name, "lease") for name in ("acquire", "renew", "release")),
                *((name, "") for name in ("get_property", "set_property", "tidy", "ping")),
                *((name, "") for name in ("due_purges", "list_purges", "count_purges", "update_purge", "finish_purge")),
            ]
        }
        get = self._steps["get"]
        self._seconds = get.seconds if observer.tracer is None and not observer.timed else None

    async def __aenter__(self) -> Self:
        await self._metadata.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._metadata.__aexit__(kind, error, trace)

    async def prepare(self) -> list[str]:
        return await self._metadata.prepare()

    async def tidy(self, older_than: float) -> int:
        with self._steps["tidy"]():
            return await self._metadata.tidy(older_than)

    async def ping(self) -> None:
        with self._steps["ping"]():
            await self._metadata.ping()

    async def add(self, original: Original) -> Original:
        with self._steps["add"]():
            return await self._metadata.add(original)

    async def get(self, id: str) -> Original:
        if self._seconds is None:
            with self._steps["get"]():
                return await self._metadata.get(id)
        # Every request passes here, so the operation is inlined.
        started = perf_counter()
        try:
            original = await self._metadata.get(id)
        except BaseException as error:
            self._steps["get"].took(perf_counter() - started, error)
            raise
        self._seconds.add(perf_counter() - started)
        return original

    async def replace(
        self, original: Original, expected_revision: str | None = None, purge: PurgeOrder | None = None
    ) -> Original:
        with self._steps["replace"]():
            if purge is None:
                return await self._metadata.replace(original, expected_revision)
            return await self._metadata.replace(original, expected_revision, purge)

    async def remove(self, id: str, expected_revision: str | None = None, purge: PurgeOrder | None = None) -> Original:
        with self._steps["remove"]():
            if purge is None:
                return await self._metadata.remove(id, expected_revision)
            return await self._metadata.remove(id, expected_revision, purge)

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        with self._steps["describe"]():
            return await self._metadata.describe(id, revision, description)

    async def fence(self, id: str, revision: str) -> bool:
        with self._steps["fence"]():
            return await self._metadata.fence(id, revision)

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        with self._steps["list_page"]():
            return await self._metadata.list_page(cursor, limit, prefix)

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        with self._steps["acquire"]():
            return await self._metadata.acquire(name, instead_of)

    async def renew(self, lease: Lease) -> Lease:
        with self._steps["renew"]():
            return await self._metadata.renew(lease)

    async def release(self, lease: Lease) -> None:
        with self._steps["release"]():
            await self._metadata.release(lease)

    async def get_property(self, name: str) -> str | None:
        with self._steps["get_property"]():
            return await self._metadata.get_property(name)

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        with self._steps["set_property"]():
            return await self._metadata.set_property(name, value, instead_of)

    async def due_purges(self, now: datetime, limit: int) -> list[Purge]:
        with self._steps["due_purges"]():
            return await self._metadata.due_purges(now, limit)

    async def list_purges(self, cursor: str | None, limit: int) -> PurgePage:
        with self._steps["list_purges"]():
            return await self._metadata.list_purges(cursor, limit)

    async def count_purges(self) -> Backlog:
        with self._steps["count_purges"]():
            return await self._metadata.count_purges()

    async def update_purge(self, purge: Purge, changed: Purge) -> bool:
        with self._steps["update_purge"]():
            return await self._metadata.update_purge(purge, changed)

    async def finish_purge(self, purge: Purge) -> None:
        with self._steps["finish_purge"]():
            await self._metadata.finish_purge(purge)
