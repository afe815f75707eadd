"""The blob store in a bucket. Any number of processes can use one at the same time."""

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
from pymager.ports import Blob, BlobInfo, check_key, check_key_prefix
from pymager.threads import Threads
from pymager_aws.credentials import Credentials
from pymager_s3 import bucket
from pymager_s3.clients import BotocoreClient, Clients, create_clients
from pymager_s3.errors import CLIENT_ERRORS, BucketCall, configuration_error, error_details
from pymager_s3.multipart import PART_BYTES, MultipartUploads
from pymager_s3.reader import BlobReader, describe
from pymager_s3.tokio import wait_until_idle
from pymager_s3.url import parse_url

if TYPE_CHECKING:
    from obstore import Attributes, ListStream, ObjectMeta

T = TypeVar("T")

_THREADS = 8
_PAGE_SIZE = 1_000  # Amazon S3 API reference: the limit of DeleteObjects and of a page of ListObjectsV2
_MIN_UPLOAD_BYTES_PER_SECOND = 1_000_000
_PING_PREFIX = "pymager-ping/"
_SORTED_CHARACTERS = f"-{digits}{ascii_uppercase}_{ascii_lowercase}"
_IS_FOLDER_CODE = "ExistingObjectIsDirectory"
_RETRY_PAUSES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)


