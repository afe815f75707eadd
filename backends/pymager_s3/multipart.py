"""Large blobs, uploaded in parts by s3transfer: memory stays flat and a lost connection costs one part."""

import base64
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError  # type: ignore[import-untyped]
from s3transfer.manager import TransferConfig, TransferManager  # type: ignore[import-untyped]
from s3transfer.subscribers import BaseSubscriber  # type: ignore[import-untyped]
from s3transfer.utils import OSUtils  # type: ignore[import-untyped]

from pymager.threads import Threads
from pymager_s3.clients import MAX_BOTOCORE_CONNECTIONS, BotocoreClient

PART_BYTES = 8 << 20
_CONCURRENT_PARTS = 4
_CONCURRENT_UPLOADS = MAX_BOTOCORE_CONNECTIONS // _CONCURRENT_PARTS
_MAX_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.1
_READ_BYTES = 256 << 10
_TRANSIENT_STATUS = frozenset((408, 429, 500, 502, 503, 504))
_CONFIG = TransferConfig(
    multipart_threshold=PART_BYTES,
    multipart_chunksize=PART_BYTES,
    max_request_concurrency=_CONCURRENT_PARTS,
    max_submission_concurrency=1,
)
_stopped: ContextVar[threading.Event] = ContextVar(
    "_stopped"
)  # in s3transfer's threads: the event that stops their upload


class MultipartUploads:
    """Uploads to one bucket."""

    def __init__(self, client: BotocoreClient, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._threads = Threads(_CONCURRENT_UPLOADS, "s3-upload")

    async def put(self, name: str, source: bytes | Path, content_type: str) -> None:
        """Write an object, whole or not at all: a failed or canceled upload is aborted. Raises botocore's errors."""
        stopped = threading.Event()
        work = partial(self._upload, name, source, content_type, stopped)
        try:
            await self._threads.run(work, stopped.set)
        except ClientError as error:
            # An earlier attempt completed the upload, but its response was lost. The caller checks the object.
            if error.operation_name != "CompleteMultipartUpload" or error.response["Error"]["Code"] != "NoSuchUpload":
                raise

    def close(self) -> None:
        """Let the threads end, without waiting for them."""
        self._threads.close()

    def _upload(self, name: str, source: bytes | Path, content_type: str, stopped: threading.Event) -> None:
        client = self._client()
        client.meta.events.register("provide-client-params.s3.UploadPart", _add_checksum, unique_id="part-checksum")
        client.meta.events.register("needs-retry.s3", _retry_pause, unique_id="upload-retry")
        files, path = (_BytesAsFile(source), "") if isinstance(source, bytes) else (OSUtils(), str(source))
        threads = partial(
            ThreadPoolExecutor, thread_name_prefix="s3-transfer", initializer=_stopped.set, initargs=(stopped,)
        )
        extra = {"ContentType": content_type, "ChecksumAlgorithm": "SHA256"}
        with TransferManager(client, _CONFIG, files, threads) as manager:
            transfer = manager.upload(path, self._bucket, name, extra, [_OnDone(stopped.set)])
            stopped.wait()
            transfer.cancel()  # no effect once it is done
            transfer.result()


class _BytesAsFile(OSUtils):  # type: ignore[misc]
    """Opens bytes as if they were a file: s3transfer copies each part of a file-like object, but not of a file."""

    def __init__(self, source: bytes) -> None:
        self._source = source

    def get_file_size(self, filename: str) -> int:
        return len(self._source)

    def open(self, filename: str, mode: str) -> BytesIO:
        return BytesIO(self._source)


class _OnDone(BaseSubscriber):  # type: ignore[misc]
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def on_done(self, future: Any, **_: object) -> None:
        self._callback()


def _add_checksum(params: dict[str, Any], **_: object) -> dict[str, Any]:
    """Send a part's checksum as a header. Over TLS botocore would send a trailer, which not every server supports."""
    body, digest = params["Body"], hashlib.sha256()
    while block := body.read(_READ_BYTES):
        digest.update(block)
    body.seek(0)
    return params | {"ChecksumSHA256": base64.b64encode(digest.digest()).decode()}


def _retry_pause(response: Any, attempts: int, caught_exception: Exception | None, **_: object) -> float | None:
    """Seconds until botocore's next attempt, or None for no further attempt. Outside of uploads it never retries.

    botocore's own pauses are up to 8 s long, and nothing interrupts them when the upload is canceled.
    """
    stopped = _stopped.get(None)
    if stopped is None or stopped.is_set() or attempts >= _MAX_ATTEMPTS:
        return None
    is_lost = isinstance(caught_exception, HTTPClientError)
    if is_lost or (response is not None and response[0].status_code in _TRANSIENT_STATUS):
        return _FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1)
    return None
