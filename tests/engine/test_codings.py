"""How JPEG and AVIF variants are coded: Huffman tables, scans, and the resolution of colors."""

from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pymager.engine.recipe import recipe
from pymager.formats import FORMATS, Encoding
from tests.engine.rendering import opened, rendered
from tests.pictures import encoded, photograph

CODINGS = ("baseline", "optimized", "progressive")
SUBSAMPLINGS = ("4:2:0", "4:4:4")
_PROGRESSIVE_FRAME = b"\xff\xc2"  # SOF2, ITU-T T.81 table B.1


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encoded(photograph(400, 300), "PNG")


def noise(width: int, height: int) -> bytes:
    """The picture that compresses worst: every sample is the darkest or the brightest."""
    samples = np.random.default_rng(1).integers(0, 2, (height, width, 3), dtype=np.uint8) * 255
    return encoded(Image.fromarray(samples), "PNG", compress_level=1)


def red_lines() -> bytes:
    picture = Image.new("RGB", (120, 90), "#00f")
    draw = ImageDraw.Draw(picture)
    for x in range(0, 120, 3):
        draw.line((x, 0, x, 90), fill="#f00")
    return encoded(picture, "PNG")


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).mean())


def test_every_coding_of_a_jpeg_has_the_same_pixels_and_is_smaller_than_baseline(photo: bytes) -> None:
    found = [rendered(photo, 300, 200, "jpeg", jpeg_coding=coding) for coding in CODINGS]
    baseline, *others = [opened(data) for data in found]
    assert all(np.array_equal(baseline, other) for other in others)
    sizes = [len(data) for data in found if data]
    assert max(sizes[1:]) < sizes[0]
    assert [_PROGRESSIVE_FRAME in data for data in found if data] == [False, False, True]


@pytest.mark.parametrize(("coding", "subsampling"), list(product(CODINGS, SUBSAMPLINGS)))
@pytest.mark.parametrize("size", [(320, 240), (5, 1500), (1500, 5), (17, 33), (1, 1)])
def test_noise_can_be_written_in_every_coding(size: tuple[int, int], coding: str, subsampling: str) -> None:
    """Pillow's own buffer is too small for it."""
    data = noise(*size)
    for quality in (1, 80, 95, 100):
        options = {"jpeg_quality": quality, "jpeg_coding": coding, "jpeg_subsampling": subsampling}
        assert opened(rendered(data, *size, "jpeg", **options)).size == size


@pytest.mark.parametrize("coding", CODINGS)
def test_a_coding_has_room_for_metadata(coding: str) -> None:
    exif = Image.Exif()
    exif[0x8298] = "Ada" * 10_000
    samples = np.random.default_rng(1).integers(0, 2, (240, 320, 3), dtype=np.uint8) * 255
    data = encoded(Image.fromarray(samples), "PNG", exif=exif.tobytes())
    options = {"jpeg_quality": 100, "jpeg_subsampling": "4:4:4", "keep_metadata": "copyright"}
    variant = rendered(data, 320, 240, "jpeg", jpeg_coding=coding, **options)
    assert variant is not None and b"Ada" in variant
    assert opened(variant).size == (320, 240)


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_colors_in_full_resolution_keep_colored_lines_sharp(format: str) -> None:
    data = red_lines()
    half, full = (
        opened(rendered(data, 120, 90, format, **{f"{format}_quality": 90, f"{format}_subsampling": subsampling}))
        for subsampling in SUBSAMPLINGS
    )
    original = opened(data)
    assert difference(full.convert("RGB"), original) < difference(half.convert("RGB"), original) / 3


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_gray_variants_are_the_same_with_every_resolution_of_colors(format: str, photo: bytes) -> None:
    half, full = (
        rendered(encoded(opened(photo).convert("L"), "PNG"), 90, 60, format, **{f"{format}_subsampling": subsampling})
        for subsampling in SUBSAMPLINGS
    )
    assert half == full


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_a_setting_that_came_later_leaves_the_recipe_of_its_default(format: str) -> None:
    output = FORMATS[format].output
    assert output is not None and output.later_settings
    assert not set(output.later_settings) & set(output.settings)
    changed = Encoding(**{f"{format}_subsampling": "4:4:4"})
    assert recipe(changed, format) != recipe(Encoding(), format)
    assert recipe(changed, "png") == recipe(Encoding(), "png")
