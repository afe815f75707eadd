"""Connections to one server, for requests that can be repeated."""

import asyncio
import ssl
import time
from urllib.parse import urlsplit

from pymager_aws.http_connection import HttpConnection, ResponseHead

_IDLE_SECONDS = 15.0


class HttpPool:
    """Opens connections to the server of `endpoint`, `http://HOST` or `https://HOST`, and keeps up to `max_idle`."""

    def __init__(self, endpoint: str, *, max_idle: int, ca: str | None = None) -> None:
        parts = urlsplit(endpoint)
        self.scheme = parts.scheme
        self.host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._idle: list[tuple[float, HttpConnection]] = []
        self._max_idle = max_idle
        self._is_closed = False

    async def acquire(self, timeout: float) -> tuple[HttpConnection, bool]:
        """An open connection, and whether it is new. Raises `OSError`; a `TimeoutError` is one."""
        now = time.monotonic()
        while self._idle:
            idle_since, connection = self._idle.pop()
            if connection.is_reusable and now - idle_since < _IDLE_SECONDS:
                return connection, False
            connection.abort()
        async with asyncio.timeout(timeout):
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(HttpConnection, self.host, self._port, ssl=self._tls)
        return connection, True

    def release(self, connection: HttpConnection) -> None:
        """Keep the connection for another request, or abort it if it has unread body."""
        if connection.is_reusable and len(self._idle) < self._max_idle and not self._is_closed:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.abort()

    def discard_idle(self) -> None:
        """Close the idle connections: what broke one of them may have broken all."""
        for _, connection in self._idle:
            connection.abort()
        self._idle.clear()

    def close(self) -> None:
        """Close the idle connections, and keep none from now on."""
        self._is_closed = True
        self.discard_idle()


async def send(connection: HttpConnection, request: bytes, chunk_bytes: int, timeout: float) -> ResponseHead:
    """The head of the response to a request, within `timeout` seconds. Raises `ConnectionBroken`, also at the limit."""
    limit = asyncio.get_running_loop().call_later(timeout, connection.abort)
    try:
        return await connection.send(request, chunk_bytes)
    finally:
        limit.cancel()
