"""Calls of purge APIs over HTTP: with a time limit, without redirects, and with a limit on what is read."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from pymager.errors import PurgeFailed

MAX_RESPONSE_BYTES = 64 << 10
_MAX_REASON_LENGTH = 200
_REFUSED_STATUSES = (400, 413, 414, 422, 431)
"""Statuses that blame the request: with other purges it can succeed. 401, 403 and 404 blame the settings."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response, with at most `MAX_RESPONSE_BYTES` of its body."""

    status: int
    body: bytes
    retry_after: float | None


class ApiClient:
    """Makes calls while it is entered. `timeout` is in seconds and limits each call as a whole."""

    _session: aiohttp.ClientSession

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> ApiResponse:
        """Make one call. Redirects are not followed. Raises `PurgeFailed` if there is no response."""
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers={"User-Agent": "pymager", **headers},
                data=body or None,
                allow_redirects=False,
            ) as response:
                content = await self._start_of(response)
                return ApiResponse(response.status, content, _retry_after(response.headers.get("Retry-After")))
        except TimeoutError:
            raise PurgeFailed(f"no response within {self._timeout:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PurgeFailed(f"no response: {type(error).__name__}") from None  # its text can show the URL

    @staticmethod
    async def _start_of(response: aiohttp.ClientResponse) -> bytes:
        found = bytearray()
        while len(found) < MAX_RESPONSE_BYTES:
            piece = await response.content.read(MAX_RESPONSE_BYTES - len(found))
            if not piece:
                return bytes(found)
            found += piece
        response.close()  # the rest is not read, so the connection cannot be used again
        return bytes(found)


class HttpPurger:
    """A purger that makes its calls with an `ApiClient`, which is open while the purger is entered."""

    _client: ApiClient

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)


def failure(response: ApiResponse, reason: str = "") -> PurgeFailed:
    """The error for a response that confirms nothing."""
    shown = "".join(character if character.isprintable() else " " for character in reason[:_MAX_REASON_LENGTH])
    return PurgeFailed(
        f"status {response.status}" + (f": {shown}" if shown else ""),
        retry_after=response.retry_after,
        is_refused=response.status in _REFUSED_STATUSES,
    )


def _retry_after(value: str | None) -> float | None:
    """The seconds of a `Retry-After` header, which is a number or a date (RFC 9110 section 10.2.3)."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None
