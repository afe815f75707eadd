"""The blob store in a bucket, of which any number of processes may use one at the same time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import islice
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError

from pymager.errors import NotFound, Unavailable
from pymager.ports import Blob, BlobInfo
from pymager_s3 import address, bucket
from pymager_s3.connections import Client, Connections, connect
from pymager_s3.credentials import Credentials
from pymager_s3.failures import RAISED, asked, failure_of, misconfigured
from pymager_s3.reading import Opening, describe
from pymager_s3.runtime import quiet
from pymager_s3.threads import Threads
from pymager_s3.uploading import PART, Uploads

if TYPE_CHECKING:
    from obstore import Attributes, ListStream, ObjectMeta

T = TypeVar("T")

_THREADS = 16
_BATCH = 1_000  # Amazon S3 API reference: of a DeleteObjects request, and of a page of ListObjectsV2
_RATE = 1_000_000  # bytes a second that an upload is given time for
_NOWHERE = "pymager-ping/"
_IN_ORDER = f"-{digits}{ascii_uppercase}_{ascii_lowercase}"
_IS_FOLDER = "ExistingObjectIsDirectory"
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)  # seconds


class S3Blobs:
    """Blobs as objects `{prefix}{key}` of a bucket, with their content type and no other metadata.

    A call ends within the URL's `timeout`: a read counts from piece to piece, a put gets one more second for each
    megabyte. Nothing is remembered of the server between calls: when it is back, the next call works.
    """

    def __init__(self, url: str) -> None:
        self._address = address.read(url)
        self._seconds = self._address.timeout
        self._prefix = self._address.prefix

    def __repr__(self) -> str:
        return f"<S3Blobs {self._address.bucket}/{self._prefix}>"

    async def __aenter__(self) -> Self:
        """Look at the bucket once. Raises `ConfigurationError` where it can't be used as it is.

        A server that is away is no reason not to open: every call says `Unavailable` until it is there.
        """
        self._threads = Threads(_THREADS, "s3")
        self._credentials = Credentials(self._address.profile)
        try:
            self._to = await self._connected()
            self._client = Client(self._address)
            self._uploads = Uploads(self._client, self._address.bucket, self._threads)
            await self._check()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (to := getattr(self, "_to", None)) is not None:
            to.fetching.close()
        await self._credentials.close()
        self._threads.shut()
        await quiet()

    async def prepare(self) -> list[str]:
        """Make the bucket where it is missing. Raises `ConfigurationError`."""
        threads, credentials = Threads(1, "s3-prepare"), Credentials(self._address.profile)
        try:
            async with asked(self._seconds):
                await credentials()
            async with asked(self._seconds, outcome_known=False):
                return await threads.run(partial(bucket.make, Client(self._address), self._address.bucket))
        finally:
            await credentials.close()
            threads.shut()

    async def _connected(self) -> Connections:
        async with asked(self._seconds):
            await self._credentials()
        return await self._threads.run(partial(connect, self._address, self._credentials))

    async def _check(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._look()
        except TimeoutError:
            return
        except RAISED as error:
            if (wrong := misconfigured(self._address.bucket, failure_of(error))) is not None:
                raise wrong from None

    async def _look(self) -> None:
        """One cheap request that needs the bucket, the credentials and the region to be right: an empty listing."""
        async for _ in obstore.list(self._to.reads, f"{self._prefix}{_NOWHERE}"):
            return

    async def tidy(self, older_than: float) -> int:
        """Abort uploads in parts that were begun under the prefix `older_than` seconds ago and not ended."""
        found = bucket.old_uploads(self._client, self._address.bucket, self._prefix, older_than)
        aborted = 0
        while (upload := await self._done(partial(next, found, None))) is not None:
            aborted += await self._done(partial(bucket.abort, self._client, upload))
        return aborted

    async def _done(self, work: Callable[[], T]) -> T:
        async with asked(self._seconds, outcome_known=False):
            return await self._threads.run(work)

    async def ping(self) -> None:
        """Return if the bucket answers, within the time limit."""
        async with asked(self._seconds):
            await self._look()

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        """Open a blob with one GET; only a range that has no byte of it takes a HEAD."""
        return Opening(self._to, f"{self._prefix}{key}", key, slice(start, stop), self._seconds)

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob with one HEAD, and for one that is absent look whether the bucket is there."""
        try:
            async with asked(self._seconds, key):
                return describe(key, await obstore.head_async(self._to.reads, f"{self._prefix}{key}"))
        except NotFound:
            await self.ping()
            raise

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Write a blob: one PUT, or parts where it is larger than 8 MiB, and one HEAD for its timestamp."""
        size = len(source) if isinstance(source, bytes) else await self._threads.run(partial(_size, source))
        body = source if isinstance(source, bytes) or size > PART else await self._threads.run(source.read_bytes)
        async with asked(self._seconds + size / _RATE, outcome_known=False):
            await self._send(f"{self._prefix}{key}", body, size, content_type)
        try:
            info = await self.stat(key)
        except NotFound:
            raise Unavailable(f"the bucket took {key!r} and does not have it", outcome_known=False) from None
        if info.size != size:
            message = f"the bucket was given {size} bytes for {key!r} and has {info.size}"
            raise Unavailable(message, outcome_known=False)
        return info

    async def _send(self, name: str, source: bytes | Path, size: int, content_type: str) -> None:
        if isinstance(source, bytes) and size <= PART:
            await self._send_whole(name, source, content_type)
        else:
            await self._uploads.put(name, source, size, content_type)

    async def _send_whole(self, name: str, body: bytes, content_type: str) -> None:
        attributes: Attributes = {"Content-Type": content_type}
        for pause in (*_PAUSES, None):
            try:
                await obstore.put_async(self._to.writes, name, body, attributes=attributes, use_multipart=False)
            except AlreadyExistsError as error:
                # versitygw, while it removes a folder that became empty. A key of ours is never a folder.
                if pause is None or failure_of(error).code != _IS_FOLDER:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, a thousand with one request. In a bucket with versions the old ones stay."""
        names = (f"{self._prefix}{key}" for key in keys)
        while batch := [*islice(names, _BATCH)]:
            async with asked(self._seconds, outcome_known=False):
                # Of a key that stands there twice MinIO says nothing that can be understood.
                await obstore.delete_async(self._to.writes, [*dict.fromkeys(batch)])

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`, page by page."""
        full = f"{self._prefix}{prefix}"
        folder = full[: full.rfind("/") + 1]
        # obstore's prefixes are folders. A listing is in the order of keys, so one can begin and end inside of it.
        pages = obstore.list(self._to.reads, folder or None, offset=_before(full, folder), chunk_size=_BATCH)
        async for meta in self._objects(pages):
            if meta["path"].startswith(full):
                yield describe(meta["path"][len(self._prefix) :], meta)
            elif meta["path"] > full:
                return

    async def _objects(self, pages: "ListStream[Sequence[ObjectMeta]]") -> AsyncIterator["ObjectMeta"]:
        while True:
            try:
                async with asked(self._seconds):
                    page = await anext(pages)
            except StopAsyncIteration:
                return
            for meta in page:
                yield meta


def _before(prefix: str, folder: str) -> str | None:
    """A name not long before those that start with `prefix`, to list what comes after it; None: the folder's start."""
    if prefix == folder:
        return None
    former = [character for character in _IN_ORDER if character < prefix[-1]]
    return f"{prefix[:-1]}{former[-1]}z" if former else None


def _size(path: Path) -> int:
    return path.stat().st_size
