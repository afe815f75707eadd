"""Blurring, sharpening and gray, compared with libvips."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pymager.engine.filters import blur, gray, sharpen
from tests.engine.vips import channels, levels, to_vips
from tests.pictures import photograph

SIGMAS = [0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3.3, 5, 7.9, 8, 10, 30, 100]


def see_through(seed: int = 3) -> Image.Image:
    """A photograph whose alpha goes from 0 to 255, and whose clear pixels hide a bright color."""
    picture = photograph(160, 120, seed)
    alpha = Image.radial_gradient("L").resize(picture.size).point([255 - min(255, 2 * level) for level in range(256)])
    hidden = Image.new("RGB", picture.size, (255, 0, 255))
    picture = Image.composite(picture, hidden, alpha.point([255 if level else 0 for level in range(256)]))
    picture.putalpha(alpha)
    return picture


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_blur_is_the_gaussian_of_libvips(mode: str, sigma: float) -> None:
    picture = photograph(160, 120, 1).convert(mode)
    expected = levels(to_vips(picture).gaussblur(sigma, min_ampl=0.001, precision="float"))
    difference = np.abs(channels(blur(picture, sigma)) - expected)
    assert difference.mean() < 0.3  # rounding alone is 0.25
    assert difference.max() < 1


@pytest.mark.parametrize("sigma", [0.3, 1, 4, 12, 60])
def test_a_blur_of_a_transparent_picture_is_that_of_premultiplied_colors(sigma: float) -> None:
    picture = see_through()
    image = to_vips(picture).premultiply().gaussblur(sigma, min_ampl=0.001, precision="float").unpremultiply()
    expected, found = levels(image), channels(blur(picture, sigma))
    assert np.abs(found[:, :, 3] - expected[:, :, 3]).max() < 1
    visible = expected[:, :, 3] >= 8
    assert np.abs(found - expected)[visible].mean() < 0.3
    assert np.abs(found - expected)[visible].max() < 1


def test_hidden_colors_do_not_show_at_the_edge_of_what_is_visible() -> None:
    picture = Image.new("RGBA", (40, 20), (255, 0, 255, 0))
    picture.paste((10, 20, 30, 255), (0, 0, 20, 20))
    for result in (blur(picture, 3), sharpen(picture, 3)):
        pixels = np.asarray(result)
        visible = pixels[pixels[:, :, 3] > 8]
        assert np.abs(visible[:, :3].astype(int) - (10, 20, 30)).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (17, 5)])
@pytest.mark.parametrize("sigma", [0.3, 9, 100])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_plain_picture_of_any_size_stays_as_it_is(mode: str, sigma: float, size: tuple[int, int]) -> None:
    color = {"L": 77, "RGB": (1, 99, 254), "RGBA": (1, 99, 254, 77)}[mode]
    picture = Image.new(mode, size, color)
    for result in (blur(picture, sigma), sharpen(picture, min(sigma, 10))):
        assert (result.mode, result.size) == (mode, size)
        assert result.tobytes() == picture.tobytes()


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1, 2, 5, 10])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_sharpening_adds_what_a_gaussian_takes_from_the_luma(mode: str, sigma: float) -> None:
    picture = photograph(160, 120, 2).convert(mode)
    image = to_vips(picture)
    luma = image if mode == "L" else image.recomb([[0.299, 0.587, 0.114]])
    luma = luma.cast("float")
    detail = luma - luma.gaussblur(sigma, min_ampl=0.001, precision="float")
    expected = np.clip(levels(image + detail), 0, 255)
    difference = np.abs(channels(sharpen(picture, sigma)) - expected)
    assert difference.mean() < 0.4  # Pillow's luma is rounded to a level
    assert difference.max() < 1.5


def test_sharpening_keeps_alpha_and_steepens_edges() -> None:
    picture = see_through()
    assert sharpen(picture, 2).getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    edge = Image.new("L", (40, 8), 100)
    edge.paste(150, (20, 0, 40, 8))
    edge = blur(edge, 1)
    before, after = np.asarray(edge, int)[4], np.asarray(sharpen(edge, 2), int)[4]
    assert after[20] - after[19] > before[20] - before[19]
    assert after.min() < 100
    assert after.max() > 150


def color_wheel() -> Image.Image:
    """All hues, dark to light, and gray: where formulas for the luminance differ most."""
    picture = Image.new("RGB", (360, 100))
    draw = ImageDraw.Draw(picture)
    for hue in range(360):
        for row in range(100):
            draw.point((hue, row), f"hsl({hue}, {100 - row}%, {row}%)")
    return picture


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gray_has_the_luminance_of_the_colors_as_in_libvips(mode: str) -> None:
    """Pillow's L, which weighs the encoded values by BT.601, differs from it by much more: saturated blue becomes
    lighter in linear light, and so on."""
    for picture in (color_wheel(), photograph(160, 120, 4)):
        expected = levels(to_vips(picture).colourspace("b-w"))[:, :, 0]
        found = np.asarray(gray(picture.convert(mode)).getchannel(0), int)
        assert np.abs(found - expected).max() <= 1
        assert np.abs(found - expected).mean() < 0.6
        assert np.abs(np.asarray(picture.convert("L"), int) - expected).mean() > 2 * np.abs(found - expected).mean()


def test_gray_keeps_shades_of_gray_and_alpha() -> None:
    ramp = Image.linear_gradient("L")
    assert gray(ramp.convert("RGB")).tobytes() == ramp.tobytes()
    assert gray(ramp) is ramp
    picture = see_through()
    found = gray(picture)
    assert found.mode == "RGBA"
    assert found.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    assert found.getchannel("R").tobytes() == found.getchannel("B").tobytes()
    assert gray(picture.convert("RGB")).mode == "L"
