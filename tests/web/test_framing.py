"""Requests that are not valid HTTP, or whose end is uncertain: refused like others, logged, counted, and closed."""

import http.client
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pymager.telemetry.shared_memory import SharedMetrics
from tests.web.served import WRITER, Response, Served, serving, until
from tests.web.test_problems import assert_problem
from tests.web.watched import LOGGING, Watched

AUTHORIZATION = f"Authorization: {WRITER['Authorization']}\r\n".encode()
SMUGGLED = b"DELETE /original/kept HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"\r\n"


@pytest.fixture(scope="module")
def counts() -> SharedMetrics:
    return SharedMetrics()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]], counts: SharedMetrics, photo: bytes
) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("framing"), metrics=counts, **LOGGING) as served:
        assert served.put("kept", photo).status == 201
        assert served.get("/derived/kept-9x9.png").status == 200
        yield served


@pytest.fixture
def watched(
    server: Served, counts: SharedMetrics, log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> Watched:
    return Watched(server, counts, log, caplog)


def answered(served: Served, request: bytes) -> list[Response]:
    """All responses until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(request)
        return responses(connection)


def responses(connection: socket.socket) -> list[Response]:
    """The responses up to the end of the connection; a reset is an error."""
    data = b""
    while received := connection.recv(65_536):
        data += received
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = http.client.HTTPMessage()
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name] = value
        size = int(headers["Content-Length"] or 0)
        found.append(Response(int(lines[0].split()[1]), headers, data[:size]))
        data = data[size:]
    return found


def put(path: str, version: str, *lines: str) -> bytes:
    return "\r\n".join([f"PUT {path} HTTP/{version}", "Host: x", *lines, ""]).encode() + AUTHORIZATION + b"\r\n"


MALFORMED = [
    b"nonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
    b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", MALFORMED, ids=lambda request: ascii(request[:40]))
def test_malformed_http_is_refused_like_any_other_request(watched: Watched, request_bytes: bytes) -> None:
    before = watched.requests()
    (response,) = answered(watched.served, request_bytes)
    assert_problem(response, 400)
    usual = watched.served.get("/nowhere")
    assert set(response.headers) - {"Connection"} == set(usual.headers) - {"Connection"}
    assert response["Server"] == usual["Server"] == "pymager"
    assert response["Connection"] == "close"
    until(lambda: len(watched.lines()) == 2)
    line = watched.lines()[0]
    assert line == line | {"method": "-", "path": "-", "status": 400, "bytes": len(response.body), "level": "info"}
    assert line["client"] == "127.0.0.1"
    assert line["request_id"] == response.json["request_id"]
    labels = ("unmatched", "other", "400")
    assert watched.requests()[labels] == before.get(labels, 0) + 1
    watched.assert_nothing_went_wrong()


def test_a_client_that_goes_on_sending_gets_the_400_and_no_reset(watched: Watched) -> None:
    with socket.create_connection(("127.0.0.1", watched.served.port), timeout=60) as connection:
        connection.sendall(b"PUT /original/a HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n")
        for _ in range(200):
            connection.sendall(bytes(10_000))
        connection.shutdown(socket.SHUT_WR)
        (response,) = responses(connection)
    assert_problem(response, 400)
    watched.assert_nothing_went_wrong()


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"3\r\nabcX", b"-1\r\n", b"fffffffffffffffffffff\r\n"])
@pytest.mark.parametrize("is_authorized", [True, False])
def test_a_body_that_becomes_malformed_is_refused_at_once(watched: Watched, chunk: bytes, is_authorized: bool) -> None:
    head = put("/original/broken", "1.1", "Transfer-Encoding: chunked")
    if not is_authorized:
        head = head.replace(b"Bearer", b"Bearer wrong")
    with socket.create_connection(("127.0.0.1", watched.served.port), timeout=60) as connection:
        connection.sendall(head + b"3\r\nabc\r\n")
        until(lambda: any(one._request_in_progress for one in watched.served.connections()) or not is_authorized)
        connection.sendall(chunk)
        (response,) = responses(connection)
    assert_problem(response, 400 if is_authorized else 401)
    watched.assert_nothing_went_wrong()


UNCERTAIN = [
    (put("/original/a", "1.0", "Transfer-Encoding: chunked", "Connection: keep-alive"), 400),
    (put("/original/a", "1.0", "Transfer-Encoding: chunked"), 400),
    (put("/original/a", "1.1", "Transfer-Encoding: gzip, chunked"), 501),
    (put("/original/a", "1.1", "Transfer-Encoding: GZIP ,CHUNKED"), 501),
    (put("/original/a", "1.1", "Transfer-Encoding: chunked;a=b, chunked"), 501),
    (put("/original/a", "1.1", "Transfer-Encoding: identity, chunked"), 501),
    (put("/original/a", "1.1", "Transfer-Encoding: chunked, chunked"), 400),
    (put("/original/a", "1.1", "Transfer-Encoding: gzip"), 400),
    (put("/original/a", "1.1", "Transfer-Encoding: chunked, gzip"), 400),
    (put("/original/a", "1.1", "Transfer-Encoding: xchunked"), 400),
    (put("/original/a", "1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    (put("/original/a", "1.1", "Transfer-Encoding: chunked", "Content-Length: 5"), 400),
    (put("/original/a", "1.1", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    (put("/original/a", "1.0", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
]


@pytest.mark.parametrize("method", [b"PUT /original/a", b"GET /derived/kept-9x9.png"], ids=["put", "hit"])
@pytest.mark.parametrize(("head", "status"), UNCERTAIN, ids=lambda value: ascii(value)[18:90])
def test_a_request_whose_end_is_uncertain_is_refused_and_nothing_behind_it_is_read(
    watched: Watched, method: bytes, head: bytes, status: int
) -> None:
    """RFC 9112 sections 6.1 and 6.3."""
    head = head.replace(b"PUT /original/a", method)
    (response,) = answered(watched.served, head + b"0\r\n\r\n" + SMUGGLED)
    assert_problem(response, status)
    assert response["Connection"] == "close"
    assert watched.served.get("/info/kept").status == 200
    until(lambda: len(watched.lines()) == 2)
    assert watched.lines()[0]["status"] == status


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED", " chunked "])
def test_chunked_is_accepted_in_any_case(watched: Watched, coding: str, photo: bytes) -> None:
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(photo), photo)
    head = put("/original/chunked", "1.1", f"Transfer-Encoding: {coding}", "Connection: close")
    (response,) = answered(watched.served, head + body)
    assert response.status in (200, 201)


def test_a_hit_with_a_chunked_body_is_served(watched: Watched) -> None:
    head = put("/original/a", "1.1", "Transfer-Encoding: chunked", "Connection: close")
    (response,) = answered(
        watched.served, head.replace(b"PUT /original/a", b"GET /derived/kept-9x9.png") + b"3\r\nabc\r\n0\r\n\r\n"
    )
    assert response.status == 200


def test_http_1_0_keeps_its_connection_for_a_body_of_known_length(watched: Watched, photo: bytes) -> None:
    length = f"Content-Length: {len(photo)}"
    first = put("/original/old", "1.0", length, "Connection: keep-alive") + photo
    second = put("/original/old", "1.0", length) + photo
    assert [response.status for response in answered(watched.served, first + second)] == [201, 200]


@pytest.mark.parametrize("expectation", ["100-continue", "a-miracle"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_url_that_does_not_exist_is_a_404_before_the_body_is_sent(
    watched: Watched, expectation: str, method: str
) -> None:
    request = f"{method} /nowhere HTTP/1.1\r\nHost: x\r\nExpect: {expectation}\r\nContent-Length: 9\r\n\r\n".encode()
    (response,) = answered(watched.served, request)  # not preceded by 100 Continue
    assert_problem(response, 404)
    watched.assert_nothing_went_wrong()


def test_an_unknown_expectation_is_a_417_like_any_other_error(watched: Watched) -> None:
    response = watched.served.request("OPTIONS", "/original", {"Expect": "a-miracle"})
    assert_problem(response, 417)
    assert response["Server"] == "pymager"
    until(lambda: len(watched.lines()) == 1)
    line = watched.lines()[0]
    assert (line["method"], line["path"], line["status"]) == ("OPTIONS", "/original", 417)
    assert watched.requests()["/original", "OPTIONS", "417"] == 1
    watched.assert_nothing_went_wrong()
