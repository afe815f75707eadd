"""Retries of both clients, against a server that fails as the test says."""

import io
import socket
import time
import uuid
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from pymager_client import (
    Client,
    Conflict,
    ConnectionFailed,
    NotFound,
    PreconditionFailed,
    ServerError,
    StorageFull,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
)
from tests.conftest import Connect
from tests.pictures import png
from tests.scripted import Endless, Reset, Scripted, Stalled, answer, forwarded, lost, problem, scripted
from tests.server import PASSWORD, USERNAME

INFO = answer(
    200,
    b'{"id": "cat", "format": "png", "width": 1, "height": 1, "size": 1, "sha256": "00", "new": [],'
    b' "created": "2026-01-02T03:04:05Z", "frames": null}',
    Content_Type="application/json",
)
BUSY = problem(503, "Busy.", Retry_After="0")
HTML = answer(502, b"<html><h1>502 Bad Gateway</h1></html>", Content_Type="text/html")
STARTED = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

# httpx leaves its own generators open if a body is not read to its end, of which trio warns.
LEFT_OPEN = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def of(connect: Connect, server: Scripted, **options: float) -> Client:
    return connect(server.url, username=USERNAME, password=PASSWORD, **options)


def new_id() -> str:
    return f"r-{uuid.uuid4().hex}"


def test_a_503_is_repeated_after_the_seconds_that_it_names(connect: Connect) -> None:
    with scripted(problem(503, "Busy.", Retry_After="1"), INFO) as server:
        begin = time.monotonic()
        assert of(connect, server).info("cat").created.year == 2026
        assert time.monotonic() - begin >= 1
    assert server.methods == ["GET", "GET"]


def test_a_503_is_repeated_at_the_date_that_it_names_by_the_clock_of_the_server(connect: Connect) -> None:
    long_ago = 1_000_000_000
    dates = {"Date": formatdate(long_ago, usegmt=True), "Retry_After": formatdate(long_ago + 1, usegmt=True)}
    with scripted(problem(503, "Busy.", **dates), INFO) as server:
        begin = time.monotonic()
        of(connect, server).info("cat")
        assert time.monotonic() - begin >= 1
    assert server.methods == ["GET", "GET"]


def test_a_page_of_a_proxy_is_an_error_with_its_status(connect: Connect) -> None:
    with scripted(HTML, HTML) as server, pytest.raises(Unavailable) as caught:
        of(connect, server, max_attempts=2).info("cat")
    assert server.methods == ["GET", "GET"]
    error = caught.value
    assert (error.status, error.title, error.detail, error.request_id) == (502, "Bad Gateway", "", None)
    assert "html" not in str(error)


@pytest.mark.parametrize("broken", [Reset(), Reset(b"HTTP/1.1 200"), Reset(STARTED + b"half")])
def test_a_read_is_repeated_after_a_lost_connection(connect: Connect, broken: Reset) -> None:
    with scripted(broken, HTML, answer(200, b"the picture")) as server:
        assert of(connect, server).download("cat") == b"the picture"
    assert server.methods == ["GET"] * 3


def test_a_body_that_ends_too_early_is_not_a_picture(connect: Connect) -> None:
    with scripted(STARTED + b"half", STARTED + b"half") as server, pytest.raises(ConnectionFailed):
        of(connect, server, max_attempts=2).variant("cat", 8)
    assert server.methods == ["GET", "GET"]


@LEFT_OPEN
def test_a_stream_that_ends_too_early_raises_and_is_not_repeated(connect: Connect) -> None:
    with (
        scripted(Reset(STARTED + b"half"), INFO) as server,
        of(connect, server).stream("cat") as picture,
        pytest.raises(ConnectionFailed),
    ):
        for _ in picture:
            pass
    assert server.methods == ["GET"]


def test_attempts_are_limited(connect: Connect) -> None:
    with scripted(*[BUSY] * 9) as server, pytest.raises(Unavailable, match="Busy"):
        of(connect, server).info("cat")
    assert server.methods == ["GET"] * 4
    with scripted(BUSY) as server, pytest.raises(Unavailable) as caught:
        of(connect, server, max_attempts=1).info("cat")
    assert caught.value.retry_after == 0


