"""An HTTP client of the running program, and a raw connection for invalid requests."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Self

import aiohttp
import orjson
from PIL import Image

from tests.live.program import TIMEOUT_SECONDS, WRITER


@dataclass(frozen=True, repr=False)
class Answer:
    """A complete response; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:500]!r}"

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def picture(self) -> Image.Image:
        """The body decoded to its last pixel."""
        picture = Image.open(BytesIO(self.body))
        picture.load()
        return picture


class Lost(Exception):
    """No response arrived, or only a part of one."""


class Client:
    """A client of a program; every request has the token, unless `headers` say otherwise."""

    def __init__(self, url: str, connections: int = 100, *, headers: Mapping[str, str] = WRITER) -> None:
        connector = aiohttp.TCPConnector(limit=connections)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(url, connector=connector, timeout=timeout, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request. Raises `Lost`; a response to a mutation counts as soon as its head has arrived."""
        try:
            async with self._session.request(method, path, **options) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                body = b""
                try:
                    body = await response.read()
                except aiohttp.ClientError:
                    if method == "GET":
                        raise
                return Answer(response.status, headers, body)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Lost from error

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, headers=headers)

    async def post(self, id: str, body: Any) -> Answer:
        form = aiohttp.FormData()
        form.add_field("file", _readable(body), filename="a-picture")
        return await self.request("POST", f"/original/{id}", data=form)

    async def put(self, id: str, body: Any, **headers: str) -> Answer:
        return await self.request("PUT", f"/original/{id}", data=_readable(body), headers=headers)

    async def delete(self, id: str) -> Answer:
        return await self.request("DELETE", f"/original/{id}")


class Raw:
    """A connection that sends raw bytes and reads responses."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.port = int(writer.get_extra_info("sockname")[1])

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read the next response's status and headers, with names in lower case."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value for name, value in headers.items()}

    async def answer(self) -> Answer:
        """Read the next response completely."""
        status, headers = await self.head()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(status, headers, body)

    async def rest(self) -> bytes:
        """Read until the other side closes or resets the connection."""
        pieces = []
        with suppress(ConnectionError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while piece := await self.reader.read(1 << 16):
                    pieces.append(piece)
        return b"".join(pieces)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Raw]:
    """A raw connection to a program of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def head(method: str, path: str, **headers: object) -> bytes:
    """A request's head with the token; None leaves a header out. Names are written with `_` for `-`."""
    given: dict[str, object] = {"Host": "localhost", **WRITER} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "\r\n"]).encode()


def _readable(body: Any) -> Any:
    """aiohttp warns of large bodies in one piece."""
    return BytesIO(body) if isinstance(body, bytes) else body
