"""Sends a response whose body is too large for memory."""

from collections.abc import AsyncIterable

from aiohttp import web

from pymager.web import headers
from pymager.web.request_context import CONTEXT


async def stream(request: web.BaseRequest, response: web.StreamResponse, chunks: AsyncIterable[bytes]) -> None:
    """Send a response with Content-Length in chunks. Raises `ConnectionError` if the client disconnects too early.

    A client that has everything can disconnect at any moment, also before the source of the chunks is finished.
    """
    response.headers.update(headers.response_headers(request[CONTEXT]))
    await response.prepare(request)
    left = response.content_length or 0
    async for chunk in chunks:
        await response.write(chunk)
        left -= len(chunk)
        if left <= 0:
            await _finish(request, response)
    if left > 0:
        raise OSError(f"the body ended {left} bytes too early")


async def _finish(request: web.BaseRequest, response: web.StreamResponse) -> None:
    await response.write_eof()
    if request.transport is None or request.transport.is_closing():
        raise ConnectionResetError("the client disconnected")
