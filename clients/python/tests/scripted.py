"""A server that answers as a test says: with raw bytes, by losing the connection, or by asking a real server."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedReader

import httpx

_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Recorded:
    """A request as it arrived; the names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reset:
    """Send these bytes, then reset the connection."""

    after: bytes = b""


@dataclass(frozen=True)
class Stalled:
    """Send these bytes, then nothing until the client leaves."""

    after: bytes = b""


@dataclass(frozen=True)
class Endless:
    """Send these bytes, then more of them until the client leaves."""

    after: bytes = b""


Answer = bytes | Reset | Stalled | Endless | Callable[[Recorded], "bytes | Reset"]


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A response, after which the connection closes; the names of headers have `_` for `-`."""
    fields = {"Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode() + body


def problem(status: int, detail: str, **headers: str) -> bytes:
    """A problem document, as pymager sends them."""
    phrase = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": phrase, "status": status, "detail": detail, "request_id": "r-1"}
    return answer(status, json.dumps(content).encode(), Content_Type="application/problem+json", **headers)


def forwarded(url: str) -> Callable[[Recorded], bytes]:
    """Answers with the response of the server at this URL."""

    def ask(request: Recorded) -> bytes:
        names = ("authorization", "content-type", "if-match", "if-none-match")
        headers = {name: value for name, value in request.headers.items() if name in names}
        with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            got = http.request(request.method, url + request.target, headers=headers, content=request.body)
        kept = {name.replace("-", "_"): got.headers[name] for name in ("content-type",) if name in got.headers}
        return answer(got.status_code, got.content, **kept)

    return ask


def lost(url: str) -> Callable[[Recorded], Reset]:
    """The server at this URL gets the request; its response is lost."""

    def ask(request: Recorded) -> Reset:
        forwarded(url)(request)
        return Reset()

    return ask


@dataclass
class Scripted:
    """The server: each request gets the next answer."""

    url: str
    answers: list[Answer]
    requests: list[Recorded] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        """The methods of all requests."""
        return [request.method for request in self.requests]


@contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """A server on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Scripted(f"http://127.0.0.1:{listener.getsockname()[1]}", list(answers))
        thread = threading.Thread(target=_serve, args=(listener, server), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(_TIMEOUT_SECONDS)


def _serve(listener: socket.socket, server: Scripted) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        connection.settimeout(_TIMEOUT_SECONDS)
        with connection, suppress(OSError, ValueError):  # the client has left, perhaps in the middle of a chunk
            _respond(connection, server)


def _respond(connection: socket.socket, server: Scripted) -> None:
    with connection.makefile("rb") as reader:
        request = _read(reader)
        if request is None:
            return
        server.requests.append(request)
        next_answer = server.answers.pop(0) if server.answers else problem(500, "The script is over.")
        if callable(next_answer):
            next_answer = next_answer(request)
        if isinstance(next_answer, bytes):
            connection.sendall(next_answer)
            connection.shutdown(socket.SHUT_WR)
            reader.read()
            return
        connection.sendall(next_answer.after)
        if isinstance(next_answer, Stalled):
            reader.read()
        elif isinstance(next_answer, Endless):
            while True:
                connection.sendall(b"1000\r\n" + bytes(0x1000) + b"\r\n")
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _read(reader: BufferedReader) -> Recorded | None:
    start = reader.readline().decode().split()
    if not start:
        return None
    headers: dict[str, str] = {}
    while line := reader.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(reader))
    else:
        body = reader.read(int(headers.get("content-length", "0")))
    return Recorded(start[0], start[1], headers, body)


def _chunks(reader: BufferedReader) -> Iterator[bytes]:
    while size := int(reader.readline(), 16):
        yield reader.read(size)
        reader.readline()
    reader.readline()
