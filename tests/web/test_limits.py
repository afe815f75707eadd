"""The limit of a body is exact, and a larger body is refused as early as possible."""

import secrets
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pictures import jpeg
from tests.web.served import FORM, WRITER, Served, form, part, serving

LIMIT = 20_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("small"), max_body=LIMIT, max_pixels=10_000) as server:
        yield server


def sized(size: int) -> bytes:
    """A JPEG of exactly this size: the padding follows the end of the picture."""
    picture = jpeg(60, 40)
    return picture + b"\0" * (size - len(picture))


def chunked(served: Served, method: str, headers: dict[str, str], body: bytes) -> int:
    """The status of a request without Content-Length."""
    head = f"{method} /original/t{secrets.token_hex(6)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (WRITER | headers).items()) + "\r\n"
    return served.raw(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)).status


def test_a_put_of_exactly_the_limit_is_accepted(small: Served) -> None:
    assert small.put("put-exact", sized(LIMIT)).status == 201
    assert len(small.get("/original/put-exact").body) == LIMIT


def test_a_put_of_one_byte_more_is_refused(small: Served) -> None:
    response = small.put("put-over", sized(LIMIT + 1))
    assert response.status == 413
    assert str(LIMIT) in response.json["detail"]
    assert small.get("/original/put-over").status == 404


def test_the_limit_of_a_form_is_for_the_picture_in_it(small: Served) -> None:
    assert small.post("/original/form-exact", sized(LIMIT)).status == 201
    response = small.post("/original/form-over", sized(LIMIT + 1))
    assert response.status == 413
    assert str(LIMIT) in response.json["detail"]


def test_a_chunked_body_is_counted_while_it_is_received(small: Served) -> None:
    assert chunked(small, "PUT", {}, sized(LIMIT + 1)) == 413
    assert chunked(small, "POST", FORM, form(sized(LIMIT + 1))) == 413
    assert chunked(small, "PUT", {}, sized(LIMIT)) == 201


def test_the_form_around_the_picture_has_a_limit_too(small: Served) -> None:
    note = part(b"x" * LIMIT, 'form-data; name="note"')
    assert small.request("POST", "/original", WRITER | FORM, form(sized(9_000), note, note)).status == 201
    epilogue = form(sized(LIMIT)) + b"x" * 200_000
    assert chunked(small, "POST", FORM, epilogue) in (400, 413)


def test_a_content_length_over_the_limit_is_refused_before_the_body(small: Served) -> None:
    head = "PUT /original/early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    head += f"Content-Length: {LIMIT + 1}\r\nAuthorization: {WRITER['Authorization']}\r\n\r\n"
    response = small.raw(head.encode())
    assert response.status == 413


def test_an_existing_id_is_refused_before_the_body(small: Served) -> None:
    small.put("known", sized(5_000))
    head = "POST /original/known HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    head += f"Content-Length: 9000\r\nAuthorization: {WRITER['Authorization']}\r\n"
    head += f"Content-Type: {FORM['Content-Type']}\r\n\r\n"
    assert small.raw(head.encode()).status == 409


def test_a_client_that_waits_gets_100_continue(small: Served) -> None:
    body = sized(5_000)
    head = "PUT /original/expected HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    head += f"Content-Length: {len(body)}\r\nAuthorization: {WRITER['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", small.port), timeout=60) as connection:
        connection.sendall(head.encode())
        assert connection.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(64).startswith(b"HTTP/1.1 201 Created\r\n")


def test_a_picture_of_too_many_pixels_is_refused(small: Served) -> None:
    assert small.put("pixels-exact", jpeg(100, 100)).status == 201
    response = small.put("pixels-over", jpeg(101, 100))
    assert response.status == 422
    assert len(response.json["detail"]) > 20
