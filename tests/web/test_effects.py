"""Effects and watermarks over HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.subjects import scene
from tests.pictures import encoded
from tests.web.served import Response, Served, serving

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)


def opened(response: Response) -> Image.Image:
    assert response.status == 200, response.body
    return Image.open(io.BytesIO(response.body))


def plain(color: tuple[int, int, int], width: int = 120, height: int = 80) -> bytes:
    return encoded(Image.new("RGB", (width, height), color), "PNG")


WATERMARKS = "logo:image=brand,scale=0.5,margin=4;absent:image=nothing"


@pytest.fixture
def marking(folder: Path) -> Iterator[Served]:
    with serving(folder, options="*", watermarks=WATERMARKS, presets="hero:60x40,watermark=logo,gray=true") as server:
        yield server


@pytest.mark.parametrize(
    "query",
    ["trim=10", "blur=3", "sharpen=1.5", "gray=true", "gravity=smart", "trim=0&blur=0.3&gray=true&gravity=smart"],
)
@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_every_effect_works_in_a_url(folder: Path, query: str, extension: str) -> None:
    with serving(folder, options="*") as server:
        id = server.upload(encoded(scene("saturated", "textured", (960, 480), (1.0, 0.0), 1).picture, "JPEG"))
        path = f"/derived/{id}-60x60.{extension}?{query}"
        first = server.get(path)
        assert opened(first).size == (60, 60)
        assert first.body != server.get(f"/derived/{id}-60x60.{extension}").body
        assert server.get(path)["ETag"] == first["ETag"]


def test_effects_look_as_documented(folder: Path) -> None:
    with serving(folder, options="*") as server:
        framed = Image.new("RGB", (200, 150), "white")
        framed.paste(RED, (50, 40, 130, 100))
        id = server.upload(encoded(framed, "PNG"))
        assert opened(server.get(f"/derived/{id}-400x.png?trim=0")).size == (80, 60)
        assert opened(server.get(f"/derived/{id}-400x.png?trim=0&rotate=90")).size == (60, 80)
        gray = opened(server.get(f"/derived/{id}-60x40.png?gray=true"))
        assert gray.mode == "L"
        blurred = np.asarray(opened(server.get(f"/derived/{id}-60x40.png?blur=100")), int)
        assert blurred.std() < np.asarray(opened(server.get(f"/derived/{id}-60x40.png")), int).std() / 2


def test_a_watermark_is_drawn_and_follows_its_picture(marking: Served) -> None:
    id = marking.upload(plain(RED))
    path = f"/derived/{id}-60x40.png?watermark=logo"
    assert marking.put("brand", plain(BLUE, 40, 20)).status == 201
    first = marking.get(path)
    picture = opened(first)
    assert [picture.getpixel(at) for at in ((55, 35), (36, 26))] == [BLUE] * 2
    assert [picture.getpixel(at) for at in ((35, 35), (56, 35), (55, 36), (45, 25))] == [RED] * 4
    assert marking.get(path, If_None_Match=first["ETag"]).status == 304
    assert marking.put("brand", plain(GREEN, 40, 20)).status == 200
    second = marking.get(path, If_None_Match=first["ETag"])
    assert opened(second).getpixel((55, 35)) == GREEN
    assert len([file for file in marking.files_of(id) if "watermark-logo-" in file.name]) == 2


def test_a_preset_can_have_a_watermark_on_gray(marking: Served) -> None:
    marking.put("brand", plain(BLUE, 40, 20))
    picture = opened(marking.get(f"/derived/{marking.upload(plain(RED))}@hero.png"))
    assert picture.getpixel((55, 35)) == BLUE
    red, green, blue = picture.getpixel((5, 5))
    assert red == green == blue


def test_a_missing_watermark_is_409_with_a_sentence_and_is_not_cached(marking: Served) -> None:
    id = marking.upload(plain(RED))
    missing = marking.get(f"/derived/{id}-60x40.png?watermark=absent")
    assert (missing.status, missing["Cache-Control"]) == (409, "no-store")
    assert missing.json["detail"] == (
        "The picture of the watermark 'absent' does not exist; upload it with POST /original/nothing."
    )
    marking.put("brand", plain(BLUE))
    path = f"/derived/{id}-60x40.png?watermark=logo"
    assert marking.get(path).status == 200
    assert marking.delete("brand").status == 204
    assert marking.get(path).status == 409
    assert marking.put("brand", plain(BLUE)).status == 201
    assert marking.get(path).status == 200


def test_an_unknown_watermark_and_a_missing_picture_are_refused_first(marking: Served) -> None:
    unknown = marking.get("/derived/nobody-60x40.png?watermark=stamp")
    assert unknown.status == 400
    assert (
        "The option watermark takes the name of a watermark in PYMAGER_WATERMARKS, got 'stamp'"
        in unknown.json["detail"]
    )
    assert marking.get("/derived/nobody-60x40.png?watermark=absent").status == 404


def test_a_deleted_picture_with_a_watermark_is_gone(marking: Served) -> None:
    marking.put("brand", plain(BLUE))
    id = marking.upload(plain(RED))
    path = f"/derived/{id}-60x40.png?watermark=logo"
    assert marking.get(path).status == 200
    assert marking.delete(id).status == 204
    assert marking.get(path).status == 404


def test_a_picture_can_be_its_own_watermark(marking: Served) -> None:
    marking.put("brand", plain(BLUE))
    assert opened(marking.get("/derived/brand-60x40.png?watermark=logo")).getpixel((50, 30)) == BLUE