class S3Blobs:
    """Blobs as objects `{prefix}{key}` of a bucket, with their content type and no other metadata.

    A call ends within the URL's `timeout`. For a read the time counts from chunk to chunk, and a put gets one more
    second per megabyte. An outage has no lasting effect: when the server is back, the next call succeeds. An invalid
    key raises `ValueError`.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._timeout = self._url.timeout
        self._prefix = self._url.prefix

    def __repr__(self) -> str:
        return f"<S3Blobs {self._url.bucket}/{self._prefix}>"

    async def __aenter__(self) -> Self:
        """Check the bucket once. Raises `ConfigurationError` when it is not usable.

        An unreachable server is not an error here: every call raises `Unavailable` until the server is reachable.
        """
        self._threads = Threads(_THREADS, "s3")
        self._credentials = Credentials(self._url.profile)
        self._botocore = BotocoreClient(self._url)
        self._uploads = MultipartUploads(self._botocore, self._url.bucket)
        try:
            self._clients = await self._create_clients()
            await self._check_bucket()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (clients := getattr(self, "_clients", None)) is not None:
            clients.fast_get.close()
        await self._credentials.close()
        self._uploads.close()
        self._threads.close()
        await wait_until_idle()

    async def prepare(self) -> list[str]:
        """Create the bucket if it is missing. Raises `ConfigurationError`."""
        threads, credentials = Threads(1, "s3-prepare"), Credentials(self._url.profile)
        try:
            async with BucketCall(self._timeout):
                await credentials.get()
            async with BucketCall(self._timeout, outcome_known=False):
                return await threads.run(partial(bucket.create, BotocoreClient(self._url), self._url.bucket))
        finally:
            await credentials.close()
            threads.close()

    async def _create_clients(self) -> Clients:
        async with BucketCall(self._timeout):
            await self._credentials.get()
        return await self._threads.run(partial(create_clients, self._url, self._credentials))

    async def _check_bucket(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._list_nothing()
        except TimeoutError:
            return
        except CLIENT_ERRORS as error:
            if (permanent := configuration_error(self._url.bucket, error_details(error))) is not None:
                raise permanent from None

    async def _list_nothing(self) -> None:
        """One cheap request that fails unless bucket, credentials and region are right: an empty listing."""
        async for _ in obstore.list(self._clients.reads, f"{self._prefix}{_PING_PREFIX}"):
            return

    async def tidy(self, older_than: float) -> int:
        """Abort multipart uploads under the prefix that began `older_than` seconds ago and have not completed."""
        uploads = bucket.old_uploads(self._botocore, self._url.bucket, self._prefix, older_than)
        aborted = 0
        while (upload := await self._in_thread(partial(next, uploads, None))) is not None:
            aborted += await self._in_thread(partial(bucket.abort, self._botocore, upload))
        return aborted

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with BucketCall(self._timeout, outcome_known=False):
            return await self._threads.run(work)

    async def ping(self) -> None:
        """Return if the bucket responds within the time limit."""
        async with BucketCall(self._timeout):
            await self._list_nothing()

    def open(self, key: str, start: int = 0, stop: int | None = None) -> AbstractAsyncContextManager[Blob]:
        """Open a blob with one GET, or with one HEAD if the range contains no byte of it."""
        check_key(key)
        return BlobReader(self._clients, f"{self._prefix}{key}", key, slice(start, stop), self._timeout)

    async def stat(self, key: str) -> BlobInfo:
        """Describe a blob with one HEAD. If it does not exist, check that the bucket does."""
        check_key(key)
        try:
            async with BucketCall(self._timeout, key):
                return describe(key, await obstore.head_async(self._clients.reads, f"{self._prefix}{key}"))
        except NotFound:
            await self.ping()
            raise

    async def put(self, key: str, source: bytes | Path, content_type: str) -> BlobInfo:
        """Write a blob with one PUT, or in parts if it is larger than 8 MiB, and one HEAD for its timestamp."""
        check_key(key)
        size = len(source) if isinstance(source, bytes) else await self._threads.run(partial(_size, source))
        body = source if isinstance(source, bytes) or size > PART_BYTES else await self._threads.run(source.read_bytes)
        async with BucketCall(self._timeout + size / _MIN_UPLOAD_BYTES_PER_SECOND, outcome_known=False):
            await self._send(f"{self._prefix}{key}", body, size, content_type)
        try:
            info = await self.stat(key)
        except NotFound:
            message = f"the bucket accepted {key!r} but does not have it"
            raise Unavailable(message, outcome_known=False) from None
        if info.size != size:
            message = f"the bucket received {size} bytes for {key!r} but has {info.size}"
            raise Unavailable(message, outcome_known=False)
        return info

    async def _send(self, name: str, source: bytes | Path, size: int, content_type: str) -> None:
        if isinstance(source, bytes) and size <= PART_BYTES:
            await self._send_whole(name, source, content_type)
        else:
            await self._uploads.put(name, source, content_type)

    async def _send_whole(self, name: str, body: bytes, content_type: str) -> None:
        attributes: Attributes = {"Content-Type": content_type}
        for pause in (*_RETRY_PAUSES_SECONDS, None):
            try:
                await obstore.put_async(self._clients.writes, name, body, attributes=attributes, use_multipart=False)
            except AlreadyExistsError as error:
                # versitygw responds so while it removes an empty folder. No key is really a folder of another key.
                if pause is None or error_details(error).code != _IS_FOLDER_CODE:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs, a thousand per request. In a versioned bucket the old versions stay."""
        unique = dict.fromkeys(keys)  # MinIO's response about a repeated key is not valid
        for key in unique:
            check_key(key)
        names = (f"{self._prefix}{key}" for key in unique)
        while batch := [*islice(names, _PAGE_SIZE)]:
            async with BucketCall(self._timeout, outcome_known=False):
                await obstore.delete_async(self._clients.writes, batch)

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Every blob whose key starts with `prefix`, page by page. Skips objects whose names are not keys."""
        check_key_prefix(prefix)
        full = f"{self._prefix}{prefix}"
        folder = full[: full.rfind("/") + 1]
        # obstore's prefixes are folders. A listing is sorted by key, so it can begin and end inside a folder.
        offset = _name_before(full, folder)
        pages = obstore.list(self._clients.reads, folder or None, offset=offset, chunk_size=_PAGE_SIZE)
        async for meta in self._objects(pages):
            if meta["path"].startswith(full):
                if _is_key(key := meta["path"][len(self._prefix) :]):
                    yield describe(key, meta)
            elif meta["path"] > full:
                return

    async def _objects(self, pages: "ListStream[Sequence[ObjectMeta]]") -> AsyncIterator["ObjectMeta"]:
        while True:
            try:
                async with BucketCall(self._timeout):
                    page = await anext(pages)
            except StopAsyncIteration:
                return
            for meta in page:
                yield meta


def _name_before(prefix: str, folder: str) -> str | None:
    """A name shortly before those that start with `prefix`, to list from; None for the folder's start."""
    if prefix == folder:
        return None
    smaller = [character for character in _SORTED_CHARACTERS if character < prefix[-1]]
    return f"{prefix[:-1]}{smaller[-1]}z" if smaller else None


def _is_key(name: str) -> bool:
    try:
        check_key(name)
    except ValueError:
        return False
    return True


def _size(path: Path) -> int:
    return path.stat().st_size
