"""The routes of the web page: its files and their headers, and what `/` is without it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pymager.settings.model import Settings
from pymager.web import page
from tests.web.served import PASSWORD, USER, WRITER, Response, Served, serving
from tests.web.test_signatures import BASIC

FILES = sorted(path.name for path in page.FOLDER.iterdir() if path.name != page.INDEX)
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("off"), ui="off") as it:
        yield it


@pytest.mark.parametrize(
    ("host", "ui", "served"),
    [
        ("127.0.0.1", "auto", True),
        ("127.0.0.2", "auto", True),
        ("::1", "auto", True),
        ("localhost", "auto", True),
        ("0.0.0.0", "auto", False),
        ("::", "auto", False),
        ("192.0.2.1", "auto", False),
        ("img.example.org", "auto", False),
        ("0.0.0.0", "on", True),
        ("127.0.0.1", "off", False),
    ],
)
def test_the_page_is_served_where_the_setting_says_and_by_default_only_on_a_loopback_address(
    host: str, ui: Any, served: bool
) -> None:
    assert Settings(host=host, ui=ui).has_ui is served


def test_without_the_page_the_root_names_the_routes(off: Served) -> None:
    response = off.get("/")
    assert (response.status, response["Content-Type"]) == (200, "application/json")
    assert response.json["routes"]["info"] == "/info/{id}"
    assert off.head("/").status == 200
    for path in ("/ui/app.js", "/ui/config.json", "/ui/index.html"):
        assert off.get(path).status == 404


@pytest.mark.parametrize("path", ["/", *(f"/ui/{name}" for name in FILES)])
def test_every_file_has_its_type_a_validator_and_the_strict_policy(served: Served, path: str) -> None:
    response = served.get(path)
    assert response.status == 200
    suffix = path.rpartition(".")[2] if path != "/" else "html"
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert response["Content-Type"].partition(";")[0] == types[suffix]
    found = dict(each.strip().split(" ", 1) for each in response["Content-Security-Policy"].split(";"))
    assert found == POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cache-Control"] == "no-cache"
    again = served.get(path, If_None_Match=response["ETag"])
    assert (again.status, again.body, again["ETag"]) == (304, b"", response["ETag"])
    head = served.head(path)
    assert (head.status, head.body, head["Content-Length"]) == (200, b"", str(len(response.body)))
    assert served.get(path, If_Match='"other"').status == 412


def test_nothing_in_the_files_is_inline_or_comes_from_elsewhere() -> None:
    texts = {path.name: path.read_text("utf-8") for path in page.FOLDER.iterdir()}
    index = texts[page.INDEX]
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", index)
    for name, text in texts.items():
        addresses = set(re.findall(r"https?://[^\s\"')<>]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses <= {"https://evanw.github.io/thumbhash/"}, name
        assert not re.search(r"(inner|outer|Adjacent)HTML|document\.write|\beval\(|new Function", text), name
        for imported in re.findall(r'from "\./([^"]+)"', text):
            assert imported in texts


@pytest.mark.parametrize("path", ["/ui/nothing.js", "/ui/", "/ui/..%2fpage.py", "/ui/%2e%2e/page.py", "/ui/index.html"])
def test_only_the_files_of_the_page_are_served(served: Served, path: str) -> None:
    assert served.get(path).status == 404


def test_the_folder_has_only_files_of_known_kinds() -> None:
    assert {path.suffix for path in page.FOLDER.iterdir()} == {".html", ".css", ".js", ".svg"}
    assert all(path.stat().st_size < 20_000 for path in page.FOLDER.iterdir())


def test_what_the_settings_name_is_told_only_with_valid_credentials(tmp_path: Path, log: list[dict[str, Any]]) -> None:
    with serving(tmp_path, presets="card:40x30", watermarks="logo:image=brand", sizes="80x60") as named:
        public = named.get("/ui/config.json").json
        assert public["user"] is None
        assert not {"presets", "watermarks", "sizes"} & public.keys()
        assert {"extension": "jpg", "type": "image/jpeg", "quality": True} in public["formats"]
        for headers, user in ((BASIC, USER), (WRITER, "tests")):
            response = named.request("GET", "/ui/config.json", headers)
            assert response["Cache-Control"] == "private, no-store"
            assert response.json["user"] == user
            assert response.json["presets"] == ["card"]
            assert response.json["watermarks"] == ["logo"]
        wrong = named.get("/ui/config.json", Authorization="Bearer wrong")
        assert (wrong.status, wrong.json["detail"]) == (401, "The bearer token is wrong.")


def challenge(response: Response) -> str:
    assert response.status == 401
    return response["WWW-Authenticate"]


def test_a_script_that_names_itself_gets_no_challenge_for_basic(served: Served) -> None:
    headers = {"Authorization": "Basic eDp5"}
    assert challenge(served.request("GET", "/original", headers)).startswith("Basic ")
    script = headers | {"X-Requested-With": "XMLHttpRequest"}
    assert challenge(served.request("GET", "/original", script)) == 'Bearer realm="pymager"'


def test_no_password_is_in_what_the_page_is_told(served: Served) -> None:
    assert PASSWORD.encode() not in served.request("GET", "/ui/config.json", BASIC).body
