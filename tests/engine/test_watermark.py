"""Where an overlay is drawn, and how, compared with libvips."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from pymager.engine.watermark import draw, placement, with_opacity
from tests.engine.vips import channels, levels, to_vips
from tests.pictures import photograph

GRAVITIES = ["center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"]


def badge(width: int = 48, height: int = 32) -> Image.Image:
    """A colored picture whose alpha has all levels."""
    picture = photograph(width, height, 8)
    picture.putalpha(Image.radial_gradient("L").resize((width, height)))
    return picture


@pytest.mark.parametrize(
    ("gravity", "box"),
    [
        ("northwest", (16, 16, 166, 91)),
        ("north", (325, 16, 475, 91)),
        ("northeast", (634, 16, 784, 91)),
        ("west", (16, 262, 166, 337)),
        ("center", (325, 262, 475, 337)),
        ("east", (634, 262, 784, 337)),
        ("southwest", (16, 509, 166, 584)),
        ("south", (325, 509, 475, 584)),
        ("southeast", (634, 509, 784, 584)),
    ],
)
def test_an_overlay_keeps_its_margin_on_the_sides_that_it_is_at(gravity: str, box: tuple[int, int, int, int]) -> None:
    assert placement((800, 600), (400, 200), gravity, 0.25, 16) == box


@pytest.mark.parametrize(
    ("output", "overlay", "scale", "margin", "size"),
    [
        ((800, 600), (100, 200), 0.25, 16, (75, 150)),  # the longer side takes a quarter of 600
        ((600, 800), (200, 100), 0.25, 16, (150, 75)),
        ((800, 600), (30, 10), 1, 0, (600, 200)),
        ((800, 600), (30, 10), 1, 16, (600, 200)),  # there is room: 768 wide
        ((600, 600), (30, 10), 1, 16, (568, 189)),  # 189.3
        ((100, 1000), (10, 10), 1, 40, (50, 50)),  # the margin is a quarter of 100
        ((3, 3), (10, 10), 0.25, 16, (1, 1)),
        ((1, 1), (1, 5_000), 0.01, 1_000, (1, 1)),
        ((101, 200), (4, 2), 0.5, 0, (51, 25)),  # 50.5 and 25.25
        ((1000, 1000), (3, 1), 0.29, 0, (290, 97)),  # exactly 290: 0.29 is no binary fraction
    ],
)
def test_the_size_of_an_overlay_is_exact(
    output: tuple[int, int], overlay: tuple[int, int], scale: float, margin: int, size: tuple[int, int]
) -> None:
    left, top, right, bottom = placement(output, overlay, "center", scale, margin)
    assert (right - left, bottom - top) == size


def test_an_overlay_is_never_outside_of_the_picture() -> None:
    sides = (1, 2, 3, 17, 100, 4_096)
    for gravity, width, height, wide, high in product(GRAVITIES, sides, sides, sides, sides):
        for scale, margin in product((0.01, 0.25, 1), (0, 16, 5_000)):
            left, top, right, bottom = placement((width, height), (wide, high), gravity, scale, margin)
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height


@pytest.mark.parametrize("opacity", [1, 0.5, 0.2])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_blending_is_that_of_libvips(mode: str, opacity: float) -> None:
    picture = photograph(160, 120, 6)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    overlay = with_opacity(badge(), opacity)
    faded = to_vips(badge())
    faded = faded.extract_band(0, n=3).bandjoin(faded.extract_band(3) * opacity).copy(interpretation="srgb")
    expected = levels(to_vips(picture).composite2(faded, "over", x=100, y=70))[:, :, : len(mode)]
    difference = np.abs(channels(draw(picture, overlay, (100, 70))) - expected)
    visible = expected[:, :, -1] >= 16 if mode == "RGBA" else np.full(expected.shape[:2], True)
    assert difference[visible].max() <= 2
    assert difference[visible].mean() < 0.3


def test_a_gray_picture_becomes_colored_only_with_a_colored_overlay() -> None:
    picture = photograph(160, 120, 6).convert("L")
    colored, plain = badge(), badge().convert("LA").convert("RGBA")
    assert draw(picture, colored, (0, 0)).mode == "RGB"
    assert draw(picture, plain, (0, 0)).mode == "L"
    found = channels(draw(picture, plain, (3, 5)).convert("RGB"))
    expected = channels(draw(picture.convert("RGB"), plain, (3, 5)))
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_clear_overlay_changes_nothing_and_neither_do_its_hidden_colors(mode: str) -> None:
    picture = photograph(60, 40, 6).convert(mode)
    before = picture.tobytes()
    overlay = Image.new("RGBA", (20, 20), (255, 0, 255, 0))
    assert draw(picture, overlay, (10, 10)).convert(mode).tobytes() == before
    assert draw(picture, with_opacity(badge(20, 20), 0), (10, 10)).convert(mode).tobytes() == before
    assert picture.tobytes() == before
