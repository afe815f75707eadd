"""URLs that are made without a server."""

from typing import Any

import pytest

from pymager_client import AsyncClient, Client, InvalidArgument, PictureUrls, PymagerError

URLS = PictureUrls("https://img.example.org/pictures/")


@pytest.mark.parametrize(
    ("arguments", "options", "path"),
    [
        ((800, 600), {}, "cat-800x600.jpg"),
        ((800,), {}, "cat-800x.jpg"),
        ((None, 600, "WEBP"), {}, "cat-x600.webp"),
        ((800, 600, "jpeg"), {}, "cat-800x600.jpg"),
        ((), {"preset": "thumb"}, "cat@thumb.jpg"),
        ((), {"preset": "thumb", "dpr": 2, "format": "auto"}, "cat@thumb.auto?dpr=2"),
        ((8, 6), {"q": 70, "fit": "inside"}, "cat-8x6.jpg?fit=inside&q=70"),
        ((8, 6), {"fit": "cover", "gravity": "center", "dpr": 1.0, "rotate": 0, "gray": False}, "cat-8x6.jpg"),
        ((8, 6), {"enlarge": False, "animated": False, "frame": 0}, "cat-8x6.jpg?enlarge=false&animated=false&frame=0"),
        ((8, 6), {"gravity": (1 / 3, 0.5)}, "cat-8x6.jpg?gravity=0.333,0.5"),
        ((8, 6), {"crop": (0, 1, 2, 3), "bg": "FF00ff"}, "cat-8x6.jpg?bg=ff00ff&crop=0,1,2,3"),
        ((8, 6), {"blur": 2.50, "sharpen": 10, "dpr": 1.25}, "cat-8x6.jpg?dpr=1.25&blur=2.5&sharpen=10"),
        ((8, 6), {"watermark": "brand", "flip": "hv", "trim": 0}, "cat-8x6.jpg?trim=0&flip=hv&watermark=brand"),
        ((8, 6), {"v": "a b&c=é+"}, "cat-8x6.jpg?v=a%20b%26c%3D%C3%A9%2B"),
        ((8, 6), {"q": None}, "cat-8x6.jpg"),
    ],
)
def test_one_picture_has_one_url(arguments: tuple[Any, ...], options: dict[str, Any], path: str) -> None:
    assert URLS.variant_url("cat", *arguments, **options) == f"https://img.example.org/pictures/derived/{path}"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        ((0,), {}),
        ((-1,), {}),
        ((True,), {}),
        (("8",), {}),
        ((10**9,), {}),
        ((8, 6, "jp/g"), {}),
        ((8, 6), {"preset": "thumb"}),
        ((), {"preset": "thumb", "q": 70}),
        ((), {"preset": "a.b"}),
        ((8, 6), {"quality": 70}),
        ((8, 6), {"q": "70"}),
        ((8, 6), {"q": True}),
        ((8, 6), {"gray": 1}),
        ((8, 6), {"dpr": float("nan")}),
        ((8, 6), {"blur": float("inf")}),
        ((8, 6), {"blur": -1}),
        ((8, 6), {"gravity": (0.5,)}),
        ((8, 6), {"crop": (1, 2, 3)}),
        ((8, 6), {"crop": (1, 2, 3, 0.5)}),
        ((8, 6), {"fit": 1}),
    ],
)
def test_what_no_server_accepts_is_refused(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        URLS.variant_url("cat", *arguments, **options)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, PymagerError)


@pytest.mark.parametrize("id", ["", "a/b", "..", "a?b", "a#b", "a b", "a@b", "a%20b", "a\nb", "\ud800", "é" * 101])
def test_what_cannot_be_an_id_is_refused(id: str) -> None:
    for call in (URLS.original_url, URLS.info_url, lambda id: URLS.variant_url(id, 8)):
        with pytest.raises(InvalidArgument, match="id:"):
            call(id)


def test_both_spellings_of_an_accent_have_one_url() -> None:
    assert URLS.info_url("cafe\u0301") == URLS.info_url("café") == f"{URLS.base_url}/info/caf%C3%A9"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "img.example.org",
        "ftp://a",
        "http://",
        "http:///path",
        "http://a?b",
        "http://a/#b",
        "http://a b",
        "http://a:port",
        "http://[::1",
        "http://user:secret@a",
        "http://é.example",
    ],
)
def test_a_wrong_base_url_is_refused_without_showing_it(url: str) -> None:
    for kind in (PictureUrls, Client, AsyncClient):
        with pytest.raises(InvalidArgument, match="base_url") as caught:
            kind(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://[::1]:8443/", "HTTPS://IMG.example.org/a/b%20c//"])
def test_a_base_url_can_have_a_port_and_a_prefix(url: str) -> None:
    assert PictureUrls(url).original_url("cat") == f"{url.rstrip('/')}/original/cat"


def test_a_srcset_needs_widths_and_no_dpr() -> None:
    with pytest.raises(InvalidArgument):
        URLS.srcset("cat", [])
    with pytest.raises(InvalidArgument):
        URLS.srcset("cat", [400], dpr=2)
    assert URLS.srcset("cat", [400], q=70) == f"{URLS.base_url}/derived/cat-400x.jpg?q=70 400w"


@pytest.mark.parametrize(
    "options",
    [
        {"username": "a"},
        {"password": "a"},
        {"username": "a:b", "password": "secret"},
        {"username": "a", "password": "secret", "token": "b"},
        {"token": "sec ret"},
        {"token": "secret\r\nHost: b"},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"deadline": -1},
        {"max_attempts": 0},
    ],
)
def test_wrong_options_of_a_client_are_refused_without_showing_secrets(options: dict[str, Any]) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(InvalidArgument) as caught:
            kind("http://a", **options)
        assert "secret" not in str(caught.value)
