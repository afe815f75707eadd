"""`AsyncClient`: the API for asyncio and trio."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import httpx

from pymager_client import wire
from pymager_client.calls import Calls
from pymager_client.credentials import authorization
from pymager_client.deadlines import Deadline
from pymager_client.downloads import AsyncDownload
from pymager_client.errors import TimedOut
from pymager_client.messages import MAX_ERROR_BYTES, Failure, Request, Response, Upload
from pymager_client.models import Original, Replacement
from pymager_client.retries import Attempts, Hash, Result, Send, Steps, Wait
from pymager_client.sources import AsyncInput, AsyncIteratorSource, Reading, async_source_of, sha256_of
from pymager_client.urls import PictureUrls, encoded_id
from pymager_client.variants import VariantOptions, variant_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")
Self = TypeVar("Self", bound="AsyncClient")


class AsyncClient(PictureUrls):
    """Uploads, reads and deletes pictures. Use it in an `async with` block, or close it.

    The arguments are those of `Client`. `deadline` is exact here, and every wait can be cancelled. Files are read in
    threads.
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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raises `InvalidArgument`."""
        super().__init__(base_url, signing_key=signing_key)
        self._timeout = wire.checked_timeout("timeout", timeout) or timeout
        self._seconds = wire.checked_timeout("deadline", deadline)
        self._calls = Calls(authorization(username, password, token), self._signer, Attempts(max_attempts))
        self._http = httpx.AsyncClient(headers=wire.default_headers(), transport=transport, follow_redirects=False)

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def upload(self, source: AsyncInput, id: str | None = None) -> Original:
        """As `Client.upload`; the source can also be an asynchronous iterable of bytes."""
        deadline = self._deadline()
        return await self._run(self._calls.upload(async_source_of(source), id, deadline), deadline)

    async def replace(
        self, id: str, source: AsyncInput, *, if_match: str | Original | None = None, only_if_new: bool = False
    ) -> Replacement:
        """As `Client.replace`; the source can also be an asynchronous iterable of bytes."""
        deadline = self._deadline()
        steps = self._calls.replace(id, async_source_of(source), if_match, only_if_new, deadline)
        return await self._run(steps, deadline)

    async def delete(self, id: str, *, if_match: str | Original | None = None) -> None:
        """Delete an original and all of its variants. Raises `NotFound` and `PreconditionFailed`."""
        deadline = self._deadline()
        await self._run(self._calls.delete(id, if_match, deadline), deadline)

    async def info(self, id: str) -> Original:
        """An original's metadata. Raises `NotFound`."""
        deadline = self._deadline()
        return await self._run(self._calls.info(id, deadline), deadline)

    async def originals(self, page_size: int | None = None) -> AsyncIterator[Original]:
        """All originals. Requests a page when the one before is used up; `deadline` limits each request."""
        cursor: str | None = None
        while True:
            deadline = self._deadline()
            page = await self._run(self._calls.page(page_size, cursor, deadline), deadline)
            for original in page.items:
                yield original
            cursor = page.next
            if cursor is None:
                return

    async def download(self, id: str) -> bytes:
        """The bytes that were uploaded. `stream` does not hold them in memory. Raises `NotFound`."""
        deadline = self._deadline()
        return await self._run(self._calls.download(id, deadline), deadline)

    @asynccontextmanager
    async def stream(self, id: str) -> AsyncIterator[AsyncDownload]:
        """The bytes that were uploaded, in chunks: `async with client.stream("cat") as picture`.

        `deadline` ends with the headers. Raises `NotFound`, and `ConnectionFailed` while it is read.
        """
        deadline = self._deadline()
        response = await self._run(self._calls.open(id, deadline), deadline)
        async with aclosing(AsyncDownload(response)) as download:
            yield download

    async def variant(
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
        return await self._run(self._calls.variant(path, deadline), deadline)

    def _deadline(self) -> Deadline:
        return Deadline(self._seconds)

    async def _run(self, steps: Steps[T], deadline: Deadline) -> T:
        remaining = deadline.remaining()
        with closing(steps), anyio.move_on_after(None if remaining == math.inf else remaining):
            result: Result = None
            while True:
                try:
                    step = steps.send(result)
                except StopIteration as end:
                    value: T = end.value
                    return value
                if isinstance(step, Send):
                    result = await self._send(step.request)
                elif isinstance(step, Hash):
                    result = await anyio.to_thread.run_sync(sha256_of, step.source, abandon_on_cancel=True)
                else:
                    assert isinstance(step, Wait)
                    await anyio.sleep(step.seconds)
                    result = None
        raise TimedOut("the deadline of the call has passed")

    async def _send(self, request: Request) -> Response | Failure:
        arguments = wire.arguments(self.base_url, request, self._timeout)
        try:
            if request.upload is None:
                return await self._received(self._http.build_request(**arguments, headers=request.headers), request)
            async with _opened(request.upload) as reading:
                frame = wire.frame(request.upload, None if reading is None else reading.size)
                async with aclosing(_chunks(frame, request.upload, reading)) as body:
                    headers = {**request.headers, **frame.headers}
                    return await self._received(
                        self._http.build_request(**arguments, headers=headers, content=body), request
                    )
        except httpx.RequestError as error:
            return wire.failure_of(error)

    async def _received(self, built: httpx.Request, request: Request) -> Response:
        answer = await self._http.send(built, stream=True)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.is_success and request.keeps_open:
            return Response(answer.status_code, headers, stream=answer)
        async with aclosing(answer):
            return Response(answer.status_code, headers, await _body(answer))


@asynccontextmanager
async def _opened(upload: Upload) -> AsyncIterator[Reading | None]:
    """The source, opened; None for an asynchronous iterable, which is only read."""
    if isinstance(upload.source, AsyncIteratorSource):
        yield None
        return
    with closing(await anyio.to_thread.run_sync(upload.source.open, abandon_on_cancel=True)) as reading:
        yield reading


async def _chunks(frame: wire.Frame, upload: Upload, reading: Reading | None) -> AsyncGenerator[bytes, None]:
    if frame.head:
        yield frame.head
    while chunk := await _next(upload, reading):
        yield chunk
    if frame.tail:
        yield frame.tail


async def _next(upload: Upload, reading: Reading | None) -> bytes:
    if reading is None:
        assert isinstance(upload.source, AsyncIteratorSource)
        return await upload.source.read()
    if not reading.blocks:
        return reading.next()
    return await anyio.to_thread.run_sync(reading.next, abandon_on_cancel=True)


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if not answer.is_success and len(body) >= MAX_ERROR_BYTES:
            break
    return bytes(body)
