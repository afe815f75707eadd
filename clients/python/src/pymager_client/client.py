"""`Client`: the API for programs without an event loop."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import httpx

from pymager_client import wire
from pymager_client.calls import Calls
from pymager_client.credentials import authorization
from pymager_client.deadlines import Deadline
from pymager_client.downloads import Download
from pymager_client.errors import TimedOut
from pymager_client.messages import MAX_ERROR_BYTES, Failure, Request, Response
from pymager_client.models import Original, Replacement
from pymager_client.retries import Attempts, Hash, Result, Send, Steps, Wait
from pymager_client.sources import Reading, SyncInput, sha256_of, source_of
from pymager_client.urls import PictureUrls, encoded_id
from pymager_client.variants import VariantOptions, variant_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")
Self = TypeVar("Self", bound="Client")


class Client(PictureUrls):
    """Uploads, reads and deletes pictures. Can be used by several threads; use it in a `with` block, or close it.

    `username` and `password`, or `token`, are needed to write and to list. They are sent to `base_url` only; redirects
    are not followed. With a `signing_key`, URLs and reads of variants are signed, and without credentials all reads.

    `timeout` is how many seconds the server may take to connect, or to receive or send the next bytes. `deadline`
    limits a whole call with its retries; it is checked between two chunks, so that it can be exceeded by one `timeout`.
    A request is sent up to `max_attempts` times. `transport` replaces httpx's own, for example for other certificates.
    """

    def __init__(
        self,
        base_url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        signing_key: str | bytes | None = None,
        timeout: float = 30.0,
        deadline: float | None = None,
        max_attempts: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises `InvalidArgument`."""
        super().__init__(base_url, signing_key=signing_key)
        self._timeout = wire.checked_timeout("timeout", timeout) or timeout
        self._seconds = wire.checked_timeout("deadline", deadline)
        self._calls = Calls(authorization(username, password, token), self._signer, Attempts(max_attempts))
        self._http = httpx.Client(headers=wire.default_headers(), transport=transport, follow_redirects=False)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def upload(self, source: SyncInput, id: str | None = None) -> Original:
        """Store a new original: a path, bytes, a file that is open in binary mode, or an iterable of bytes.

        Without an id, the server makes one. Raises `Conflict` if the id exists, `InvalidRequest` for what is not a
        picture, and others of `pymager_client.errors`.
        """
        deadline = self._deadline()
        return self._run(self._calls.upload(source_of(source), id, deadline), deadline)

    def replace(
        self, id: str, source: SyncInput, *, if_match: str | Original | None = None, only_if_new: bool = False
    ) -> Replacement:
        """Store an original under an id that can exist.

        `if_match` is the original that it may replace, or its ETag or SHA-256; `only_if_new` replaces none. Raises
        `PreconditionFailed` if this does not hold, and what `upload` raises.
        """
        deadline = self._deadline()
        return self._run(self._calls.replace(id, source_of(source), if_match, only_if_new, deadline), deadline)

    def delete(self, id: str, *, if_match: str | Original | None = None) -> None:
        """Delete an original and all of its variants. Raises `NotFound` and `PreconditionFailed`."""
        deadline = self._deadline()
        self._run(self._calls.delete(id, if_match, deadline), deadline)

    def info(self, id: str) -> Original:
        """An original's metadata. Raises `NotFound`."""
        deadline = self._deadline()
        return self._run(self._calls.info(id, deadline), deadline)

    def originals(self, page_size: int | None = None) -> Iterator[Original]:
        """All originals. Requests a page when the one before is used up; `deadline` limits each request."""
        cursor: str | None = None
        while True:
            deadline = self._deadline()
            page = self._run(self._calls.page(page_size, cursor, deadline), deadline)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def download(self, id: str) -> bytes:
        """The bytes that were uploaded. `stream` does not hold them in memory. Raises `NotFound`."""
        deadline = self._deadline()
        return self._run(self._calls.download(id, deadline), deadline)

    @contextmanager
    def stream(self, id: str) -> Iterator[Download]:
        """The bytes that were uploaded, in chunks: `with client.stream("cat") as picture: for chunk in picture`.

        `deadline` ends with the headers. Raises `NotFound`, and `ConnectionFailed` while it is read.
        """
        deadline = self._deadline()
        response = self._run(self._calls.open(id, deadline), deadline)
        with closing(response.stream):
            yield Download(response)

    def variant(
        self,
        id: str,
        width: int | None = None,
        height: int | None = None,
        format: str = "jpg",
        *,
        preset: str | None = None,
        **options: Unpack[VariantOptions],
    ) -> bytes:
        """The bytes of a variant; the arguments are those of `variant_url`. Raises `NotFound` and `Forbidden`."""
        path = variant_path(encoded_id(id), width, height, format, preset, **options)
        deadline = self._deadline()
        return self._run(self._calls.variant(path, deadline), deadline)

    def _deadline(self) -> Deadline:
        return Deadline(self._seconds)

    def _run(self, steps: Steps[T], deadline: Deadline) -> T:
        result: Result = None
        with closing(steps):
            while True:
                try:
                    step = steps.send(result)
                except StopIteration as end:
                    value: T = end.value
                    return value
                if isinstance(step, Send):
                    result = self._send(step.request, deadline)
                elif isinstance(step, Hash):
                    result = sha256_of(step.source)
                else:
                    assert isinstance(step, Wait)
                    time.sleep(step.seconds)
                    result = None

    def _send(self, request: Request, deadline: Deadline) -> Response | Failure:
        _check_time(deadline)
        seconds = min(self._timeout, deadline.remaining())
        arguments = wire.arguments(self.base_url, request, seconds)
        try:
            if request.upload is None:
                return self._received(self._http.build_request(**arguments, headers=request.headers), request, deadline)
            with closing(request.upload.source.open()) as reading:
                frame = wire.frame(request.upload, reading.size)
                with closing(_chunks(frame, reading, deadline)) as body:
                    headers = {**request.headers, **frame.headers}
                    built = self._http.build_request(**arguments, headers=headers, content=body)
                    return self._received(built, request, deadline)
        except httpx.RequestError as error:
            return wire.failure_of(error)

    def _received(self, built: httpx.Request, request: Request, deadline: Deadline) -> Response:
        answer = self._http.send(built, stream=True)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.is_success and request.keeps_open:
            return Response(answer.status_code, headers, stream=answer)
        with closing(answer):
            return Response(answer.status_code, headers, _body(answer, deadline))


def _chunks(frame: wire.Frame, reading: Reading, deadline: Deadline) -> Generator[bytes, None, None]:
    if frame.head:
        yield frame.head
    for chunk in iter(reading.next, b""):
        _check_time(deadline)
        yield chunk
    if frame.tail:
        yield frame.tail


def _body(answer: httpx.Response, deadline: Deadline) -> bytes:
    body = bytearray()
    for chunk in answer.iter_bytes():
        _check_time(deadline)
        body += chunk
        if not answer.is_success and len(body) >= MAX_ERROR_BYTES:
            break
    return bytes(body)


def _check_time(deadline: Deadline) -> None:
    if not deadline.remaining():
        raise TimedOut("the deadline of the call has passed")
