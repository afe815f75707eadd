"""The blob store in a folder. Several processes can share one."""

import os
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from pymager.errors import Unavailable
from pymager.ports import Blob, BlobInfo, check_key_prefix
from pymager.threads import Threads
from pymager_filesystem import deleting, folders, listing, reading, writing
from pymager_filesystem.address import folder_of
from pymager_filesystem.durable_folders import DurableFolders
from pymager_filesystem.failures import translate_errors
from pymager_filesystem.layout import Layout, describe
from pymager_filesystem.page_cache import PageCache

_THREAD_COUNT = 8
_LISTING_BATCH_SIZE = 256
_PING_TIMEOUT_SECONDS = 5.0


class FolderBlobs:
    """Blobs as files. `pymager_filesystem.layout` describes their paths.

    Every method raises `ValueError` for an invalid key. The process's umask sets the permissions of files and folders.
    """

    def __init__(self, url: str) -> None:
        self._layout = Layout.under(folder_of(url))
        self._cache = PageCache()
        self._durable = DurableFolders()

    async def __aenter__(self) -> Self:
        """Create the folder if it is missing. Raises `ConfigurationError` if this user can't write to it."""
        # Two pools, so that reads never wait for writers that sync.
        self._readers = Threads(_THREAD_COUNT, "folder-read")
        self._writers = Threads(_THREAD_COUNT, "folder-write")
        try:
            await self._writers.run(partial(folders.create_folders, self._layout))
            await self._writers.run(partial(folders.check_writable, self._layout))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.close()
        self._writers.close()
        self._durable.close()

    async def prepare(self) -> list[str]:
        """Create the folders. Raises `ConfigurationError`."""
        threads = Threads(1, "folder-prepare")
        try:
            return await threads.run(partial(folders.create_folders, self._layout))
        finally:
            threads.close()

    async def tidy(self, older_than: float) -> int:
        """Delete temporary files that were last written `older_than` seconds ago or earlier."""
        with translate_errors(outcome_known=False):
            return await self._writers.run(partial(deleting.delete_temporary_files, self._layout, older_than))

    async def ping(self) -> None:
        """Return if the folder exists. Waits up to 5 seconds."""
        try:
            with translate_errors(outcome_known=True):
                await self._readers.run_with_timeout(_PING_TIMEOUT_SECONDS, partial(os.stat, self._layout.blobs))
        except TimeoutError:
            raise Unavailable(
                f"the blob folder did not respond within {_PING_TIMEOUT_SECONDS:g} seconds", outcome_known=True
            ) from None

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        """Open a blob. A blob in the page cache needs no thread."""
        return reading.OpenBlob(self._layout, self._cache, self._readers, key, start, stop)

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob."""
        with translate_errors(outcome_known=True):
            return describe(key, await self._readers.run(partial(reading.status_of, self._layout, key)))

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Write a blob. The content type is not stored: the server that sends the blob knows it."""
        stopped = threading.Event()
        work = partial(writing.write, self._layout, self._durable, key, source, stopped.is_set)
        return await self._writers.run(work, stopped.set)

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, and the folders that become empty."""
        deleted = list(keys)
        with translate_errors(outcome_known=False):
            await self._writers.run(partial(deleting.delete_blobs, self._layout, deleted))

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`."""
        check_key_prefix(prefix)
        folder = prefix[: prefix.rfind("/") + 1]
        listed = listing.list_blobs(self._layout, folder)
        found = (info for info in listed if info.key.startswith(prefix)) if prefix != folder else listed
        try:
            while True:
                with translate_errors(outcome_known=True):
                    batch = await self._writers.run(lambda: [*islice(found, _LISTING_BATCH_SIZE)])
                for info in batch:
                    yield info
                if len(batch) < _LISTING_BATCH_SIZE:
                    return
        finally:
            found.close()