@pytest.mark.parametrize(("status", "kind"), [(500, ServerError), (507, StorageFull), (404, NotFound)])
def test_other_errors_are_not_repeated(connect: Connect, status: int, kind: type[Exception]) -> None:
    with scripted(problem(status, "No."), INFO) as server, pytest.raises(kind):
        of(connect, server).info("cat")
    assert server.methods == ["GET"]


def test_an_upload_whose_answer_was_lost_succeeds(connect: Connect, public_url: str, tmp_path: Path) -> None:
    path, id = tmp_path / "cat.png", new_id()
    path.write_bytes(png(30, 20))
    with scripted(lost(public_url), *[forwarded(public_url)] * 2) as server:
        original = of(connect, server).upload(path, id)
    assert (original.id, original.width) == (id, 30)
    assert server.methods == ["POST", "POST", "GET"]
    assert server.requests[2].target == f"/info/{id}"


def test_an_upload_whose_answer_was_lost_does_not_succeed_if_the_id_has_other_bytes(
    connect: Connect, public_url: str
) -> None:
    id = new_id()
    connect(public_url, username=USERNAME, password=PASSWORD).upload(png(10, 10), id)
    with scripted(Reset(), *[forwarded(public_url)] * 2) as server, pytest.raises(Conflict):
        of(connect, server).upload(png(30, 20), id)
    assert server.methods == ["POST", "POST", "GET"]


def test_an_upload_of_an_id_that_was_deleted_meanwhile_is_a_conflict(connect: Connect) -> None:
    with scripted(Reset(), problem(409, "Exists."), problem(404, "Gone.")) as server, pytest.raises(Conflict):
        of(connect, server).upload(b"picture", "cat")
    assert server.methods == ["POST", "POST", "GET"]


def test_a_conflict_of_the_first_attempt_is_one(connect: Connect) -> None:
    for first in ([], [problem(429, "Slowly.", Retry_After="0")]):
        with scripted(*first, problem(409, "Exists."), INFO) as server, pytest.raises(Conflict):
            of(connect, server).upload(b"picture", "cat")
        assert server.methods == ["POST"] * (len(first) + 1)


def test_a_replace_whose_answer_was_lost_is_repeated(connect: Connect, public_url: str) -> None:
    id = new_id()
    with scripted(lost(public_url), forwarded(public_url)) as server:
        assert of(connect, server).replace(id, png(30, 20)).original.width == 30
    assert server.methods == ["PUT", "PUT"]
    with scripted(lost(public_url), *[forwarded(public_url)] * 2) as server:
        replaced = of(connect, server).replace(id, png(31, 20), if_match="*")
        assert replaced.original.width == 31 and not replaced.created


def test_a_replace_of_none_whose_answer_was_lost_succeeds(connect: Connect, public_url: str) -> None:
    id = new_id()
    with scripted(lost(public_url), *[forwarded(public_url)] * 2) as server:
        replaced = of(connect, server).replace(id, png(30, 20), only_if_new=True)
    assert replaced.created and replaced.original.width == 30
    assert server.methods == ["PUT", "PUT", "GET"]
    with scripted(Reset(), *[forwarded(public_url)] * 2) as server, pytest.raises(PreconditionFailed):
        of(connect, server).replace(id, png(40, 20), only_if_new=True)


def test_a_delete_whose_answer_was_lost_succeeds(connect: Connect, public_url: str) -> None:
    id = new_id()
    owner = connect(public_url, username=USERNAME, password=PASSWORD)
    owner.upload(png(10, 10), id)
    with scripted(lost(public_url), forwarded(public_url)) as server:
        of(connect, server).delete(id)
    assert server.methods == ["DELETE", "DELETE"]
    with pytest.raises(NotFound):
        owner.info(id)
    with scripted(forwarded(public_url)) as server, pytest.raises(NotFound):
        of(connect, server).delete(id)


def test_an_upload_without_an_id_is_not_repeated_if_it_can_have_succeeded(connect: Connect) -> None:
    for failure in (Reset(), BUSY, HTML):
        with scripted(failure, INFO) as server, pytest.raises((ConnectionFailed, Unavailable)):
            of(connect, server).upload(b"picture")
        assert server.methods == ["POST"]


