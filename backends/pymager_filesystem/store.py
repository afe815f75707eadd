"""The blob store in a folder, of which several processes may use one at the same time."""

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
from pymager.ports import Blob, BlobInfo
from pymager_filesystem import folders, reading, walking, writing
from pymager_filesystem.address import folder_of
from pymager_filesystem.failures import translated
from pymager_filesystem.layout import Layout, check_prefix, describe
from pymager_filesystem.pagecache import PageCache
from pymager_filesystem.threads import Threads

_THREADS = 8
_BATCH = 256
_PING_SECONDS = 5.0


class FolderBlobs:
    """Blobs as files; see `pymager_filesystem.layout` for where they lie.

    A key that is none raises `ValueError`. Permissions of files and folders are left to the process's umask.
    """

    def __init__(self, url: str) -> None:
        self._layout = Layout.under(folder_of(url))
        self._cache = PageCache()

    async def __aenter__(self) -> Self:
        """Make the folder where it is absent. Raises `ConfigurationError` where it can't be written to."""
        # Apart, so that reading never waits behind the writers' syncing.
        self._readers = Threads(_THREADS, "folder-read")
        self._writers = Threads(_THREADS, "folder-write")
        try:
            await self._writers.run(partial(folders.make, self._layout))
            await self._writers.run(partial(folders.check, self._layout))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.shut()
        self._writers.shut()

    async def prepare(self) -> list[str]:
        """Make the folders. Raises `ConfigurationError`."""
        threads = Threads(1, "folder-prepare")
        try:
            return await threads.run(partial(folders.make, self._layout))
        finally:
            threads.shut()

    async def tidy(self, older_than: float) -> int:
        """Remove temporary files that were not written to for `older_than` seconds."""
        with translated(outcome_known=False):
            return await self._writers.run(partial(walking.tidy, self._layout, older_than))

    async def ping(self) -> None:
        """Return if the folder is there, within 5 seconds."""
        try:
            with translated(outcome_known=True):
                await self._readers.try_for(_PING_SECONDS, partial(os.stat, self._layout.blobs))
        except TimeoutError:
            raise Unavailable(f"the folder did not answer for {_PING_SECONDS:g} s", outcome_known=True) from None

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        """Open a blob; one that is in the page cache costs no thread."""
        return reading.Opening(self._layout, self._cache, self._readers, key, start, stop)

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob."""
        with translated(outcome_known=True):
            return describe(key, await self._readers.run(partial(reading.status_of, self._layout, key)))

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Write a blob; the content type is not kept, since whoever serves the blob knows it."""
        stopped = threading.Event()
        work = partial(writing.write, self._layout, key, source, stopped.is_set)
        return await self._writers.run(work, stopped.set)

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, and the folders that are empty then."""
        doomed = list(keys)
        with translated(outcome_known=False):
            await self._writers.run(partial(walking.remove, self._layout, doomed))

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`."""
        check_prefix(prefix)
        folder = prefix[: prefix.rfind("/") + 1]
        walked = walking.walk(self._layout, folder)
        found = (info for info in walked if info.key.startswith(prefix)) if prefix != folder else walked
        try:
            while True:
                with translated(outcome_known=True):
                    batch = await self._writers.run(lambda: [*islice(found, _BATCH)])
                for info in batch:
                    yield info
                if len(batch) < _BATCH:
                    return
        finally:
            found.close()
