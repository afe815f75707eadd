"""Uploads under way take a bounded space in the spool; what exceeds it gets 503 and can be sent again."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.pictures import jpeg
from tests.web.served import FORM, WRITER, Served, form, serving, until

LIMIT = 40_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(
        tmp_path_factory.mktemp("small"), max_body=LIMIT, max_spool=LIMIT, trusted_proxies="127.0.0.0/8"
    ) as server:
        yield server


def begun(served: Served, client: str, size: int | None, body: bytes = b"") -> socket.socket:
    """A connection over which an upload has begun; without a size, it is chunked."""
    id = "from-" + client.replace(".", "-")
    length = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
    head = f"PUT /original/{id} HTTP/1.1\r\nHost: x\r\n{length}\r\nX-Forwarded-For: {client}\r\n"
    head += f"Authorization: {WRITER['Authorization']}\r\n\r\n"
    if size is None:
        body = b"%x\r\n%b\r\n" % (len(body), body)
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=60)
    connection.sendall(head.encode() + body)
    return connection


def reserved(served: Served) -> int:
    return served.parts.quota.reserved


def assert_given_back(served: Served) -> None:
    until(lambda: reserved(served) == 0)
    until(lambda: [path.name for path in served.parts.spool.folder.iterdir()] == ["lock"])
    assert served.parts.quota.buffered == 0
    assert served.put("all-of-it", jpeg(60, 40) + b"\0" * 20_000).status in (200, 201)


def test_an_upload_over_the_quota_is_refused_before_its_body_and_works_later(small: Served) -> None:
    with closing(begun(small, "10.0.0.1", LIMIT)):
        until(lambda: reserved(small) == LIMIT)
        with closing(begun(small, "10.0.0.2", 1_000)) as refused:
            answer = refused.recv(4_096)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in answer
        assert b"Content-Type: application/problem+json" in answer
        expecting = b"PUT /original/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n"
        expecting += f"Authorization: {WRITER['Authorization']}\r\n\r\n".encode()
        assert small.raw(expecting).status == 503
    assert_given_back(small)


def test_a_form_reserves_at_most_the_largest_picture(small: Served) -> None:
    body = jpeg(60, 40)
    body = form(body + b"\0" * (LIMIT - len(body)))
    assert len(body) > LIMIT
    assert small.request("POST", "/original", WRITER | FORM, body).status == 201
    assert_given_back(small)


def test_a_body_without_a_length_is_refused_when_it_outgrows_the_quota(small: Served) -> None:
    with closing(begun(small, "10.0.0.1", 30_000)), closing(begun(small, "10.0.0.2", None, b"x" * 9_000)) as growing:
        until(lambda: reserved(small) == 39_000)
        growing.sendall(b"800\r\n" + b"x" * 2_048 + b"\r\n")
        assert growing.recv(4_096).startswith(b"HTTP/1.1 503 ")
        until(lambda: reserved(small) == 30_000)
    assert_given_back(small)


def test_a_client_with_an_upload_under_way_leaves_a_quarter_to_others(small: Served) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(closing(begun(small, "10.0.0.1", 15_000)))
        until(lambda: reserved(small) == 30_000)
        refused = stack.enter_context(closing(begun(small, "10.0.0.1", 2_000)))
        assert refused.recv(4_096).startswith(b"HTTP/1.1 503 ")
        picture = jpeg(60, 40)
        other = stack.enter_context(closing(begun(small, "10.0.0.2", len(picture), picture)))
        assert other.recv(4_096).startswith((b"HTTP/1.1 201 ", b"HTTP/1.1 200 "))
    assert_given_back(small)


@pytest.mark.parametrize(
    ("size", "body", "status"),
    [(9, b"no photo.", b"400"), (LIMIT + 1, b"", b"413"), (None, b"x" * (LIMIT + 1), b"413")],
)
def test_a_refused_upload_gives_everything_back(small: Served, size: int | None, body: bytes, status: bytes) -> None:
    with closing(begun(small, "10.0.0.1", size, body)) as refused:
        if size is None:
            refused.sendall(b"0\r\n\r\n")
        assert refused.recv(4_096)[9:12] == status
    assert_given_back(small)


def test_a_client_that_leaves_in_the_middle_gives_everything_back(small: Served) -> None:
    for size in (LIMIT, None):
        with closing(begun(small, "10.0.0.1", size, b"x" * 9_000)):
            until(lambda: small.parts.quota.buffered == 9_000)
        assert_given_back(small)
