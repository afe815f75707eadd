"""The connections to DynamoDB: one pool, and what is known when a request gets no answer."""

from dataclasses import dataclass

import aiohttp
from yarl import URL

_MOST = 64
_KEPT = 20.0
_UNHURRIED = 1e9  # aiohttp rounds longer time limits up to whole seconds, unless told not to
_CONNECTING = 0.8  # of a request's time: so that who could not even connect is told that, and not that it is late


class NotSent(Exception):
    """Nothing of the request has left this process."""


class NoAnswer(Exception):
    """The request was sent, wholly or in part, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes


@dataclass(slots=True, eq=False)
class _Generation:
    """A pool of connections, with how many requests use it now."""

    session: aiohttp.ClientSession
    users: int = 0


class Connections:
    """Up to 64 connections, kept alive for the next request. No request is ever sent twice.

    A failure casts doubt on every idle connection, for they go the same way: from then on new ones are made.
    """

    def __init__(self, endpoint: URL) -> None:
        self.endpoint = endpoint
        self._current = _Generation(_session())
        self._old: list[_Generation] = []

    async def post(self, headers: dict[str, str], body: bytes, seconds: float) -> Answer:
        """One request, one answer, within so many seconds. Raises `NotSent` and `NoAnswer`."""
        limit = aiohttp.ClientTimeout(total=seconds, connect=seconds * _CONNECTING, ceil_threshold=_UNHURRIED)
        generation = self._current
        generation.users += 1
        try:
            async with generation.session.post(
                self.endpoint, data=body, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                return Answer(response.status, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._doubt(generation)
            raise NotSent(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            self._doubt(generation)
            raise NoAnswer(str(error) or "it took too long") from error
        finally:
            generation.users -= 1
            if not generation.users and generation in self._old:
                self._old.remove(generation)
                await generation.session.close()

    async def aclose(self) -> None:
        """Close them all."""
        for generation in (self._current, *self._old):
            await generation.session.close()

    def _doubt(self, generation: _Generation) -> None:
        if generation is self._current:
            self._old.append(generation)
            self._current = _Generation(_session())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_MOST, keepalive_timeout=_KEPT),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        auto_decompress=False,
    )
