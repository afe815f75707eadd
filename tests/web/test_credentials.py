"""Who may write and list: Basic users and bearer tokens; with none configured nobody."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.served import FORM, PASSWORD, TOKEN, USER, Answer, Served, form, serving

GUARDED = [
    ("POST", "/original"), ("POST", "/original/guarded"), ("PUT", "/original/guarded"), ("DELETE", "/original/guarded"),
    ("GET", "/original"), ("HEAD", "/original"),
]  # fmt: skip


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def asked_as(served: Served, method: str, path: str, credentials: str | None, photo: bytes) -> Answer:
    headers = {} if credentials is None else {"Authorization": credentials}
    if method == "POST":
        return served.ask(method, path, headers | FORM, form(photo))
    return served.ask(method, path, headers, photo if method == "PUT" else None)


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "credentials",
    [
        None, "", "Basic", "Bearer", "Bearer ", "Bearer wrong", "Digest x", f"Token {TOKEN}", TOKEN,
        basic(USER, "wrong"),
        basic("nobody", PASSWORD), basic(USER, ""), basic("", PASSWORD), basic(USER, PASSWORD + "\0"), "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(), "Basic " + base64.b64encode(b"\xff:\xfe").decode(),
        basic(USER, "x" * 3_000), "Bearer caf\xe9", "Basic caf\xe9", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
    ],
    ids=lambda credentials: ascii(credentials)[:30],
)  # fmt: skip
def test_without_the_right_credentials_nothing_is_done(
    served: Served, photo: bytes, method: str, path: str, credentials: str | None
) -> None:
    answer = asked_as(served, method, path, credentials, photo)
    assert answer.status == 401
    assert "Basic" in answer["WWW-Authenticate"]
    assert "Bearer" in answer["WWW-Authenticate"]
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == "application/problem+json"
    assert method == "HEAD" or len(answer.json["detail"]) > 20
    assert served.get("/original/guarded").status == 404


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Bearer", "bearer"])
def test_either_kind_of_credentials_may_write_and_list(served: Served, photo: bytes, scheme: str) -> None:
    right = basic(USER, PASSWORD).partition(" ")[2] if scheme.lower() == "basic" else TOKEN
    credentials = f"{scheme} {right}"
    statuses = [
        asked_as(served, method, path, credentials, photo).status
        for method, path in [
            ("POST", "/original/may-write"),
            ("PUT", "/original/may-write"),
            ("GET", "/original"),
            ("DELETE", "/original/may-write"),
        ]
    ]
    assert statuses == [201, 200, 200, 204]


def test_reading_needs_no_credentials_and_wrong_ones_do_no_harm(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    for path in (f"/original/{id}", f"/info/{id}", f"/derived/{id}-9x9.jpg", "/healthz", "/readyz", "/openapi.json"):
        assert served.get(path).status == 200
        assert served.get(path, Authorization="Bearer wrong").status == 200


def test_a_bad_id_is_told_before_credentials_are_asked_for(served: Served, photo: bytes) -> None:
    assert served.ask("PUT", "/original/a%2fb", {}, photo).status == 400


def test_a_right_password_does_not_make_a_wrong_one_right(served: Served, photo: bytes) -> None:
    assert served.get("/original", Authorization=basic(USER, PASSWORD)).status == 200
    assert served.get("/original", Authorization=basic(USER, PASSWORD + "x")).status == 401
    assert served.get("/original", Authorization=basic("bob", PASSWORD)).status == 401
    assert served.get("/original", Authorization=basic(USER, PASSWORD)).status == 200


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, log: object) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("closed")
    with serving(folder, users={}, tokens={}) as server:
        yield server


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_with_nobody_configured_writing_is_closed(closed: Served, photo: bytes, method: str, path: str) -> None:
    for credentials in (None, f"Bearer {TOKEN}", basic(USER, PASSWORD), basic("", "")):
        answer = asked_as(closed, method, path, credentials, photo)
        assert answer.status == 403
        assert answer["Cache-Control"] == "no-store"
        assert method == "HEAD" or "PYMAGER_USERS" in answer.json["detail"]


def test_with_nobody_configured_reading_is_open(closed: Served) -> None:
    assert closed.get("/original/nobody").status == 404
    assert closed.get("/healthz").status == 200
