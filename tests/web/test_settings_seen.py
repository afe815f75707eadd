"""Settings as a client sees them: sizes, Cache-Control, CORS, input formats."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.pictures import encoded, photograph
from tests.web.served import Served, serving


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(
        tmp_path_factory.mktemp("narrow"),
        sizes="100x100,80x60",
        input_formats="png,webp",
        cache_control="private, max-age=7",
        cors_origin="",
        background="#ff0000",
    ) as server:
        yield server


@pytest.fixture(scope="module")
def png() -> bytes:
    return encoded(photograph(40, 30), "PNG")


def test_only_listed_sizes_are_allowed(narrow: Served, png: bytes) -> None:
    id = narrow.upload(png)
    assert narrow.get(f"/derived/{id}-100x100.jpg").status == 200
    assert narrow.get(f"/derived/{id}-80x60.jpg").status == 200
    for size in ("60x80", "101x100", "40x30", "1x1"):
        response = narrow.get(f"/derived/{id}-{size}.jpg")
        assert response.status == 403
        assert "80x60, 100x100" in response.json["detail"]
        assert response["Cache-Control"] == "no-store"


def test_a_size_is_refused_even_without_an_original(narrow: Served) -> None:
    assert narrow.get("/derived/nobody-1x1.jpg").status == 403


def test_only_input_formats_are_accepted(narrow: Served, photo: bytes, png: bytes) -> None:
    response = narrow.put("a-jpeg", photo)
    assert response.status == 400
    assert len(response.json["detail"]) > 20
    assert narrow.put("a-png", png).status == 201


def test_pictures_have_the_configured_cache_control(narrow: Served, png: bytes) -> None:
    id = narrow.upload(png)
    for path in (f"/original/{id}", f"/info/{id}", f"/derived/{id}-80x60.jpg"):
        first = narrow.get(path)
        assert first["Cache-Control"] == "private, max-age=7"
        assert narrow.get(path, If_None_Match=first["ETag"])["Cache-Control"] == "private, max-age=7"


def test_the_background_is_behind_transparency_that_the_output_lacks(narrow: Served) -> None:
    id = narrow.upload(encoded(Image.new("RGBA", (40, 30), (0, 0, 0, 0)), "PNG"))
    picture = Image.open(io.BytesIO(narrow.get(f"/derived/{id}-80x60.bmp").body)).convert("RGB")
    assert picture.getpixel((40, 30)) == (255, 0, 0)


def test_cross_origin_reads_are_allowed_unless_switched_off(served: Served, narrow: Served, png: bytes) -> None:
    for server, expected in ((served, "*"), (narrow, None)):
        id = server.upload(png)
        for path in (f"/original/{id}", f"/info/{id}", f"/derived/{id}-80x60.jpg"):
            first = server.get(path, Origin="https://else.example")
            assert first.headers["Access-Control-Allow-Origin"] == expected
            again = server.get(path, Origin="https://else.example", If_None_Match=first["ETag"])
            assert again.status == 304
            assert again.headers["Access-Control-Allow-Origin"] == expected


def test_a_preflight_allows_reads_and_nothing_else(served: Served, narrow: Served) -> None:
    asking = {"Origin": "https://else.example", "Access-Control-Request-Method": "GET"}
    for path in ("/original/a", "/info/a", "/derived/a-9x9.jpg"):
        response = served.request("OPTIONS", path, asking)
        assert response["Access-Control-Allow-Origin"] == "*"
        assert set(response["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        assert "If-None-Match" in response["Access-Control-Allow-Headers"]
        closed = narrow.request("OPTIONS", path, asking)
        assert closed.status == 204
        assert not [name for name in closed.headers if name.startswith("Access-Control-")]


def test_a_configured_origin_is_the_only_one(folder: Any, png: bytes) -> None:
    with serving(folder, cors_origin="https://shop.example") as server:
        id = server.upload(png)
        for origin in ("https://shop.example", "https://else.example"):
            response = server.get(f"/original/{id}", Origin=origin)
            assert response["Access-Control-Allow-Origin"] == "https://shop.example"
