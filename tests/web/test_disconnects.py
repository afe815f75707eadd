"""Clients that disconnect, on each route and at each stage: counted and logged as 499, and never as an error.

Each leaves in both ways: with a reset, and with a plain close.
"""

import logging
import os
import secrets
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pymager.telemetry.shared_memory import SharedMetrics
from tests.pictures import jpeg
from tests.web.served import FORM, WRITER, Served, form, serving, until
from tests.web.watched import LOGGING, Watched

ORIGINAL, ORIGINALS = "/original/{id}", "/original"
DERIVED, INFO = "/derived/{name}", "/info/{id}"
_SMALL_BUFFER = 4_096
_LINGER_ZERO = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def counts() -> SharedMetrics:
    return SharedMetrics()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]], counts: SharedMetrics
) -> Iterator[Served]:
    """A service whose kernel buffers little of a response, so that a client can leave in the middle of it."""
    with serving(tmp_path_factory.mktemp("left"), metrics=counts, send_buffer=_SMALL_BUFFER, **LOGGING) as served:
        yield served


@pytest.fixture
def watched(
    server: Served, counts: SharedMetrics, log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> Watched:
    return Watched(server, counts, log, caplog)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    connection.close()


def close(connection: socket.socket) -> None:
    connection.close()


WAYS = pytest.mark.parametrize("leave", [reset, close], ids=["reset", "close"])
Leave = Callable[[socket.socket], None]


def head(method: str, path: str, **headers: object) -> bytes:
    fields = {"Host": "x", **WRITER, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode()


def bmp(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height)).save(out, "BMP")
    return out.getvalue()


def upload(route: str, body: bytes) -> tuple[str, bytes, bytes]:
    """The method, the head and the body of an upload to a route: `put` is the bare picture, the others are forms."""
    id = f"t{secrets.token_hex(6)}"
    if route == "put":
        return "PUT", head("PUT", f"/original/{id}", Content_Length=len(body)), body
    whole = form(body)
    path = f"/original/{id}" if route == "post-id" else "/original"
    return "POST", head("POST", path, Content_Length=len(whole), **FORM), whole


UPLOADS = pytest.mark.parametrize(
    ("kind", "route"), [("put", ORIGINAL), ("post-id", ORIGINAL), ("post", ORIGINALS)], ids=["put", "post-id", "post"]
)


def connect(served: Served) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(60)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    connection.connect(("127.0.0.1", served.port))
    return connection


def connected(served: Served) -> list[Any]:
    """The connections whose clients have not left, as the server sees it."""
    return [connection for connection in served.connections() if connection.connected]


def wait_for_the_end(served: Served) -> None:
    """Wait until the server has accepted and closed all connections that are open now."""
    assert served.get("/healthz").status == 200
    until(lambda: not served.connections())


def is_waiting_for_its_client(served: Served) -> bool:
    return any(connection.writing_paused for connection in served.connections())


@contextmanager
def one_left(watched: Watched, route: str, method: str) -> Iterator[None]:
    """Checks that the block adds one request that its client left, and nothing that went wrong."""
    labels = (route, method, "499")
    before = watched.requests()
    lines = len(watched.lines())
    yield
    until(lambda: watched.requests() != before and len(watched.lines()) > lines)
    watched.assert_nothing_went_wrong()
    assert watched.requests() == before | {labels: before.get(labels, 0) + 1}
    (line,) = watched.lines()[lines:]
    assert (line["method"], line["status"], line["level"]) == (method, 499, "info")
    assert line["request_id"]


@contextmanager
def stopped_workers(served: Served) -> Iterator[None]:
    """The worker processes get nothing done inside of the block."""
    pids = until(lambda: served.parts.workers.state.pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@WAYS
@pytest.mark.parametrize("sent", [b"", b"GET /derived/a-1x1.jpg HT", head("PUT", "/original/a")[:-2]])
def test_before_the_head_is_complete_there_is_no_request(watched: Watched, leave: Leave, sent: bytes) -> None:
    before = watched.requests()
    connection = connect(watched.served)
    connection.sendall(sent)
    leave(connection)
    wait_for_the_end(watched.served)
    assert watched.requests() == before
    assert watched.lines() == []
    watched.assert_nothing_went_wrong()


@WAYS
@UPLOADS
@pytest.mark.parametrize("part", [0, 100, 30_000])
def test_in_the_middle_of_a_body(watched: Watched, leave: Leave, kind: str, route: str, part: int) -> None:
    method, start, body = upload(kind, jpeg(640, 480, quality=95))
    assert len(body) > part
    with one_left(watched, route, method):
        connection = connect(watched.served)
        connection.sendall(start + body[:part])
        until(watched.served.connections)
        leave(connection)


@WAYS
def test_in_the_middle_of_a_chunked_body(watched: Watched, leave: Leave) -> None:
    with one_left(watched, ORIGINAL, "PUT"):
        connection = connect(watched.served)
        connection.sendall(head("PUT", "/original/chunked", Transfer_Encoding="chunked") + b"5\r\nhello\r\n5\r\nhe")
        until(watched.served.connections)
        leave(connection)


@WAYS
def test_after_100_continue(watched: Watched, leave: Leave) -> None:
    with one_left(watched, ORIGINAL, "PUT"):
        connection = connect(watched.served)
        connection.sendall(head("PUT", "/original/expected", Content_Length=9, Expect="100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        leave(connection)


@WAYS
@UPLOADS
def test_while_an_upload_is_processed(watched: Watched, leave: Leave, kind: str, route: str) -> None:
    method, start, body = upload(kind, jpeg(64, 48))
    with one_left(watched, route, method), stopped_workers(watched.served):
        connection = connect(watched.served)
        connection.sendall(start + body)
        until(lambda: watched.served.parts.workers.state.busy)
        leave(connection)
        until(lambda: not connected(watched.served))


@WAYS
@pytest.mark.parametrize("more", ["", "?v=%31"], ids=["plain", "query"])
def test_while_a_render_is_waited_for(watched: Watched, leave: Leave, more: str) -> None:
    """With a query, the request goes through the router."""
    path = f"/derived/{watched.served.upload(jpeg(64, 48))}-11x12.jpg{more}"
    wait_for_the_end(watched.served)
    with one_left(watched, DERIVED, "GET"), stopped_workers(watched.served):
        connection = connect(watched.served)
        connection.sendall(head("GET", path))
        until(lambda: watched.served.parts.workers.state.busy)
        leave(connection)
        until(lambda: not connected(watched.served))


@pytest.fixture(scope="module")
def large(server: Served) -> str:
    """The id of an original of over 100 kB."""
    photo = jpeg(1000, 800, quality=95)
    assert len(photo) > 100_000
    return server.upload(photo)


@pytest.fixture(scope="module")
def many(server: Served) -> None:
    """So many originals that a page of them is over 30 kB."""
    for number in range(120):
        assert server.put(f"{number:0190}", jpeg(8, 8)).status == 201


@WAYS
@pytest.mark.parametrize("part", [0, 1, 5_000])
@pytest.mark.parametrize(
    ("route", "path", "field"),
    [
        (ORIGINAL, "/original/{large}", {}),
        (ORIGINAL, "/original/{large}", {"Range": "bytes=10-90000"}),
        (DERIVED, "/derived/{large}-300x200.bmp", {}),
        (DERIVED, "/derived/{large}-300x200.bm%70", {}),
        (DERIVED, "/derived/{large}-1200x1000.bmp", {}),
        (ORIGINALS, "/original?limit=1000", {}),
    ],
    ids=["original", "range", "hit", "routed", "streamed", "listing"],
)
def test_in_the_middle_of_a_response(
    watched: Watched,
    large: str,
    many: None,
    leave: Leave,
    part: int,
    route: str,
    path: str,
    field: dict[str, str],
) -> None:
    path = path.format(large=large)
    response = watched.served.request("GET", path, WRITER | field)
    assert response.status in (200, 206)
    assert len(response.body) > 30_000
    wait_for_the_end(watched.served)
    with one_left(watched, route, "GET"):
        connection = connect(watched.served)
        connection.sendall(head("GET", path, **field))
        while part > 0:
            part -= len(connection.recv(part))
        until(lambda: is_waiting_for_its_client(watched.served))
        leave(connection)


@WAYS
def test_a_client_that_reads_too_slowly_counts_as_one_that_left(
    folder: Path, log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, leave: Leave
) -> None:
    counts = SharedMetrics()
    with serving(folder, metrics=counts, send_buffer=_SMALL_BUFFER, stall_timeout=0.3, **LOGGING) as served:
        watched = Watched(served, counts, log, caplog)
        id = served.upload(jpeg(1000, 800, quality=95))
        wait_for_the_end(served)
        for path in (f"/original/{id}", f"/derived/{id}-300x200.bmp"):
            route = ORIGINAL if "original" in path else DERIVED
            with one_left(watched, route, "GET"):
                connection = connect(served)
                connection.sendall(head("GET", path))
                wait_for_the_end(served)
                leave(connection)


@WAYS
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/info/nobody"),
        ("HEAD", "/info/nobody"),
        ("GET", "/original/nobody"),
        ("DELETE", "/original/nobody"),
        ("GET", "/original?limit=1"),
        ("OPTIONS", "/original"),
        ("GET", "/derived/nobody-9x9.jpg"),
        ("GET", "/openapi.json"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/nowhere"),
        ("PATCH", "/original"),
    ],
)
def test_at_any_moment_of_a_short_request(watched: Watched, leave: Leave, method: str, path: str) -> None:
    """The kernel may drop the request, or take the whole response: there is at most one line, and never an error."""
    times = 5
    for _ in range(times):
        connection = connect(watched.served)
        connection.sendall(head(method, path))
        leave(connection)
    wait_for_the_end(watched.served)
    statuses = [line["status"] for line in watched.lines() if line["path"] == path]
    assert len(statuses) <= times
    assert all(status < 500 for status in statuses)
    watched.assert_nothing_went_wrong()


@WAYS
def test_pipelined_requests_of_a_client_that_left(watched: Watched, leave: Leave, large: str) -> None:
    connection = connect(watched.served)
    connection.sendall(head("GET", f"/original/{large}") * 20)
    until(lambda: is_waiting_for_its_client(watched.served))
    leave(connection)
    wait_for_the_end(watched.served)
    assert [line["status"] for line in watched.lines() if line["status"] == 499] == [499]
    watched.assert_nothing_went_wrong()


def test_a_request_that_the_server_gives_up_when_it_stops_is_a_503(
    folder: Path, log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    counts = SharedMetrics()
    with serving(folder, metrics=counts, **LOGGING) as served:
        watched = Watched(served, counts, log, caplog)
        connection = connect(served)
        connection.sendall(head("PUT", "/original/expected", Content_Length=9, Expect="100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.close()
    assert watched.requests() == {(ORIGINAL, "PUT", "503"): 1}
    assert [line["status"] for line in watched.lines()] == [503]


def test_a_response_that_the_server_cuts_off_is_a_500_once(
    folder: Path, log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    counts = SharedMetrics()
    with serving(folder, metrics=counts, send_buffer=_SMALL_BUFFER, **LOGGING) as served:
        id = served.upload(bmp(1500, 1000))
        wait_for_the_end(served)
        (blob,) = [file for file in served.files_of(id) if file.suffix == ".bmp"]  # not its mezzanine
        watched = Watched(served, counts, log, caplog)
        with connect(served) as connection:
            connection.sendall(head("GET", f"/original/{id}"))
            until(lambda: is_waiting_for_its_client(served))
            os.truncate(blob, 3_000_000)
            size = 0
            with suppress(ConnectionError):
                while received := connection.recv(1 << 20):
                    size += len(received)
            assert size < 4_500_000
        until(watched.lines)
    errors = [line for line in log if line.get("event") == "response cut off"]
    assert len(errors) == 1
    log.remove(errors[0])
    assert [line["status"] for line in watched.lines()] == [500]
    assert watched.requests()[ORIGINAL, "GET", "500"] == 1
    assert {labels[2] for labels in watched.requests()} == {"201", "500"}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
