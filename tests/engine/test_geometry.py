"""Which part of the original a variant shows, and at what size."""

import io

import numpy as np
import pytest
from PIL import Image

from pymager.variants.geometry import Rectangle, jpeg_reduction, placement
from pymager.variants.variant import Variant
from tests.engine.checks import BLUE, GREEN, RED, WHITE, four_colors, oriented
from tests.engine.rendering import as_rgba, near, opened, quadrants, rendered
from tests.pictures import encoded, jpeg


def centered_crop(size: tuple[int, int], target: tuple[int, int]) -> Rectangle:
    return placement(Variant(*target, "png"), size, 1, 65_535).part


@pytest.mark.parametrize(
    ("size", "target", "crop"),
    [
        ((4000, 3000), (800, 600), (0, 0, 4000, 3000)),
        ((4000, 3000), (100, 100), (500, 0, 3500, 3000)),
        ((3000, 4000), (100, 100), (0, 500, 3000, 3500)),
        ((4000, 3000), (400, 100), (0, 1000, 4000, 2000)),
        ((101, 100), (50, 50), (0.5, 0, 100.5, 100)),  # half a pixel less on each side
        ((101, 100), (100, 100), (0, 0, 100, 100)),  # but whole pixels if nothing is scaled
        ((100, 103), (100, 100), (0, 1, 100, 101)),
        ((1, 65_537), (10, 10), (0, 32_768, 1, 32_769)),
        ((10, 10), (1000, 500), (0, 2.5, 10, 7.5)),
    ],
)
def test_a_variant_shows_the_part_around_the_center(
    size: tuple[int, int], target: tuple[int, int], crop: tuple[float, ...]
) -> None:
    assert centered_crop(size, target) == crop


def test_a_crop_is_always_inside_the_picture() -> None:
    sides = (1, 2, 3, 7, 99, 100, 101, 4_095, 65_500)
    for width, height in zip(sides, reversed(sides), strict=True):
        for wide in sides:
            for high in sides:
                left, top, right, bottom = centered_crop((width, height), (wide, high))
                assert 0 <= left < right <= width
                assert 0 <= top < bottom <= height


@pytest.mark.parametrize(("side", "factor"), [(4000, 1), (2001, 1), (2000, 2), (1001, 2), (1000, 4), (500, 8), (9, 8)])
def test_a_jpeg_is_decoded_as_small_as_the_variant_allows(side: int, factor: int) -> None:
    assert jpeg_reduction((0, 0, 4000, 4000), (side, side)) == factor


def test_cropped_parts_do_not_count_for_the_reduction() -> None:
    """A square variant of 4000x1000 shows 1000x1000 of it: for 500x500 the JPEG can be halved, no more."""
    assert jpeg_reduction(centered_crop((4000, 1000), (500, 500)), (500, 500)) == 2


def test_the_size_to_scale_to_is_the_size_before_the_orientation_is_applied() -> None:
    target = Variant(30, 20, "png")
    placed = [placement(target, (400, 300), number, 65_535) for number in range(1, 9)]
    assert [place.scaled_size for place in placed] == [(30, 20)] * 4 + [(20, 30)] * 4


