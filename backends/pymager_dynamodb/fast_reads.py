"""Reads over connections of their own: the one that every hit makes costs about a third less than with aiohttp.

A response that is not as simple as DynamoDB's (without a length, or not HTTP) is not an error here: aiohttp repeats the
request. A mutation must not be repeated, so it never comes here.
"""

import asyncio
from time import monotonic

from yarl import URL

from pymager_aws.http_connection import ConnectionBroken, HttpConnection
from pymager_aws.http_pool import HttpPool
from pymager_dynamodb.connection_pool import CONNECT_SHARE, MAX_CONNECTIONS, RequestNotSent, Response, ResponseLost

_CHUNK_BYTES = 1 << 20  # DynamoDB's responses have at most 1 MB
_MAX_RESPONSE_BYTES = 16 << 20
_MAX_UNUSABLE_RESPONSES = 8
_DISABLED_SECONDS = 60.0


class FastReads:
    """POSTs to `endpoint` that can be repeated, on up to 64 connections."""

    def __init__(self, endpoint: URL) -> None:
        self._pool = HttpPool(str(endpoint.origin()), max_idle=MAX_CONNECTIONS)
        self._free_connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._line = f"POST {endpoint.raw_path_qs} HTTP/1.1\r\n"
        self._unusable_responses = 0
        self._disabled_until = 0.0

    async def post(self, headers: dict[str, str], body: bytes, timeout: float) -> Response | None:
        """Send a request and return its response within `timeout` seconds. None if aiohttp has to repeat it.

        Raises `RequestNotSent` and `ResponseLost`.
        """
        if self._disabled_until and monotonic() < self._disabled_until:
            return None
        lines = "".join([f"{name}:{value}\r\n" for name, value in headers.items()])
        request = f"{self._line}{lines}content-length:{len(body)}\r\n\r\n".encode() + body
        end = monotonic() + timeout
        if self._free_connections.locked():
            await self._wait_for_connection(timeout * CONNECT_SHARE)
        else:
            await self._free_connections.acquire()  # does not wait
        try:
            return await self._post(request, end)
        finally:
            self._free_connections.release()

    def renew(self) -> None:
        """Use new connections from now on."""
        self._pool.discard_idle()

    def close(self) -> None:
        """Close the connections that are idle."""
        self._pool.close()

    async def _wait_for_connection(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._free_connections.acquire()
        except TimeoutError as error:
            raise RequestNotSent("all connections are in use") from error

    async def _post(self, request: bytes, end: float) -> Response | None:
        while True:
            connection, is_new = await self._acquire((end - monotonic()) * CONNECT_SHARE)
            limit = asyncio.get_running_loop().call_later(end - monotonic(), connection.abort)
            try:
                response = await _exchange(connection, request)
            except ConnectionBroken as error:
                connection.abort()
                self.renew()
                if connection.has_answered and monotonic() < end:
                    self._count_unusable_response()
                    return None
                if is_new or monotonic() >= end:
                    raise ResponseLost("timed out" if monotonic() >= end else str(error)) from error
                # The server closed this connection while it was idle: a new one can still work.
            except BaseException:
                connection.abort()
                raise
            else:
                self._unusable_responses = 0
                self._pool.release(connection)
                return response
            finally:
                limit.cancel()

    async def _acquire(self, timeout: float) -> tuple[HttpConnection, bool]:
        try:
            return await self._pool.acquire(timeout)
        except OSError as error:
            raise RequestNotSent(str(error) or "timed out") from error

    def _count_unusable_response(self) -> None:
        """After too many in a row, leave all requests to aiohttp for a minute."""
        self._unusable_responses += 1
        if self._unusable_responses >= _MAX_UNUSABLE_RESPONSES:
            self._unusable_responses, self._disabled_until = 0, monotonic() + _DISABLED_SECONDS


async def _exchange(connection: HttpConnection, request: bytes) -> Response:
    """Raises `ConnectionBroken`."""
    head = await connection.send(request, _CHUNK_BYTES)
    if head.size > _MAX_RESPONSE_BYTES or "content-encoding" in head.headers:
        raise ConnectionBroken("not a response of DynamoDB")
    body = b""
    while (chunk := await connection.read()) is not None:
        body += chunk
    return Response(head.status, body)
