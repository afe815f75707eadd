"""Animations over HTTP: the options `animated` and `frame`, and the setting `PYMAGER_ANIMATED`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.engine import moving
from tests.web.served import Served, serving

FORMATS = {"gif": "image/gif", "webp": "image/webp", "png": "image/png", "avif": "image/avif"}
ALL_OPTIONS = "animated,frame=*,fit,gravity=*"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on which unsigned URLs can use the options."""
    limits = {"max_animation_pixels": 6 * 48 * 32, "max_animation_source_pixels": 6 * 96 * 64}
    with serving(tmp_path_factory.mktemp("moved"), options=ALL_OPTIONS, **limits) as served:
        yield served


def stored(served: Served, id: str) -> list[str]:
    """The names of the variants in the blob store."""
    return sorted(path.name for path in served.files_of(id) if "derived" in path.parts)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_an_animated_variant_moves_as_its_original(moved: Served, source: str, target: str) -> None:
    data = moving.original(source, alpha=True, plays=2)
    id = moved.upload(data)
    response = moved.get(f"/derived/{id}-48x32.{target}?animated=true")
    assert (response.status, response["Content-Type"]) == (200, FORMATS[target])
    film, original = moving.read(response.body), moving.read(data)
    assert film.plays == 2
    assert len(film.frames) == 6
    assert film.frames[0].shape == (32, 48, 4)
    assert abs(sum(film.milliseconds) - sum(original.milliseconds)) <= 5
    assert moved.get(f"/derived/{id}-48x32.{target}?animated=true", If_None_Match=response["ETag"]).status == 304


def test_what_cannot_move_is_the_plain_picture_and_the_same_object(moved: Served, photo: bytes) -> None:
    id, still = moved.upload(moving.original("gif", alpha=False, plays=0)), moved.upload(photo)
    for name in (f"{id}-48x32.jpg", f"{still}-48x32.webp", f"{still}-48x32.gif"):
        tags = {moved.get(f"/derived/{name}{query}")["ETag"] for query in ("", "?animated=true", "?animated=false")}
        assert len(tags) == 1
    assert stored(moved, id) == ["48x32.jpg"]
    assert stored(moved, still) == ["48x32.gif", "48x32.webp"]


def test_spellings_of_an_animation_are_one_object(moved: Served) -> None:
    id = moved.upload(moving.original("gif", alpha=False, plays=0))
    queries = ("animated=true", "animated=TRUE&v=2", "fit=cover&animated=true", "&animated=true&")
    assert len({moved.get(f"/derived/{id}-48x32.webp?{query}")["ETag"] for query in queries}) == 1
    assert stored(moved, id) == ["48x32_animated-true.webp"]


def test_one_frame_is_a_still_picture(moved: Served) -> None:
    data = moving.original("webp", alpha=True, plays=0)
    id = moved.upload(data)
    for number in (1, 5):
        response = moved.get(f"/derived/{id}-96x64.png?frame={number}")
        (frame,) = moving.read(response.body).frames
        assert np.array_equal(frame, moving.read(data).frames[number])
    assert moved.get(f"/derived/{id}-96x64.png?frame=0")["ETag"] == moved.get(f"/derived/{id}-96x64.png")["ETag"]
    assert stored(moved, id) == ["96x64.png", "96x64_frame-1.png", "96x64_frame-5.png"]


def test_errors_name_what_is_wrong(moved: Served) -> None:
    id = moved.upload(moving.original("gif", alpha=False, plays=0))
    cases = {
        "48x32.gif?animated=true&frame=1": (400, "frame"),
        "48x32.gif?animated=maybe": (400, "animated"),
        "48x32.jpg?frame=6": (404, "frame or page 6"),
        "48x32.jpg?frame=-1": (400, "frame"),
        "48x33.gif?animated=true": (422, "6 frames of 48x33"),
    }
    for name, (status, text) in cases.items():
        response = moved.get(f"/derived/{id}-{name}")
        assert (response.status, response["Content-Type"]) == (status, "application/problem+json"), name
        assert text in response.body.decode(), response.body
    assert stored(moved, id) == []


def test_an_original_with_too_many_pixels_in_all_frames_gives_single_frames_only(moved: Served) -> None:
    pictures = [moving.scene(number, alpha=False, size=(96, 65)) for number in range(6)]
    data = moving.encoded(pictures[0], "WEBP", save_all=True, append_images=pictures[1:], duration=50)
    id = moved.upload(data)
    response = moved.get(f"/derived/{id}-8x8.gif?animated=true")
    assert response.status == 422
    assert "6 frames of 96x65" in response.body.decode()
    assert moved.get(f"/derived/{id}-8x8.gif?frame=5").status == 200


def test_an_animation_with_a_damaged_frame_is_refused_and_its_first_frame_is_shown(moved: Served) -> None:
    parts = [moving.apng_part((0, 0, 12, 10), (200, 0, 0, 255)), moving.apng_part((0, 0, 4, 4), (0, 0, 9, 255))]
    id = moved.upload(moving.apng((12, 10), [parts[0], (parts[1][0], b"\x78\x9c\0\0\0\0\0\0")]))
    assert moved.get(f"/derived/{id}-12x10.png").status == 200
    response = moved.get(f"/derived/{id}-12x10.png?animated=true")
    assert response.status == 422
    assert "frame of the original cannot be decoded" in response.body.decode()


def test_without_the_options_an_unsigned_url_cannot_ask_for_them(served: Served) -> None:
    id = served.upload(moving.original("gif", alpha=False, plays=0))
    for query in ("animated=true", "frame=1"):
        response = served.get(f"/derived/{id}-48x32.gif?{query}")
        assert response.status == 403
        assert query.partition("=")[0] in response.body.decode()


def test_the_setting_makes_animations_the_default(folder: Path, photo: bytes) -> None:
    with serving(folder, animated=True, options=ALL_OPTIONS) as served:
        id = served.upload(moving.original("gif", alpha=False, plays=0))
        assert len(moving.read(served.get(f"/derived/{id}-48x32.webp").body).frames) == 6
        assert len(moving.read(served.get(f"/derived/{id}-48x32.webp?animated=false").body).frames) == 1
        assert len(moving.read(served.get(f"/derived/{id}-48x32.webp?frame=2").body).frames) == 1
        assert served.get(f"/derived/{id}-48x32.jpg").status == 200
        still = served.upload(photo)
        assert served.get(f"/derived/{still}-48x32.webp").status == 200
        assert stored(served, id) == [
            "48x32.jpg",
            "48x32.webp",
            "48x32_animated-true.webp",
            "48x32_frame-2.webp",
        ]
        assert stored(served, still) == ["48x32.webp"]


def test_the_pages_of_a_tiff_do_not_move(moved: Served) -> None:
    pages = [moving.scene(number, alpha=False) for number in range(3)]
    id = moved.upload(moving.encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert moved.get(f"/derived/{id}-96x64.gif?animated=true")["ETag"] == moved.get(f"/derived/{id}-96x64.gif")["ETag"]
    response = moved.get(f"/derived/{id}-96x64.png?frame=2")
    assert np.array_equal(moving.read(response.body).frames[0], moving.premultiplied(pages[2]))
    assert moved.get(f"/derived/{id}-96x64.png?frame=3").status == 404
