"""A bucket as a tree of files that something other than pymager wrote. `import` reads it.

botocore takes any name that S3 takes. obstore, which the blob store uses, refuses a whole page of a listing for one
name such as `a//b`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pymager.errors import NotFound, Unavailable
from pymager.ports import OpenTreeFile, TreeFile
from pymager.threads import Threads
from pymager_s3.clients import BotocoreClient
from pymager_s3.errors import BucketCall, configuration_error, error_details
from pymager_s3.url import parse_url

T = TypeVar("T")

_THREADS = 16
_CHUNK_BYTES = 256 << 10
_MISSING_CODES = ("NoSuchKey", "404")
_RETRY_PAUSES_SECONDS = (0.2, 0.8, 3.2)


class S3Tree:
    """The objects of a bucket below a prefix. Markers of empty folders, whose names end with `/`, are left out."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url, any_prefix=True)

    async def __aenter__(self) -> Self:
        """Check the bucket once. Raises `ConfigurationError` and `Unavailable`."""
        self._threads = Threads(_THREADS, "s3-tree")
        self._client_of = BotocoreClient(self._url)
        try:
            await self._call(self._check)
        except BaseException:
            self._threads.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.close()

    async def list(self) -> AsyncIterator[TreeFile]:
        """Every object below the prefix, page by page."""
        token: str | None = None
        while True:
            page = await self._repeated(partial(self._page, token))
            for entry in page.get("Contents", ()):
                name = entry["Key"].removeprefix(self._url.prefix)
                if not name.endswith("/") and name:
                    yield TreeFile(name, entry["Size"], _version(entry))
            if not page.get("IsTruncated"):
                return
            token = page["NextContinuationToken"]

    async def stat(self, name: str) -> TreeFile:
        """Describe an object with one HEAD. Raises `NotFound`."""
        head = await self._call(lambda: self._client_of().head_object(**self._place(name)), name)
        return TreeFile(name, head["ContentLength"], _version(head))

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[OpenTreeFile]:
        """Open an object with one GET. Raises `NotFound`."""
        found, first = await self._call(partial(self._get, name), name)
        try:
            file = TreeFile(name, found["ContentLength"], _version(found))
            yield OpenTreeFile(file, self._chunks(found["Body"], first))
        finally:
            found["Body"].close()

    async def _chunks(self, body: Any, chunk: bytes) -> AsyncIterator[bytes]:
        while chunk:
            yield chunk
            chunk = await self._call(partial(body.read, _CHUNK_BYTES))

    def _check(self) -> None:
        try:
            self._client_of().list_objects_v2(Bucket=self._url.bucket, Prefix=self._url.prefix, MaxKeys=1)
        except ClientError as error:
            raise configuration_error(self._url.bucket, error_details(error)) or error from None

    def _page(self, token: str | None) -> Any:
        more = {} if token is None else {"ContinuationToken": token}
        return self._client_of().list_objects_v2(Bucket=self._url.bucket, Prefix=self._url.prefix, **more)

    def _get(self, name: str) -> tuple[Any, bytes]:
        found = self._client_of().get_object(**self._place(name))
        return found, found["Body"].read(_CHUNK_BYTES)

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self._url.bucket, "Key": f"{self._url.prefix}{name}"}

    async def _repeated(self, work: Callable[[], T]) -> T:
        for pause in _RETRY_PAUSES_SECONDS:
            try:
                return await self._call(work)
            except Unavailable:
                await asyncio.sleep(pause)
        return await self._call(work)

    async def _call(self, work: Callable[[], T], name: str | None = None) -> T:
        """Run blocking work in a thread, within the URL's time limit. `name` is the object that a 404 is about."""
        async with BucketCall(self._url.timeout):
            try:
                return await self._threads.run(work)
            except ClientError as error:
                if name is not None and error_details(error).code in _MISSING_CODES:
                    raise NotFound(name) from None
                raise


def _version(entry: Any) -> str:
    """The entity tag: with the size, it tells the versions of an object apart."""
    return str(entry.get("ETag", "")).strip('"')
