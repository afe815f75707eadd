"""Who can write and list: Basic users and bearer tokens, and nobody if none are configured."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.served import FORM, PASSWORD, TOKEN, USER, Response, Served, form, serving

GUARDED = [
    ("POST", "/original"), ("POST", "/original/guarded"), ("PUT", "/original/guarded"), ("DELETE", "/original/guarded"),
    ("GET", "/original"), ("HEAD", "/original"),
]  # fmt: skip


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def asked_as(served: Served, method: str, path: str, credentials: str | None, photo: bytes) -> Response:
    headers = {} if credentials is None else {"Authorization": credentials}
    if method == "POST":
        return served.request(method, path, headers | FORM, form(photo))
    return served.request(method, path, headers, photo if method == "PUT" else None)


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
def test_a_request_without_valid_credentials_changes_nothing(
    served: Served, photo: bytes, method: str, path: str, credentials: str | None
) -> None:
    response = asked_as(served, method, path, credentials, photo)
    assert response.status == 401
    assert "Basic" in response["WWW-Authenticate"]
    assert "Bearer" in response["WWW-Authenticate"]
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/problem+json"
    assert method == "HEAD" or len(response.json["detail"]) > 20
    assert served.get("/original/guarded").status == 404


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Bearer", "bearer"])
def test_passwords_and_tokens_can_write_and_list(served: Served, photo: bytes, scheme: str) -> None:
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


def test_reading_needs_no_credentials_and_ignores_wrong_ones(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    for path in (f"/original/{id}", f"/info/{id}", f"/derived/{id}-9x9.jpg", "/healthz", "/readyz", "/openapi.json"):
        assert served.get(path).status == 200
        assert served.get(path, Authorization="Bearer wrong").status == 200


def test_an_invalid_id_is_refused_before_credentials_are_checked(served: Served, photo: bytes) -> None:
    assert served.request("PUT", "/original/a%2fb", {}, photo).status == 400


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
def test_without_users_and_tokens_writing_is_disabled(closed: Served, photo: bytes, method: str, path: str) -> None:
    for credentials in (None, f"Bearer {TOKEN}", basic(USER, PASSWORD), basic("", "")):
        response = asked_as(closed, method, path, credentials, photo)
        assert response.status == 403
        assert response["Cache-Control"] == "no-store"
        assert method == "HEAD" or "PYMAGER_USERS" in response.json["detail"]


def test_without_users_and_tokens_reading_works(closed: Served) -> None:
    assert closed.get("/original/nobody").status == 404
    assert closed.get("/healthz").status == 200
