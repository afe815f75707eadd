"""Runs the application on a socket in a thread, and a plain HTTP client for it."""

import asyncio
import http.client
import json
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from aiohttp import web
from argon2 import PasswordHasher

from pymager import composition
from pymager.composition import Components
from pymager.operations.prepare import prepare
from pymager.settings.model import Settings
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.web.listening import listening_socket
from pymager.web.server import running_server

USER, PASSWORD, TOKEN = "ann", "right", "a-token-of-the-tests"
USERS = {USER: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)}
WRITER = {"Authorization": f"Bearer {TOKEN}"}
_TIMEOUT_SECONDS = 60.0
_BOUNDARY = "a-boundary-of-the-tests"


@dataclass(frozen=True)
class Response:
    """A response; header names are case-insensitive."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    def __getitem__(self, header: str) -> str:
        value = self.headers[header]
        assert value is not None, f"no {header} in {self.headers.items()}"
        return str(value)


class Served:
    """A running application, and requests to it. Each request has its own connection, unless `connected` made one."""

    def __init__(self, port: int, folder: Path, parts: Components, server: web.Server) -> None:
        self.port = port
        self.folder = folder
        self.parts = parts
        self._server = server
        self.url = f"http://127.0.0.1:{port}"

    def connections(self) -> list[Any]:
        """The open connections, as the server sees them."""
        return self._server.connections

    def files_of(self, id: str) -> list[Path]:
        """The blobs under an id, as files."""
        folders = os.walk(self.folder / "data")  # tolerates folders that are deleted meanwhile
        return [Path(folder, name) for folder, _, names in folders for name in names if id in Path(folder).parts]

    def connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_SECONDS)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Send a request; the path is sent as it is."""
        with closing(self.connected()) as connection:
            return send(connection, method, path, headers, body)

    def get(self, path: str, **headers: str) -> Response:
        return self.request("GET", path, _names(headers))

    def head(self, path: str, **headers: str) -> Response:
        return self.request("HEAD", path, _names(headers))

    def put(self, id: str, body: bytes, **headers: str) -> Response:
        return self.request("PUT", f"/original/{id}", WRITER | _names(headers), body)

    def post(self, path: str, body: bytes, **headers: str) -> Response:
        return self.request("POST", path, WRITER | FORM | _names(headers), form(body))

    def delete(self, id: str, **headers: str) -> Response:
        return self.request("DELETE", f"/original/{id}", WRITER | _names(headers))

    def upload(self, body: bytes) -> str:
        """Upload a new original, and return its id."""
        id = f"t{secrets.token_hex(6)}"
        response = self.put(id, body)
        assert response.status == 201, response.body
        return id

    def raw(self, *pieces: bytes) -> Response:
        """Send bytes as they are."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=_TIMEOUT_SECONDS)) as connection:
            for piece in pieces:
                connection.sendall(piece)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Response(response.status, response.headers, response.read())

    def raw_get(self, path: bytes) -> Response:
        """GET a path that can be any bytes."""
        return self.raw(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path)


T = TypeVar("T")


def until(look: Callable[[], T], holds: Callable[[T], object] = bool) -> T:
    """Call `look` until its result holds, and return the result. Raises `TimeoutError`."""
    end = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < end:
        if holds(seen := look()):
            return seen
        time.sleep(0.005)
    raise TimeoutError(f"still {seen!r}")


FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


def send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Response:
    """Send a request over a connection that stays open."""
    connection.request(method, path, body=body, headers=dict(headers or {}))
    response = connection.getresponse()
    return Response(response.status, response.headers, response.read())


def part(content: bytes, disposition: str = 'form-data; name="file"; filename="a.jpg"', more: str = "") -> bytes:
    """One part of a form, up to the next boundary."""
    head = f"--{_BOUNDARY}\r\nContent-Disposition: {disposition}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


def form(content: bytes, *others: bytes) -> bytes:
    """A form; `others` are parts before the picture's."""
    return b"".join(others) + part(content) + END


END = f"--{_BOUNDARY}--\r\n".encode()


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Settings with a token and all sizes, unless changed."""
    (folder / "spool").mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = {
        "port": 0,
        "data": folder / "data",
        "spool": folder / "spool",
        "users": USERS,
        "tokens": {"tests": sha256(TOKEN.encode()).hexdigest()},
        "sizes": "*",
        "workers": 1,
        "log_format": "json",
        "log_level": "warning",
        "sweep_interval": 0,
    }
    return Settings(**(given | changes))


@contextmanager
def serving(
    folder: Path, *, metrics: SharedMetrics | None = None, send_buffer: int | None = None, **changes: Any
) -> Iterator[Served]:
    """Run the application on a free port in a thread until the end of the block.

    `send_buffer` is the size of the kernel's buffer for a response in bytes.
    """
    settings = settings_for(folder, **changes)
    started: Future[tuple[Served, Callable[[], None]]] = Future()

    async def serve() -> None:
        await prepare(settings)
        async with (
            composition.opened(settings, metrics) as parts,
            _running(settings, parts, send_buffer) as (port, server),
        ):
            stop, loop = asyncio.Event(), asyncio.get_running_loop()

            def end() -> None:
                loop.call_soon_threadsafe(stop.set)

            started.set_result((Served(port, folder, parts, server), end))
            await stop.wait()

    def run() -> None:
        try:
            uvloop.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    with ThreadPoolExecutor(1, "served") as pool:
        running = pool.submit(run)
        served, stop = started.result(_TIMEOUT_SECONDS)
        try:
            yield served
        finally:
            stop()
            running.result(_TIMEOUT_SECONDS)


@asynccontextmanager
async def listening(settings: Settings, parts: Components) -> AsyncIterator[int]:
    """Serve as `pymager serve` does, without its signals. Yields the port."""
    async with _running(settings, parts, None) as (port, _):
        yield port


@asynccontextmanager
async def _running(
    settings: Settings, parts: Components, send_buffer: int | None
) -> AsyncIterator[tuple[int, web.Server]]:
    listener = listening_socket(settings)
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)  # its connections inherit it
    async with running_server(settings, parts, settings.users, listener) as server:
        yield listener.getsockname()[1], server.manager


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers whose names are written as Python's keywords, such as `If_None_Match`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
