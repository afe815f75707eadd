"""A client that sends its whole body before it reads the response gets that response, and can use the connection."""

import http.client
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.web.served import WRITER, Served, send, serving, until

STALL = 2.0  # seconds; a sender that pauses for so long is cut off, so it is far more than a loaded machine takes
LIMIT = 2_000_000
_PAUSE_SECONDS = 0.05


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    """A server on which 16 connections may linger, 8 of each client."""
    settings = {"stall_timeout": STALL, "min_rate": 100, "max_body": LIMIT}
    folder = tmp_path_factory.mktemp("patient")
    with serving(folder, max_connections=128, max_connections_per_client=64, **settings) as server:
        yield server


def begun(served: Served, size: int, address: str = "127.0.0.1") -> http.client.HTTPConnection:
    """A connection on which the head of an upload without credentials was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60, source_address=(address, 0))
    connection.putrequest("PUT", f"/original/t{secrets.token_hex(6)}")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    return connection


def trickle(connection: http.client.HTTPConnection, size: int, seconds: float) -> None:
    """Send a body of `size` bytes: small pieces for `seconds` seconds, then the rest."""
    end = time.monotonic() + seconds
    left = size
    while time.monotonic() < end and left > 1_000:
        connection.send(bytes(1_000))
        left -= 1_000
        time.sleep(_PAUSE_SECONDS)
    connection.send(bytes(left))


def test_a_body_that_takes_long_is_awaited_and_then_repeated_with_credentials(patient: Served, photo: bytes) -> None:
    with closing(begun(patient, 500_000)) as connection:
        trickle(connection, 500_000, seconds=3 * STALL)
        response = connection.getresponse()
        assert (response.status, response.read() != b"") == (401, True)
        assert response.getheader("Connection") is None
        assert send(connection, "PUT", "/original/repeated", WRITER, photo).status == 201


def test_a_chunked_body_is_awaited_too(patient: Served) -> None:
    with closing(patient.connected()) as connection:
        connection.request("PUT", "/original/a", (bytes(1_000) for _ in range(400)), encode_chunked=True)
        assert connection.getresponse().read() != b""
        assert send(connection, "GET", "/healthz").status == 200


def test_a_body_that_stalls_is_not_awaited(patient: Served) -> None:
    with closing(begun(patient, 500_000)) as connection:
        connection.send(bytes(100))
        assert connection.getresponse().status == 401
        assert connection.sock is not None
        assert connection.sock.recv(10) == b""
        until(lambda: not patient.connections())


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_over_the_limit_is_not_awaited(patient: Served, is_chunked: bool) -> None:
    with socket.create_connection(("127.0.0.1", patient.port), timeout=60) as connection:
        framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 999999999"
        connection.sendall(b"PUT /original/a HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
        sent, chunk = 0, bytes(100_000)
        with pytest.raises(ConnectionError):
            while sent < 50_000_000:
                connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
                sent += len(chunk)
                time.sleep(_PAUSE_SECONDS)
        assert sent > LIMIT
    until(lambda: not patient.connections())


def test_those_over_the_bound_are_closed_after_the_stall_timeout_and_the_others_go_on(patient: Served) -> None:
    size = 10_000
    clients = []
    for address in ["127.0.0.1"] * 9 + ["127.0.0.2"]:
        clients.append(begun(patient, size, address))
        until(lambda: sum(connection.is_lingering for connection in patient.connections()) == len(clients))
    ninth = clients[8]
    broken = set()
    sent, end = 0, time.monotonic() + 60
    while ninth not in broken and time.monotonic() < end:
        sent += 20
        for connection in set(clients) - broken:
            try:
                connection.send(bytes(20))
            except ConnectionError:
                broken.add(connection)
        time.sleep(_PAUSE_SECONDS)
    assert broken == {ninth}
    for connection in set(clients) - broken:
        connection.send(bytes(size - sent))
        assert connection.getresponse().read() != b""
        assert send(connection, "GET", "/healthz").status == 200
    for connection in clients:
        connection.close()
    until(lambda: not patient.connections())


def test_a_server_that_stops_does_not_wait_for_the_rest_of_a_refused_body(folder: Any) -> None:
    with serving(folder, stall_timeout=1.0, min_rate=1, shutdown_timeout=3_000.0) as server:
        connection = begun(server, 500_000)
        assert connection.getresponse().status == 401
    connection.close()
