"""Connections are limited together and per client; those that wait give way, and a refused one gets its 503."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pymager.telemetry.shared_memory import SharedMetrics
from pymager.web.clients import ClientResolver
from tests.web.served import WRITER, Response, Served, serving, until
from tests.web.test_framing import responses
from tests.web.test_problems import assert_problem
from tests.web.watched import LOGGING, Watched

A, B, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.9"
PER_CLIENT, TOTAL = 3, 5
GET = b"GET /info/nobody HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = (
    b"PUT /original/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n"
    + f"Authorization: {WRITER['Authorization']}\r\n\r\n".encode()
)


@pytest.fixture
def counts() -> SharedMetrics:
    return SharedMetrics()


@pytest.fixture
def server(folder: Path, counts: SharedMetrics) -> Iterator[Served]:
    settings = {"max_connections": TOTAL, "max_connections_per_client": PER_CLIENT, "trusted_proxies": (PROXY,)}
    with serving(folder, metrics=counts, **settings, **LOGGING) as served:
        yield served


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Opener:
    """Opens connections, which the test's stack closes."""

    def __init__(self, served: Served, stack: ExitStack) -> None:
        self._served = served
        self._stack = stack

    def open(self, address: str, sent: bytes = b"") -> socket.socket:
        """A connection from this address that the server has accepted."""
        connection = socket.create_connection((A, self._served.port), timeout=60, source_address=(address, 0))
        self._stack.enter_context(connection)
        connection.sendall(sent)
        return connection

    def busy(self, address: str) -> socket.socket:
        """A connection with an upload under way."""
        connection = self.open(address, UPLOAD)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        return connection

    def idle(self, address: str) -> socket.socket:
        """A connection that has got a response and waits."""
        connection = self.open(address, GET)
        assert connection.recv(2_000).startswith(b"HTTP/1.1 404")
        return connection

    def silent(self, address: str, sent: bytes = b"") -> socket.socket:
        """A connection without a complete head."""
        before = len(self._served.connections())
        connection = self.open(address, sent)
        until(lambda: len(self._served.connections()) > before)
        return connection


@pytest.fixture
def opener(server: Served, stack: ExitStack) -> Opener:
    return Opener(server, stack)


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(60)


def refused(connection: socket.socket) -> Response:
    (response,) = responses(connection)
    assert_problem(response, 503)
    assert response["Retry-After"] == "1"
    assert response["Connection"] == "close"
    assert response["Server"] == "pymager"
    return response


def served(connection: socket.socket) -> bool:
    return connection.recv(2_000).startswith(b"HTTP/1.1 404")


def test_one_client_cannot_hold_all_connections(opener: Opener) -> None:
    for _ in range(PER_CLIENT):
        opener.busy(A)
    refused(opener.open(A))
    assert served(opener.open(B, GET))


def test_a_refused_connection_is_logged_and_counted(
    opener: Opener,
    server: Served,
    counts: SharedMetrics,
    log: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(server, counts, log, caplog)
    for _ in range(PER_CLIENT):
        opener.busy(B)
    response = refused(opener.open(B))
    (line,) = watched.lines()
    assert line == line | {"method": "-", "path": "-", "status": 503, "bytes": len(response.body), "client": B}
    assert line["request_id"] == response.json["request_id"]
    assert watched.requests() == {("unmatched", "other", "503"): 1}
    watched.assert_nothing_went_wrong()


@pytest.mark.parametrize(
    "sent",
    [GET, GET * 50, b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + bytes(99_999)],
    ids=["get", "pipelined", "put"],
)
def test_a_refused_client_that_has_sent_its_request_gets_the_503_and_no_reset(opener: Opener, sent: bytes) -> None:
    for _ in range(PER_CLIENT):
        opener.busy(A)
    for _ in range(20):
        connection = opener.open(A, sent)
        connection.shutdown(socket.SHUT_WR)
        refused(connection)


def test_connections_of_the_same_client_that_wait_give_way_to_its_new_ones(opener: Opener) -> None:
    first = opener.idle(A)
    busy = opener.busy(A)
    second = opener.idle(A)
    assert served(opener.open(A, GET))
    assert not is_open(first)
    assert is_open(second)
    assert is_open(busy)


@pytest.mark.parametrize("kind", ["idle", "silent", "partial"])
def test_connections_that_wait_give_way_if_the_server_is_full(opener: Opener, kind: str) -> None:
    def waiting(address: str) -> socket.socket:
        if kind == "idle":
            return opener.idle(address)
        return opener.silent(address, b"GET / HT" if kind == "partial" else b"")

    first, second, third = waiting(A), waiting(A), waiting(A)
    one, other = waiting(B), opener.busy(B)
    assert served(opener.open("127.0.0.3", GET))
    assert not is_open(first)  # the one that has waited longest, of the client with the most connections
    assert all(map(is_open, (second, third, one, other)))


def test_connections_with_a_request_do_not_give_way(opener: Opener) -> None:
    busy = [opener.busy(address) for address in (A, A, A, B, B)]
    refused(opener.open("127.0.0.3", GET))
    assert all(map(is_open, busy))
    busy[0].close()
    until(lambda: len(opener._served.connections()) == TOTAL - 1)
    assert served(opener.open("127.0.0.3", GET))


def test_a_trusted_proxy_has_no_limit_of_its_own(opener: Opener) -> None:
    busy = [opener.busy(PROXY) for _ in range(TOTAL)]
    assert all(map(is_open, busy))
    refused(opener.open(PROXY))


def test_a_client_is_an_ipv4_address_or_an_ipv6_network() -> None:
    clients = ClientResolver(("10.0.0.0/8", "2001:db8:ffff::/48"), "forwarded")
    assert clients.of_connection("192.0.2.1") != clients.of_connection("192.0.2.2")
    assert clients.of_connection("2001:db8::1") == clients.of_connection("2001:db8::ffff:1")
    assert clients.of_connection("2001:db8::1") != clients.of_connection("2001:db8:0:1::1")
    assert clients.of_connection("10.1.2.3") is None
    assert clients.of_connection("::ffff:10.1.2.3") is None
    assert clients.of_connection("2001:db8:ffff::1") is None
