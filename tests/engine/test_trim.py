"""Borders of one color, compared with a plain search over all pixels."""

import numpy as np
import pytest
from PIL import Image

from pymager.engine import trim
from tests.pictures import photograph

MODES = ["L", "RGB", "RGBA", "CMYK"]


def content_box(
    picture: Image.Image, tolerance: int, area: tuple[int, int, int, int] | None = None
) -> tuple[int, int, int, int]:
    area = area or (0, 0, *picture.size)
    return trim.content_box(picture, tolerance, area, area[:2])


def searched(picture: Image.Image, tolerance: int) -> tuple[int, int, int, int]:
    """The box by the definition, pixel by pixel."""
    pixels = np.asarray(picture, int)
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    difference = np.abs(pixels - pixels[0, 0])
    if picture.mode == "RGBA":
        clear = (pixels[:, :, 3] == 0) | (pixels[0, 0, 3] == 0)
        difference[:, :, :3][clear] = 0
    differing = difference.max(axis=2) > tolerance
    rows, columns = np.flatnonzero(differing.any(axis=1)), np.flatnonzero(differing.any(axis=0))
    if not len(rows):
        return 0, 0, *picture.size
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("band_pixels", [1, 64, 1 << 20])
@pytest.mark.parametrize("mode", MODES)
def test_the_box_is_that_of_a_search_over_all_pixels(
    mode: str, band_pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trim, "_BAND_PIXELS", band_pixels)
    random = np.random.default_rng(7)
    bands = len(Image.new(mode, (1, 1)).getbands())
    for _ in range(60):
        width, height = random.integers(1, 24, 2)
        pixels = random.integers(118, 123, (height, width, bands))
        if mode == "RGBA" and random.random() < 0.7:
            pixels[:, :, 3] = random.choice([0, 1, 3, 255], (height, width))
        for _ in range(random.integers(0, 4)):
            pixels[random.integers(height), random.integers(width)] = random.integers(0, 256, bands)
        pixels = pixels.astype(np.uint8)
        picture = Image.frombytes(mode, (int(width), int(height)), pixels.tobytes())
        for tolerance in (0, 2, 4, 40, 254, 255):
            assert content_box(picture, tolerance) == searched(picture, tolerance)


@pytest.mark.parametrize("mode", MODES)
def test_a_border_on_any_side_is_removed(mode: str) -> None:
    content = photograph(60, 40, 5).convert(mode)
    for left, top, right, bottom in [
        (0, 0, 0, 0),
        (9, 0, 0, 0),
        (0, 7, 0, 0),
        (0, 0, 5, 0),
        (0, 0, 0, 3),
        (9, 7, 5, 3),
    ]:
        color = 3 if mode == "L" else (3, 3, 3, 3)[: len(content.getbands())]
        picture = Image.new(mode, (60 + left + right, 40 + top + bottom), color)
        picture.paste(content, (left, top))
        picture.putpixel((0, 0), color)
        expected = searched(picture, 10)
        assert content_box(picture, 10) == expected
        if left and top:
            assert expected == (left, top, left + 60, top + 40)


@pytest.mark.parametrize("corner", [(10, 10), (49, 10), (10, 29), (49, 29)])
def test_only_an_area_is_searched_with_the_color_of_one_of_its_corners(corner: tuple[int, int]) -> None:
    picture = Image.new("RGB", (60, 40), "red")
    picture.paste("white", (10, 10, 50, 30))
    picture.paste("blue", (15, 12, 45, 25))
    assert trim.content_box(picture, 0, (10, 10, 50, 30), corner) == (15, 12, 45, 25)
    assert trim.content_box(picture, 0, (0, 10, 50, 30), (0, 10)) == (10, 10, 50, 30)
    assert trim.content_box(picture, 0, (10, 10, 15, 30), (10, 10)) == (10, 10, 15, 30)


def test_the_tolerance_is_inclusive_and_counts_the_channel_that_differs_most() -> None:
    picture = Image.new("RGB", (20, 20), (100, 100, 100))
    picture.putpixel((10, 12), (95, 110, 101))
    assert content_box(picture, 9) == (10, 12, 11, 13)
    assert content_box(picture, 10) == (0, 0, 20, 20)


def test_two_fully_transparent_pixels_have_the_same_color() -> None:
    picture = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    picture.paste((0, 255, 0, 0), (5, 5, 15, 15))
    assert content_box(picture, 0) == (0, 0, 20, 20)
    picture.putpixel((9, 8), (255, 0, 0, 1))
    assert content_box(picture, 0) == (9, 8, 10, 9)
    assert content_box(picture, 1) == (0, 0, 20, 20)


def test_cielab_is_compared_as_rgb() -> None:
    """In Pillow's CIELAB, colors next to gray have a* and b* of 0 and 255."""
    picture = Image.frombytes("LAB", (4, 1), bytes([128, 0, 0, 128, 255, 255, 128, 0, 0, 20, 0, 0]))
    assert content_box(picture, 8) == (3, 0, 4, 1)


def test_a_large_picture_is_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    original = Image.Image.crop

    def crop(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
        sizes.append((box[2] - box[0]) * (box[3] - box[1]))
        return original(picture, box)

    monkeypatch.setattr(Image.Image, "crop", crop)
    picture = Image.new("L", (5_000, 4_000))
    picture.putpixel((2_500, 2_000), 255)
    assert content_box(picture, 0) == (2_500, 2_000, 2_501, 2_001)
    assert max(sizes) <= 1 << 20
    assert sum(sizes) <= 1.1 * 5_000 * 4_000  # no pixel is compared twice
