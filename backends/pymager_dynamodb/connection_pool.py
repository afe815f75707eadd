"""HTTP connections to DynamoDB. A failed request reports whether anything of it was sent."""

from dataclasses import dataclass

import aiohttp
from yarl import URL

MAX_CONNECTIONS = 64
_KEEP_ALIVE_SECONDS = 20.0
_NO_ROUNDING_SECONDS = 1e9  # aiohttp rounds time limits above its `ceil_threshold` up to whole seconds
CONNECT_SHARE = 0.8  # of a request's time, so that a failed connect is reported as such and not as a late response


class RequestNotSent(Exception):
    """Nothing of the request was sent."""


class ResponseLost(Exception):
    """The request was sent, completely or in part, and no complete response arrived."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes


@dataclass(slots=True, eq=False)
class _Generation:
    """A session and its connections. `users` counts the requests in progress."""

    session: aiohttp.ClientSession
    users: int = 0


class ConnectionPool:
    """Up to 64 persistent connections. It sends no request twice.

    After a failure, requests use new connections: the idle ones share a network route, so they may have failed too.
    """

    def __init__(self, endpoint: URL) -> None:
        self.endpoint = endpoint
        self._current = _Generation(_new_session())
        self._retired: list[_Generation] = []

    async def post(self, headers: dict[str, str], body: bytes, timeout: float) -> Response:
        """Send one request and return its response within `timeout` seconds.

        Raises `RequestNotSent` and `ResponseLost`.
        """
        limit = aiohttp.ClientTimeout(
            total=timeout, connect=timeout * CONNECT_SHARE, ceil_threshold=_NO_ROUNDING_SECONDS
        )
        generation = self._current
        generation.users += 1
        try:
            async with generation.session.post(
                self.endpoint, data=body, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                return Response(response.status, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._retire(generation)
            raise RequestNotSent(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            self._retire(generation)
            raise ResponseLost(str(error) or "timed out") from error
        finally:
            generation.users -= 1
            if not generation.users and generation in self._retired:
                self._retired.remove(generation)
                await generation.session.close()

    async def renew(self) -> None:
        """Use new connections from now on."""
        generation = self._current
        self._retire(generation)
        if not generation.users:
            self._retired.remove(generation)
            await generation.session.close()

    async def aclose(self) -> None:
        """Close all connections."""
        for generation in (self._current, *self._retired):
            await generation.session.close()

    def _retire(self, generation: _Generation) -> None:
        if generation is self._current:
            self._retired.append(generation)
            self._current = _Generation(_new_session())


def _new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        auto_decompress=False,
    )
