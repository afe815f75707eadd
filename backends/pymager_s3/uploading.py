"""Large blobs written in parts, so that memory stays flat and a lost connection costs one part."""

import asyncio
import base64
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # type: ignore[import-untyped]

from pymager_s3.connections import Client
from pymager_s3.threads import Threads

PART = 8 << 20
_MOST_PARTS = 10_000  # Amazon S3 user guide, multipart upload limits
_AT_ONCE = 4
_ATTEMPTS = 5
_FIRST_PAUSE = 0.1
_BLOCK = 256 << 10
_GONE = "NoSuchUpload"
_BUSY = frozenset((408, 429, 500, 502, 503, 504))

T = TypeVar("T")
ReadAt = Callable[[int, int], bytes]


class Stopped(Exception):
    """Raised inside a part that nobody waits for any more."""


class Part:
    """Bytes of a source as a file to read, as botocore takes it."""

    def __init__(self, read_at: ReadAt, start: int, size: int, stopped: threading.Event) -> None:
        self._read_at = read_at
        self._start = start
        self._size = size
        self._at = 0
        self._stopped = stopped

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises `Stopped`."""
        if self._stopped.is_set():
            raise Stopped
        left = self._size - self._at
        data = self._read_at(self._start + self._at, left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def sha256(self) -> str:
        """The checksum as S3 writes it."""
        digest = hashlib.sha256()
        while block := self.read(_BLOCK):
            digest.update(block)
        self.seek(0)
        return base64.b64encode(digest.digest()).decode()


class Uploads:
    """Uploads in parts to one bucket."""

    def __init__(self, client: Client, bucket: str, threads: Threads) -> None:
        self._client = client
        self._bucket = bucket
        self._threads = threads

    async def put(self, name: str, source: bytes | Path, size: int, content_type: str) -> None:
        """Write an object, all or nothing: what is begun and not completed is aborted. Raises botocore's errors."""
        stopped = threading.Event()
        target = {"Bucket": self._bucket, "Key": name}
        about = {"ContentType": content_type, "ChecksumAlgorithm": "SHA256"}
        begun: list[dict[str, str]] = []
        try:
            # Noted in the thread: also who is cancelled meanwhile knows what to abort.
            await self._insisted(lambda: begun.append(target | {"UploadId": self._begin(target | about)}))
            with _reader(source) as read_at:
                parts = await self._parts(begun[-1], partial(Part, read_at), size, stopped)
            await self._complete(begun[-1], parts)
        except BaseException:
            for upload in begun:
                await self._abort(upload)
            raise

    def _begin(self, upload: dict[str, str]) -> str:
        return str(self._client().create_multipart_upload(**upload)["UploadId"])

    async def _parts(
        self,
        upload: dict[str, str],
        part: Callable[[int, int, threading.Event], Part],
        size: int,
        stopped: threading.Event,
    ) -> list[dict[str, Any]]:
        """Send all parts, some at once; none is under way any more when this ends."""
        length = max(PART, -(-size // _MOST_PARTS))
        places = asyncio.Semaphore(_AT_ONCE)

        async def send(start: int) -> dict[str, Any]:
            async with places:
                body = partial(part, start, min(length, size - start), stopped)
                work = partial(self._send, upload, start // length + 1, body)
                return await self._insisted(work, stopped.set)

        try:
            async with asyncio.TaskGroup() as group:
                sent = [group.create_task(send(start)) for start in range(0, size, length)]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in sent]

    def _send(self, upload: dict[str, str], number: int, part: Callable[[], Part]) -> dict[str, Any]:
        body = part()
        checksum = body.sha256()
        answer = self._client().upload_part(
            **upload, PartNumber=number, Body=body, ContentLength=len(body), ChecksumSHA256=checksum
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    async def _complete(self, upload: dict[str, str], parts: list[dict[str, Any]]) -> None:
        whole = {"Parts": parts}
        try:
            await self._insisted(lambda: self._client().complete_multipart_upload(**upload, MultipartUpload=whole))
        except ClientError as error:
            # The first answer was lost, and it was completed then; the caller looks at what is there.
            if error.response["Error"]["Code"] != _GONE:
                raise

    async def _abort(self, upload: dict[str, str]) -> None:
        await self._threads.run(partial(_without_error, self._client().abort_multipart_upload, upload))

    async def _insisted(self, work: Callable[[], T], stop: Callable[[], None] = lambda: None) -> T:
        """What `work` returns, after some more attempts where the server is busy or the connection was lost."""
        for attempt in range(_ATTEMPTS - 1):
            try:
                return await self._threads.run(work, stop)
            except (HTTPClientError, ClientError) as error:
                if isinstance(error, ClientError) and _status(error) not in _BUSY:
                    raise
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
        return await self._threads.run(work, stop)


def _without_error(abort: Callable[..., object], upload: dict[str, str]) -> None:
    """What can't be aborted now is left to `tidy`."""
    try:
        abort(**upload)
    except (BotoCoreError, ClientError):
        return


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


@contextmanager
def _reader(source: bytes | Path) -> Iterator[ReadAt]:
    if isinstance(source, bytes):
        view = memoryview(source)
        yield lambda start, size: bytes(view[start : start + size])
        return
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield lambda start, size: os.pread(fd, size, start)
    finally:
        os.close(fd)