def test_an_upload_without_an_id_is_repeated_if_nothing_was_stored(connect: Connect) -> None:
    with scripted(problem(429, "Slowly.", Retry_After="0"), INFO) as server:
        of(connect, server).upload(b"picture")
    assert server.methods == ["POST", "POST"]


def test_a_file_is_sent_again_from_the_same_position(connect: Connect) -> None:
    file = io.BytesIO(b"before" + b"picture" * 100_000)
    file.seek(6)
    with scripted(BUSY, Reset(), INFO) as server:
        of(connect, server).replace("cat", file)
    assert [request.body for request in server.requests] == [b"picture" * 100_000] * 3


def test_a_form_of_known_size_has_a_length(connect: Connect) -> None:
    with scripted(INFO, INFO) as server:
        of(connect, server).upload(b"picture", "cat")
        of(connect, server).upload(iter([b"pic", b"ture"]), "cat")
    known, unknown = server.requests
    assert known.headers["content-length"] == str(len(known.body))
    assert unknown.headers["transfer-encoding"] == "chunked" and "content-length" not in unknown.headers
    for request in server.requests:
        boundary = request.headers["content-type"].partition("boundary=")[2]
        assert request.body.startswith(f'--{boundary}\r\nContent-Disposition: form-data; name="file"'.encode())
        assert request.body.endswith(f"\r\n\r\npicture\r\n--{boundary}--\r\n".encode())


def test_a_stream_is_sent_once(connect: Connect) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"picture"

    for failure in (BUSY, Reset()):
        with scripted(failure, INFO) as server, pytest.raises((Unavailable, ConnectionFailed)):
            of(connect, server).replace("cat", pieces())
        assert server.methods == ["PUT"]


def test_a_server_that_is_down_is_tried_again(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    begin = time.monotonic()
    with pytest.raises(ConnectionFailed, match="ConnectError"):
        connect(url, username=USERNAME, password=PASSWORD, max_attempts=2).upload(b"picture")
    assert time.monotonic() - begin >= 0.125


def test_no_wait_is_longer_than_the_deadline(connect: Connect) -> None:
    with scripted(problem(503, "Busy.", Retry_After="50"), INFO) as server, pytest.raises(Unavailable) as caught:
        of(connect, server, deadline=40).info("cat")
    assert server.methods == ["GET"]
    assert caught.value.retry_after == 50


@LEFT_OPEN
@pytest.mark.parametrize("slow", [Stalled(), Stalled(STARTED + b"half"), Endless(CHUNKED)])
def test_a_call_ends_at_its_deadline(connect: Connect, slow: Stalled | Endless) -> None:
    with scripted(*[slow] * 9) as server, pytest.raises(TimedOut):
        of(connect, server, deadline=1).download("cat")
    assert len(server.requests) >= 1


def test_a_server_that_stalls_is_tried_again_after_the_timeout(connect: Connect) -> None:
    with scripted(Stalled(), INFO) as server:
        of(connect, server, timeout=2).info("cat")
    assert server.methods == ["GET", "GET"]
    with scripted(Stalled(), INFO) as server, pytest.raises(TimedOut):
        of(connect, server, timeout=0.5, max_attempts=1).info("cat")


@LEFT_OPEN
def test_the_body_of_an_error_is_read_up_to_a_limit(connect: Connect) -> None:
    with scripted(Endless(CHUNKED.replace(b"200 OK", b"404 Not Found"))) as server, pytest.raises(NotFound):
        of(connect, server, deadline=60).info("cat")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"id": 1}', b"\xff", b"[" * 50_000])
def test_a_success_that_is_not_from_pymager_is_an_error(connect: Connect, body: bytes) -> None:
    with scripted(answer(200, body), answer(200, body)) as server:
        client = of(connect, server)
        with pytest.raises(UnexpectedResponse) as caught:
            client.info("cat")
        with pytest.raises(UnexpectedResponse):
            list(client.originals())
    assert caught.value.status == 200


def test_a_call_can_be_used_again_after_every_failure(connect: Connect) -> None:
    with scripted(Reset(), HTML, problem(404, "No."), INFO) as server:
        client = of(connect, server, max_attempts=1)
        for kind in (ConnectionFailed, Unavailable, NotFound):
            with pytest.raises(kind):
                client.info("cat")
        assert client.info("cat").id == "cat"
