"""GETs of objects on the event loop: what a hit needs, for half the processor time of obstore's GET.

It handles only the expected responses: the object, whole or in the requested range, or that it does not exist.
In all other cases (a redirect, an error, an unreachable server) obstore repeats the request and reports errors.
"""

import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

from pymager_aws.http_connection import ConnectionBroken, HttpConnection, ResponseHead
from pymager_aws.http_pool import HttpPool, send
from pymager_s3.get_request import GetRequests, describe_response

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

_MAX_IDLE_CONNECTIONS = 32
_MAX_ERROR_BYTES = 64 << 10
_MAX_UNUSABLE_RESPONSES = 8
_DISABLED_SECONDS = 60.0


class FastGetResult:
    """The response to a GET, with the interface of obstore's: `meta`, `range` (start, stop), and the bytes."""

    __slots__ = ("_connection", "_release", "meta", "range")

    def __init__(
        self,
        connection: HttpConnection,
        release: Callable[[HttpConnection], None],
        meta: "ObjectMeta",
        range: tuple[int, int],
    ) -> None:
        self._connection = connection
        self._release = release
        self.meta = meta
        self.range = range

    async def bytes_async(self) -> bytes:
        """The body, which is at most one chunk. Raises `ConnectionBroken`."""
        chunk = await self._connection.read()
        return b"" if chunk is None else bytes(chunk)

    async def stream(self, _: int) -> AsyncIterator[bytes]:
        """The body in chunks of the size given with the request. Raises `ConnectionBroken`."""
        while (chunk := await self._connection.read()) is not None:
            yield bytes(chunk)

    def close(self) -> None:
        """Release the connection, or abort it if it has unread body. Call it once."""
        self._release(self._connection)


class FastGetClient:
    """A pool of connections to the server of one bucket."""

    def __init__(self, endpoint: str, requests: GetRequests, *, ca: str | None, timeout: float) -> None:
        """`endpoint` is `http://HOST` or `https://HOST`; `timeout` in seconds is for the connect and for the head."""
        self._pool = HttpPool(endpoint, max_idle=_MAX_IDLE_CONNECTIONS, ca=ca)
        self._requests = requests
        self._timeout = timeout
        self._unusable_responses = 0
        # Only obstore supports proxies.
        needs_proxy = self._pool.scheme in getproxies() and not proxy_bypass(self._pool.host)
        self._disabled_until = float("inf") if needs_proxy else 0.0

    async def get(self, name: str, options: "GetOptions", chunk_bytes: int) -> FastGetResult | None:
        """Request an object, whose body comes in chunks of `chunk_bytes`. None if obstore must request it instead.

        Raises `FileNotFoundError` with the server's response if the object does not exist.
        """
        if self._disabled_until and time.monotonic() < self._disabled_until:
            return None
        request = await self._requests.head(name, options)
        while True:
            try:
                connection, is_new = await self._pool.acquire(self._timeout)
            except ssl.SSLCertVerificationError:
                self._disabled_until = float("inf")
                return None
            except (OSError, TimeoutError):
                return None
            try:
                head = await send(connection, request, chunk_bytes, self._timeout)
                return await self._result(connection, head, name, has_range=bool(options))
            except (ConnectionBroken, ValueError):
                connection.abort()
                if is_new or connection.has_answered:
                    self._count_unusable_response()
                    return None
                # The server closed this connection while it was idle: another one can still work.
            except FileNotFoundError:
                raise  # the response was read to its end
            except BaseException:
                connection.abort()
                raise

    def close(self) -> None:
        """Close idle connections and open no more."""
        self._disabled_until = float("inf")
        self._pool.close()

    async def _result(
        self, connection: HttpConnection, head: ResponseHead, name: str, *, has_range: bool
    ) -> FastGetResult | None:
        """The result of an expected response, None for any other. Raises `FileNotFoundError` and `ValueError`."""
        if head.status == 404 and head.size <= _MAX_ERROR_BYTES:
            await self._raise_if_no_such_key(connection)
        elif head.status == (206 if has_range else 200) and "content-encoding" not in head.headers:
            meta, byte_range = describe_response(name, head, has_range=has_range)
            self._unusable_responses = 0
            return FastGetResult(connection, self._pool.release, meta, byte_range)
        elif head.status == 403:
            self._requests.forget_credentials()
        connection.abort()
        if head.status < 500:
            self._count_unusable_response()
        return None

    async def _raise_if_no_such_key(self, connection: HttpConnection) -> None:
        """Raise `FileNotFoundError` if the object is missing, and not for example the bucket."""
        body = b""
        while (chunk := await connection.read()) is not None:
            body += chunk
        if b"<Code>NoSuchKey</Code>" in body:
            self._pool.release(connection)
            self._unusable_responses = 0
            raise FileNotFoundError(body.decode(errors="replace"))

    def _count_unusable_response(self) -> None:
        """After too many in a row, leave all requests to obstore for a minute."""
        self._unusable_responses += 1
        if self._unusable_responses >= _MAX_UNUSABLE_RESPONSES:
            self._unusable_responses, self._disabled_until = 0, time.monotonic() + _DISABLED_SECONDS
