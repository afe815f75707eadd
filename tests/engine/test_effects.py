"""Trim, smart crops and watermarks in the pipeline, with orientations, reduced JPEGs and damaged overlays."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pymager.engine import overlay as overlay_module
from pymager.engine.jobs import Overlay, RenderJob
from pymager.errors import Undecodable, WatermarkChanged
from pymager.formats import Encoding
from pymager.variants.variant import Variant
from tests.engine import handmade
from tests.engine.checks import BLUE, GREEN, RED, TURNS, WHITE, four_colors
from tests.engine.rendering import job_rendered, near, opened, quadrants, rendered
from tests.engine.subjects import Scene, scene
from tests.pictures import encoded, jpeg


def stored(upright: Image.Image, orientation: int, format: str = "PNG", **options: Any) -> bytes:
    """A file that shows the upright picture by its EXIF orientation."""
    turn = TURNS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = upright if turn is None else upright.transpose(turn)
    return encoded(turned, format, exif=exif.tobytes(), **options)


def framed(left: int = 30, top: int = 10, right: int = 20, bottom: int = 40) -> Image.Image:
    """Four colors of 64x32 in a border of light gray."""
    picture = Image.new("RGB", (64 + left + right, 32 + top + bottom), (200, 200, 200))
    picture.paste(four_colors(), (left, top))
    return picture


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_trim_removes_the_border_of_the_upright_picture(format: str, orientation: int) -> None:
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {}
    found = opened(rendered(stored(framed(), orientation, format, **options), 64, 0, trim=24))
    if format == "PNG":
        assert found.size == (64, 32)
    assert near(quadrants(found.convert("RGB").resize((64, 32))), (RED, GREEN, BLUE, WHITE), 8)


@pytest.mark.parametrize("orientation", TURNS)
def test_the_top_left_pixel_is_that_of_the_upright_picture_after_the_crop(orientation: int) -> None:
    """A white border in a black one that is cropped away; the corner of the white one is black too."""
    picture = Image.new("RGB", (100, 80), "black")
    picture.paste("white", (10, 10, 90, 70))
    picture.putpixel((10, 10), (0, 0, 0))
    picture.paste(RED, (30, 20, 70, 60))
    data = stored(picture, orientation)
    assert opened(rendered(data, 500, 0, trim=0, crop="10,10,80,60")).size == (80, 60)
    assert opened(rendered(data, 500, 0, trim=0, crop="11,11,79,59")).size == (40, 40)
    assert opened(rendered(data, 500, 0, trim=0, rotate=90)).size == (60, 80)


def test_trim_sees_every_pixel_of_a_jpeg() -> None:
    """A line of one pixel would vanish in a JPEG that is decoded at an eighth of its size."""
    picture = Image.new("L", (800, 800), 255)
    picture.paste(0, (400, 100, 401, 700))
    found = opened(rendered(encoded(picture, "JPEG", quality=95), 0, 50, trim=100))
    assert found.size == (1, 50)


def test_a_picture_that_is_all_border_stays_whole() -> None:
    assert opened(rendered(encoded(Image.new("RGB", (50, 40), RED), "PNG"), 500, 0, trim=255)).size == (50, 40)


def test_trim_comes_before_fit_and_smart() -> None:
    """The subject is at the right end of the content, which is in the left half of the picture."""
    content = scene("saturated", "textured", (960, 480), (1.0, 0.0), 3).picture
    picture = Image.new("RGB", (2_200, 700), "white")
    picture.paste(content, (100, 100))
    data = encoded(picture, "PNG")
    found = np.asarray(opened(rendered(data, 120, 120, trim=3, gravity="smart")).convert("HSV"))
    centered = np.asarray(opened(rendered(data, 120, 120, trim=3)).convert("HSV"))
    assert (found[:, :, 1] > 200).sum() > 300
    assert (centered[:, :, 1] > 200).sum() == 0
    assert max(found[:, :, 2].min(axis=axis).max() for axis in (0, 1)) < 250  # no white row or column of the border


@functools.cache
def _stored_scene(format: str, orientation: int) -> tuple[Scene, bytes]:
    found = scene("saturated", "textured", (1_920, 960), (1.0, 0.5), 4)
    return found, stored(found.picture, orientation, format)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("options", [{}, {"rotate": 90}, {"flip": "h"}, {"crop": "20p,0p,80p,100p"}])
def test_a_smart_crop_shows_the_subject_whatever_turns_the_picture(
    format: str, orientation: int, options: dict[str, Any]
) -> None:
    found, data = _stored_scene(format, orientation)
    saturation = np.asarray(opened(rendered(data, 120, 120, gravity="smart", **options)).convert("HSV"))[:, :, 1]
    left, top, right, bottom = found.subject
    shown = (right - left) * (bottom - top) * 0.78 / 64  # an ellipse, at an eighth of its size
    assert (saturation > 190).sum() > 0.9 * shown


def test_a_smart_crop_of_a_large_jpeg_is_decoded_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    original = Image.Image.resize

    def resize(picture: Image.Image, *args: Any, **options: Any) -> Image.Image:
        sizes.append(picture.size)
        return original(picture, *args, **options)

    monkeypatch.setattr(Image.Image, "resize", resize)
    found = scene("saturated", "flat", (3_200, 1_600), (1.0, 0.5), 4)
    picture = opened(rendered(encoded(found.picture, "JPEG"), 100, 100, "jpeg", gravity="smart"))
    assert max(sizes, default=(0, 0)) <= (400, 200)
    assert (np.asarray(picture.convert("HSV"))[:, :, 1] > 190).sum() > 100


DRAWING = b"""<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200">
<rect x="300" y="80" width="60" height="60" fill="#0000dc"/></svg>"""


def test_an_svg_is_trimmed_and_cropped_by_its_pixels() -> None:
    trimmed = opened(rendered(DRAWING, 500, 0, trim=0))
    assert trimmed.size == (60, 60)
    assert near(trimmed.convert("RGBA").getpixel((30, 30)), (0, 0, 220, 255), 1)
    assert opened(rendered(DRAWING, 600, 0, trim=0, enlarge=True)).size == (600, 600)
    found = np.asarray(opened(rendered(DRAWING, 200, 200, gravity="smart")))
    assert (found[:, :, 3] == 255).sum() == 60 * 60
    assert (np.asarray(opened(rendered(DRAWING, 200, 200)).convert("RGBA"))[:, :, 3] == 255).sum() == 0


def test_gray_is_stored_in_one_channel_where_the_format_can() -> None:
    for format in ("png", "jpeg", "tiff"):
        assert opened(rendered(jpeg(64, 48), 32, 24, format, gray=True)).mode == "L"
    clear = encoded(Image.new("RGBA", (64, 48), (0, 0, 255, 100)), "PNG")
    assert opened(rendered(clear, 32, 24, gray=True)).getpixel((5, 5)) == (76, 76, 76, 100)


def test_a_plain_copy_is_not_sent_for_a_variant_with_an_effect() -> None:
    data = encoded(Image.new("RGB", (40, 20), BLUE), "PNG")
    assert rendered(data, 40, 20) is None
    for options in ({"gray": True}, {"blur": 1.0}, {"sharpen": 1.0}, {"trim": 0}, {"gravity": "smart"}):
        assert rendered(data, 40, 20, **options) is not None  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    overlay_module._cache.cache_clear()
    yield
    overlay_module._cache.cache_clear()


def overlay(folder: Path, data: bytes, revision: str = "r", **options: Any) -> Overlay:
    path = folder / f"overlay-{revision}"
    path.write_bytes(data)
    drawn = {"gravity": "northwest", "scale": 0.5, "opacity": 1.0, "margin": 0} | options
    return Overlay(str(path), revision, **drawn)


def drawn(drawn: Overlay, format: str = "png", **options: Any) -> Image.Image:
    """A black picture of 128x64 with an overlay."""
    base = encoded(Image.new("RGB", (256, 128)), "PNG")
    return opened(job_rendered(base, RenderJob(Variant(128, 64, format, **options), Encoding(), overlay=drawn)))


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_an_overlay_keeps_its_own_orientation(tmp_path: Path, format: str, orientation: int) -> None:
    data = stored(four_colors(256, 128), orientation, format)
    found = drawn(overlay(tmp_path, data)).convert("RGB")
    assert near(quadrants(found.crop((0, 0, 32, 16))), (RED, GREEN, BLUE, WHITE), 8)
    assert found.getpixel((33, 8)) == found.getpixel((16, 17)) == (0, 0, 0)


def test_an_overlay_keeps_its_own_profile_and_alpha(tmp_path: Path) -> None:
    profile = handmade.matrix_profile(handmade.SRGB_RED, handmade.SRGB_GREEN, handmade.SRGB_BLUE, 1.0)
    data = encoded(Image.new("RGBA", (40, 20), (55, 55, 55, 128)), "PNG", icc_profile=profile)
    assert near(drawn(overlay(tmp_path, data)).convert("RGB").getpixel((10, 5)), (64, 64, 64), 2)
    half = overlay(tmp_path, data, opacity=0.5)
    assert near(drawn(half).convert("RGB").getpixel((10, 5)), (32, 32, 32), 2)


def test_the_first_frame_of_an_animated_overlay_is_drawn(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 20), color) for color in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert near(drawn(overlay(tmp_path, data)).convert("RGB").getpixel((10, 5)), RED, 4)


def test_a_colored_overlay_stays_colored_on_a_gray_variant(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (40, 20), RED), "PNG")
    found = drawn(overlay(tmp_path, data), gray=True)
    assert (found.mode, found.getpixel((10, 5)), found.getpixel((60, 50))) == ("RGB", RED, (0, 0, 0))


def test_a_huge_overlay_is_decoded_at_a_fraction_of_its_size(tmp_path: Path) -> None:
    found = drawn(overlay(tmp_path, encoded(four_colors(4_096, 2_048), "JPEG"))).convert("RGB")
    assert near(quadrants(found.crop((0, 0, 32, 16))), (RED, GREEN, BLUE, WHITE), 8)


def test_an_svg_is_drawn_in_the_size_of_the_overlay(tmp_path: Path) -> None:
    """At 32 of 400 pixels, the rectangle is 4.8 pixels wide, from (24, 6.4) on; nothing is blurred beyond them."""
    blue = np.asarray(drawn(overlay(tmp_path, DRAWING)).convert("RGB"))[:, :, 2]
    assert near(blue[7:11, 24:28], 220, 1)
    assert near(blue.sum() / 220, 4.8 * 4.8, 1)
    assert (blue > 0).sum() == 5 * 6


def test_an_overlay_is_decoded_once_for_each_size(tmp_path: Path) -> None:
    logo = overlay(tmp_path, encoded(four_colors(), "PNG"))
    first = drawn(logo)
    Path(logo.file).unlink()
    assert drawn(logo).tobytes() == first.tobytes()
    other = overlay(tmp_path, encoded(Image.new("RGB", (40, 20), RED), "PNG"), "other")
    assert drawn(other).tobytes() != first.tobytes()


def test_the_cache_of_overlays_is_bounded_and_drops_the_least_recently_used() -> None:
    cache = overlay_module.Cache(250)
    for name in "ab":
        cache.put(name, Image.new("RGBA", (10, 10)), (0, 0, 10, 10))
    cache.get("a")
    cache.put("c", Image.new("RGBA", (10, 10)), (0, 0, 10, 10))
    cache.put("large", Image.new("RGBA", (100, 10)), (0, 0, 10, 10))
    assert [name for name in ("a", "b", "c", "large") if cache.get(name)] == ["a", "c"]
    cache.put("d", Image.new("RGBA", (15, 16)), (0, 0, 10, 10))
    assert [name for name in "acd" if cache.get(name)] == ["d"]


def test_an_overlay_whose_file_is_gone_has_changed(tmp_path: Path) -> None:
    gone = Overlay(str(tmp_path / "gone"), "r", "center", 0.5, 1.0, 0)
    with pytest.raises(WatermarkChanged):
        drawn(gone)


@pytest.mark.parametrize("data", [b"", b"no picture", jpeg(64, 48)[:300]])
def test_an_overlay_that_cannot_be_decoded_is_named_as_the_cause(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Undecodable, match="the watermark cannot be drawn; the operator should check its picture: "):
        drawn(overlay(tmp_path, data))