def test_the_sides_are_cropped_evenly() -> None:
    """Ten stripes of ten pixels; the middle sixty pixels remain, which are the stripes 2 to 7."""
    picture = Image.new("RGB", (100, 60))
    for index in range(10):
        picture.paste((index * 20, 0, 0), (index * 10, 0, index * 10 + 10, 60))
    found = as_rgba(encoded(picture, "PNG"), 60, 60)
    assert [found.getpixel((x, 30)) for x in range(5, 60, 10)] == [(index * 20, 0, 0, 255) for index in range(2, 8)]
    smaller = as_rgba(encoded(picture, "PNG"), 30, 30)
    assert near([smaller.getpixel((x, 15)) for x in range(2, 30, 5)], [(i * 20, 0, 0, 255) for i in range(2, 8)], 2)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_picture_with_an_orientation_is_cropped_upright(format: str) -> None:
    """Upright, it is taller than wide, with blue and red above white and green; the middle square has all four."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(four_colors(640, 320), format, exif=exif.tobytes())
    assert near(quadrants(as_rgba(data, 16, 16).convert("RGB")), (BLUE, RED, WHITE, GREEN), 8)
    upper = as_rgba(oriented(6), 32, 64)
    assert near(upper.getpixel((8, 4)), (*BLUE, 255), 8)


@pytest.mark.parametrize("size", [(1, 65_537), (65_537, 1), (2, 2), (3, 20_000)])
@pytest.mark.parametrize("target", [(1, 1), (100, 100), (1000, 2), (2, 1000)])
def test_extreme_shapes_are_scaled_without_a_huge_intermediate_picture(
    size: tuple[int, int], target: tuple[int, int]
) -> None:
    for mode, color in (("RGB", (9, 99, 199)), ("L", 50), ("RGBA", (9, 99, 199, 120))):
        found = opened(rendered(encoded(Image.new(mode, size, color), "PNG"), *target))
        assert found.size == target
        assert near(
            found.convert("RGBA").getpixel((0, 0)), Image.new(mode, (1, 1), color).convert("RGBA").getpixel((0, 0)), 2
        )


@pytest.mark.parametrize("side", [1, 7, 8, 9, 15, 16, 17, 31, 63, 65, 127, 801, 1023])
def test_jpegs_of_every_size_are_reduced_to_every_size(side: int) -> None:
    data = encoded(four_colors(side, side + 2), "JPEG")
    for wanted in (1, 2, 3, side // 8 or 1, side // 4 or 1, side // 2 or 1, side, side + 1, 2 * side):
        assert opened(rendered(data, wanted, wanted, "jpeg")).size == (wanted, wanted)


def test_a_picture_is_enlarged_to_exactly_the_size() -> None:
    assert opened(rendered(jpeg(30, 20), 301, 199, "webp")).size == (301, 199)


@pytest.mark.parametrize("side", [400, 100, 50, 25, 12, 10, 1])
@pytest.mark.parametrize(
    ("format", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("TIFF", "LAB")],
)
def test_what_crop_leaves_out_does_not_show_at_the_edges(format: str, mode: str, side: int) -> None:
    """A dark square in a bright picture. Its edges are between the pixels of a reduced decode."""
    picture = Image.new("RGB", (400, 300), WHITE)
    picture.paste((20, 20, 20), (103, 51, 203, 151))
    if mode == "LAB":
        picture = Image.merge("LAB", (picture.getchannel("R"), Image.new("L", (400, 300)), Image.new("L", (400, 300))))
    picture = picture.quantize(2) if mode == "P" else picture.convert(mode)
    data = encoded(picture, format, **({"quality": 98} if format == "JPEG" else {}))
    alone = opened(rendered(data, side, side, crop="140,90,20,20")).convert("RGB").getpixel((0, 0))
    found = np.asarray(opened(rendered(data, side, side, crop="103,51,100,100")).convert("RGB"), dtype=int)
    ringing = 14 if format == "JPEG" else 1  # JPEG itself mixes pixels that are in one block
    assert np.abs(found - alone).max() <= ringing


def test_a_crop_of_one_column_has_its_color() -> None:
    picture = Image.new("RGB", (400, 300), WHITE)
    picture.paste(RED, (200, 0, 201, 300))
    found = opened(rendered(encoded(picture, "PNG"), 30, 20, crop="200,0,1,300", fit="fill"))
    assert found.getcolors() == [(600, RED)]


@pytest.mark.parametrize("side", [400, 33, 10])
def test_a_border_that_is_trimmed_does_not_show_at_the_edges(side: int) -> None:
    picture = Image.new("RGB", (400, 300), WHITE)
    picture.paste((20, 20, 20), (103, 51, 203, 151))
    found = opened(rendered(encoded(picture, "PNG"), side, side, trim=0))
    assert np.asarray(found.convert("RGB")).max() == 20


def test_what_crop_leaves_out_of_an_animation_does_not_show_at_the_edges() -> None:
    frames = [Image.new("RGB", (80, 60), WHITE) for _ in range(2)]
    for shade, frame in zip((20, 40), frames, strict=True):
        frame.paste((shade,) * 3, (20, 10, 60, 50))
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    found = Image.open(io.BytesIO(rendered(data, 15, 15, "png", crop="20,10,40,40", animated=True) or b""))
    for number, shade in enumerate((20, 40)):
        found.seek(number)
        assert np.asarray(found.convert("RGB")).max() == shade
