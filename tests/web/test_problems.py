"""Errors: a problem document, which is never cached and has no internal details."""

import re
from typing import Any

import pytest

from tests.web.served import WRITER, Response, Served


def assert_problem(response: Response, status: int) -> None:
    assert response.status == status, response.body
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Length"] == str(len(response.body))
    assert response.json["status"] == status
    assert response.json["type"] == "about:blank"
    assert response.json["title"]
    assert len(response.json["detail"]) > 20
    assert response.json["request_id"] == response["X-Request-ID"] != ""


@pytest.mark.parametrize(
    "path", ["/nowhere", "/original/a/b", "/derived", "/derived/", "/derived/a/b", "/info", "/favicon.ico", "/%ff"]
)
def test_an_unknown_url_is_a_404_that_lists_the_routes(served: Served, path: str) -> None:
    assert_problem(served.get(path), 404)


ALLOWED = {
    "/original": {"GET", "HEAD", "POST", "OPTIONS"},
    "/original/a": {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"},
    "/info/a": {"GET", "HEAD", "OPTIONS"},
    "/derived/a-10x10.jpg": {"GET", "HEAD", "OPTIONS"},
    "/healthz": {"GET", "HEAD", "OPTIONS"},
    "/readyz": {"GET", "HEAD", "OPTIONS"},
    "/openapi.json": {"GET", "HEAD", "OPTIONS"},
}


def methods_of(response: Response) -> set[str]:
    return set(re.split(r",\s*", response["Allow"]))


@pytest.mark.parametrize("path", ALLOWED)
def test_another_method_is_a_405_that_lists_the_methods(served: Served, path: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - ALLOWED[path]:
        response = served.request(method, path, WRITER)
        assert_problem(response, 405)
        assert methods_of(response) == ALLOWED[path]


@pytest.mark.parametrize("path", ALLOWED)
def test_options_lists_the_methods(served: Served, path: str) -> None:
    response = served.request("OPTIONS", path)
    assert (response.status, response.body) == (204, b"")
    assert methods_of(response) == ALLOWED[path]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /original/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n",
    ],
    ids=lambda request_bytes: ascii(request_bytes[:60]),
)
def test_malformed_http_gets_a_problem_document(served: Served, request_bytes: bytes) -> None:
    response = served.raw(request_bytes)
    assert response.status == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert response.json["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/original/nobody", "/nowhere"])
def test_the_response_to_an_unknown_expectation_is_not_cached(served: Served, path: str) -> None:
    response = served.get(path, Expect="a-miracle")
    assert response.status in (200, 404, 417)
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-ID"] or response.status == 417


def test_a_malformed_chunked_body_is_refused(served: Served) -> None:
    head = "PUT /original/broken HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += f"Authorization: {WRITER['Authorization']}\r\n\r\n"
    response = served.raw(head.encode() + b"5\r\nhello\r\nzzz\r\n")
    assert response.status == 400
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/problem+json"


def test_every_response_has_a_request_id(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    paths = [f"/original/{id}", f"/info/{id}", f"/derived/{id}-9x9.jpg", "/healthz", "/original/nobody", "/nowhere"]
    for path in paths:
        assert served.get(path, X_Request_ID="abc:1.2_3-4")["X-Request-ID"] == "abc:1.2_3-4"
        made = served.get(path)["X-Request-ID"]
        assert made not in ("", served.get(path)["X-Request-ID"])


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "caf\xe9", '"', "a\tb"])
def test_an_invalid_request_id_is_replaced(served: Served, given: str) -> None:
    response = served.get("/original/nobody", X_Request_ID=given)
    assert_problem(response, 404)
    assert response["X-Request-ID"] != given


def test_a_lost_original_is_a_500_without_details(served: Served, log: list[dict[str, Any]], photo: bytes) -> None:
    id = served.upload(photo)
    (blob,) = served.files_of(id)
    blob.unlink()
    for path in (f"/original/{id}", f"/derived/{id}-17x17.jpg"):
        response = served.get(path, X_Request_ID="lost-1")
        assert_problem(response, 500)
        assert not re.search(rf"Traceback|OriginalLost|revision|\.py|{served.folder}", response.body.decode())
        (line,) = (line for line in log if line.get("request_id") == "lost-1" and line["level"] == "error")
        assert "Traceback" in line["exception"]
        assert "OriginalLost" in line["exception"]
        assert line["path"] == path
        log.remove(line)
    assert served.get(f"/info/{id}").status == 200
    assert served.put(id, photo).status == 200
    assert served.get(f"/original/{id}").body == photo


def test_hostile_requests_leave_no_error_in_the_log(served: Served, log: list[dict[str, Any]]) -> None:
    before = len(log)
    for path in (b"/original/\xff\xfe", b"/derived/\xff-9x9.jpg", b"/\xff", b"/original/%ed%a0%80", b"*"):
        assert served.raw_get(path).status in (400, 404)
    errors = [line for line in log[before:] if line["level"] == "error"]
    assert errors == []
