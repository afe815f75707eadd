"""Originals that are read in chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import cast

import httpx

from pymager_client import wire
from pymager_client.messages import Response


class _Headers:
    """What the headers say: the media type, the size in bytes, and the entity tag."""

    def __init__(self, response: Response) -> None:
        self._stream: httpx.Response = response.stream
        self.content_type = response.headers.get("content-type", "application/octet-stream")
        size = response.headers.get("content-length", "")
        self.size = int(size) if size.isascii() and size.isdigit() else None
        self.etag = response.headers.get("etag")


class Download(_Headers):
    """An open download of `Client`. Iterate over it once."""

    def __iter__(self) -> Iterator[bytes]:
        """The chunks. Raises `ConnectionFailed` if the bytes end too early."""
        try:
            yield from self._stream.iter_bytes()
        except httpx.RequestError as error:
            raise wire.failure_of(error).error from None


class AsyncDownload(_Headers):
    """An open download of `AsyncClient`. Iterate over it once."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self._chunks = cast("AsyncGenerator[bytes, None]", self._stream.aiter_bytes())

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks. Raises `ConnectionFailed` if the bytes end too early."""
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._chunks.__anext__()
        except httpx.RequestError as error:
            raise wire.failure_of(error).error from None

    async def aclose(self) -> None:
        """Close the connection if bytes are left. The context manager does it."""
        await self._chunks.aclose()
        await self._stream.aclose()
