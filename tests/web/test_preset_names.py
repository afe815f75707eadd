"""The 404 for a preset that does not exist: it lists the presets, but only to users."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.served import PASSWORD, TOKEN, USER, Served, serving
from tests.web.test_credentials import basic

PATHS = [
    "/derived/cat@nope.jpg",  # the hot path
    "/derived/cat@nope.jpg?dpr=2",
    "/derived/c%61t@nope.jpg",  # the router
    "/derived/cat@Thumb.auto",
]
GUESSES = 60  # three times what a client can have at once


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("presets"), presets="thumb:20x20;hero-2:800x,q=70") as server:
        yield server


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("credentials", [basic(USER, PASSWORD), f"Bearer {TOKEN}"], ids=["Basic", "Bearer"])
def test_a_user_is_told_the_presets_that_exist(own: Served, path: str, credentials: str) -> None:
    response = own.get(path, Authorization=credentials)
    assert response.status == 404
    assert response.json["detail"].endswith("presets: hero-2, thumb.")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "",
        "Basic",
        "Bearer wrong",
        "Digest x",
        TOKEN,
        basic(USER, "wrong"),
        basic("nobody", PASSWORD),
        "Basic !!!",
    ],
    ids=lambda credentials: ascii(credentials)[:30],
)
def test_everyone_else_is_told_nothing_about_presets(own: Served, path: str, credentials: str | None) -> None:
    response = own.get(path) if credentials is None else own.get(path, Authorization=credentials)
    assert response.status == 404
    assert response.headers["WWW-Authenticate"] is None
    assert b"hero" not in response.body
    assert b"thumb" not in response.body
    assert "nope" in response.json["detail"] or "Thumb" in response.json["detail"]


def test_a_password_that_is_guessed_here_counts_as_anywhere(tmp_path: Path) -> None:
    with serving(tmp_path, presets="thumb:20x20") as server:
        for number in range(GUESSES):
            assert server.get("/derived/cat@nope.jpg", Authorization=basic(USER, f"guess {number}")).status == 404
        assert server.request("GET", "/original", {"Authorization": basic(USER, "another")}).status == 429
        assert b"thumb" in server.get("/derived/cat@nope.jpg", Authorization=basic(USER, PASSWORD)).body


def test_without_users_nobody_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, presets="thumb:20x20", users={}, tokens={}) as server:
        response = server.get("/derived/cat@nope.jpg", Authorization=basic(USER, PASSWORD))
        assert (response.status, b"thumb" in response.body) == (404, False)
