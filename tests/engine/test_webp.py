"""Still WebP is decoded without Pillow's decoder of animations: both must agree."""

import io

import pytest
from PIL import Image, ImageFile

from pymager.engine import webp
from pymager.errors import PictureError
from tests.engine.rendering import inspected, rendered
from tests.pictures import encoded, photograph


def _with_alpha() -> Image.Image:
    picture = photograph(61, 47).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


PICTURES = {
    "lossy": encoded(photograph(61, 47), "WEBP", quality=70),
    "lossless": encoded(photograph(61, 47), "WEBP", lossless=True),
    "lossy with alpha": encoded(_with_alpha(), "WEBP", quality=70),
    "lossless with alpha": encoded(_with_alpha(), "WEBP", lossless=True),
    "lossless with colors below transparency": encoded(_with_alpha(), "WEBP", lossless=True, exact=True),
    "with metadata": encoded(photograph(61, 47), "WEBP", exif=Image.Exif().tobytes(), xmp=b"<x/>"),
    "one pixel": encoded(photograph(1, 1), "WEBP"),
}
FRAMES = [photograph(61, 47), photograph(61, 47).rotate(180)]
ANIMATED = encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], duration=100)


def _decoded(data: bytes) -> Image.Image | None:
    file = io.BytesIO(data)
    with Image.open(file) as picture:
        assert isinstance(picture, ImageFile.ImageFile)
        return webp.decode(picture, file)


@pytest.mark.parametrize("name", PICTURES)
def test_pixels_are_those_of_pillow(name: str) -> None:
    found = _decoded(PICTURES[name])
    assert found is not None
    with Image.open(io.BytesIO(PICTURES[name])) as expected:
        assert (found.mode, found.size) == (expected.mode, expected.size)
        assert found.tobytes() == expected.tobytes()
        assert expected.info.items() >= found.info.items()


def test_an_animation_is_left_to_pillow() -> None:
    assert _decoded(ANIMATED) is None


@pytest.mark.parametrize("name", PICTURES)
def test_a_cut_picture_is_left_to_pillow_and_refused(name: str) -> None:
    whole = PICTURES[name]
    image = whole.index(b"VP8L" if b"VP8L" in whole else b"VP8 ")
    data = whole[: image + (len(whole) - image) * 2 // 3]
    with pytest.raises(PictureError):
        inspected(data)


def test_a_picture_without_the_shared_library_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = rendered(PICTURES["lossy"], 30, 20)
    monkeypatch.setattr(webp, "library", lambda: None)
    assert _decoded(PICTURES["lossy"]) is None
    assert rendered(PICTURES["lossy"], 30, 20) == fast
