"""Sources over HTTP, on hosts that the operator allows, and nowhere else.

Each host is resolved by a resolver that refuses addresses which are not public. The connection is made to the
addresses that were checked: there is no second resolution that could give others. Redirects are followed here, and each
is checked like the first URL. Nothing is sent but the request: no credentials, no cookies, no proxy of the environment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from socket import AddressFamily
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from pymager.errors import ImportRefused, Unavailable
from pymager.operations.importing.allowed_hosts import AllowedHosts
from pymager.operations.importing.candidates import Content, id_of, printable

_MAX_REDIRECTS = 5
_CHUNK_BYTES = 64 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_TEMPORARY = (408, 425, 429)
_IDENTITY = ("", "identity")


class CheckedResolver(AbstractResolver):
    """Gives the addresses that another resolver finds, unless one of them is not allowed."""

    def __init__(self, hosts: AllowedHosts, resolver: AbstractResolver) -> None:
        self._hosts = hosts
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises `ImportRefused` and `OSError`."""
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            self._hosts.check_address(host, ip_address(result["host"].partition("%")[0]))
        return found

    async def close(self) -> None:
        """Close the other resolver."""
        await self._resolver.close()


class Web:
    """Fetches sources. An attempt takes at most `timeout` seconds, redirects and body included."""

    def __init__(self, hosts: AllowedHosts, timeout: float, connections: int, resolver: AbstractResolver | None = None):
        self.hosts = hosts
        self._timeout = timeout
        self._connections = connections
        self._resolver = resolver

    async def __aenter__(self) -> Self:
        resolver = CheckedResolver(self.hosts, self._resolver or ThreadedResolver())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, resolver=resolver, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity", "Accept": "image/*, */*;q=0.5", "User-Agent": "pymager-import"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def open(self, url: str, known_version: str) -> AsyncIterator[Content | None]:
        """The body of a URL, None if it still has the version. Raises `ImportRefused` and `Unavailable`."""
        try:
            async with asyncio.timeout(self._timeout) as limit, self._response(url, known_version) as response:
                if response.status == HTTPStatus.NOT_MODIFIED:
                    yield None
                else:
                    yield _content(response)
        except TimeoutError:
            if not limit.expired():
                raise
            raise ImportRefused(f"took longer than {self._timeout:g} seconds") from None
        except aiohttp.InvalidURL:
            raise ImportRefused("is not a valid URL, or redirects to one") from None
        except aiohttp.ClientError as error:
            raise Unavailable(f"the request failed: {printable(str(error))[:300]}", outcome_known=True) from None

    @asynccontextmanager
    async def _response(self, text: str, known_version: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The last response, after redirects, with the status 200 or 304."""
        url = self.hosts.checked(text)
        headers = {"If-None-Match": known_version} if known_version else {}
        for _ in range(_MAX_REDIRECTS + 1):
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    _check_status(response)
                    yield response
                    return
                url = self._redirected(url, response)
        raise ImportRefused(f"has more than {_MAX_REDIRECTS} redirects")

    def _redirected(self, url: URL, response: aiohttp.ClientResponse) -> URL:
        location = response.headers.get("Location", "")
        response.close()  # a body that is not read: it can be endless
        if not location:
            raise ImportRefused(f"got {response.status} without a location")
        return self.hosts.checked(location, url)


@dataclass(frozen=True, slots=True)
class WebPicture:
    """A picture behind a URL. Its id is made of the path, unless it was given."""

    web: Web
    url: str
    given_id: str | None = None
    outage_is_shared: bool = False

    @property
    def name(self) -> str:
        """The URL without a user and a password, which are refused."""
        scheme, _, rest = self.url.partition("://")
        authority, slash, path = rest.partition("/")
        return printable(f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}")

    def id(self) -> str:
        """Raises `ImportRefused`."""
        if self.given_id is not None:
            return self.given_id
        try:
            return id_of(unquote(urlsplit(self.url).path))
        except ValueError:
            raise ImportRefused("is not a valid URL") from None

    async def size(self) -> int | None:
        """None: no request is sent, but the URL is checked."""
        self.web.hosts.checked(self.url)
        return None

    @asynccontextmanager
    async def open(self, known_version: str) -> AsyncIterator[Content | None]:
        """The version is the entity tag, and the server is asked whether it is still the same."""
        async with self.web.open(self.url, known_version) as content:
            yield content


def _check_status(response: aiohttp.ClientResponse) -> None:
    """Raises `ImportRefused`, or `Unavailable` if a later attempt can succeed."""
    status = response.status
    if status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
        return
    response.close()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TEMPORARY:
        raise Unavailable(f"the server answered {status}", outcome_known=True)
    raise ImportRefused(f"the server answered {status}")


def _content(response: aiohttp.ClientResponse) -> Content:
    encoding = response.headers.get("Content-Encoding", "")
    if encoding.strip().lower() not in _IDENTITY:
        response.close()
        raise ImportRefused(f"has the Content-Encoding {encoding[:40]!r}, although none was asked for")
    tag = response.headers.get("ETag", "")
    version = "" if tag.startswith("W/") else tag  # RFC 9110, section 8.8.1: a weak one does not stand for bytes
    return Content(response.content_length, version, response.content.iter_chunked(_CHUNK_BYTES))
