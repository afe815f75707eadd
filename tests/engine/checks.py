"""How variants of certain pictures must look: each check expects numbers that follow from a specification.

`STEPS` names the pipeline step that each check depends on; a test leaves that step out and expects the check to fail.
"""

import struct
from collections.abc import Callable
from math import exp
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from pymager.engine import alpha, color, depth, effects, orient, overlay, pad, render
from pymager.engine.jobs import Overlay, RenderJob
from pymager.engine.step import Step
from pymager.formats import Encoding
from pymager.variants.variant import Variant
from tests.engine import handmade
from tests.engine.handmade import GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA
from tests.engine.rendering import as_rgba, job_rendered, near, opened, quadrants, rendered
from tests.pictures import encoded

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)

ORIENTATIONS = {
    1: (RED, GREEN, BLUE, WHITE),
    2: (GREEN, RED, WHITE, BLUE),
    3: (WHITE, BLUE, GREEN, RED),
    4: (BLUE, WHITE, RED, GREEN),
    5: (RED, BLUE, GREEN, WHITE),
    6: (BLUE, RED, WHITE, GREEN),
    7: (WHITE, GREEN, BLUE, RED),
    8: (GREEN, WHITE, RED, BLUE),
}
"""EXIF 2.3, tag 0x0112: how quarters in red, green / blue, white look upright, from top left to bottom right."""

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What was done to an upright picture that needs this orientation (EXIF 2.3, tag 0x0112)."""


def four_colors(width: int = 64, height: int = 32) -> Image.Image:
    picture = Image.new("RGB", (width, height))
    for shade, left, top in zip((RED, GREEN, BLUE, WHITE), (0, 1, 0, 1), (0, 0, 1, 1), strict=True):
        x, y = left * width // 2, top * height // 2
        picture.paste(shade, (x, y, x + width // 2, y + height // 2))
    return picture


def oriented(orientation: int) -> bytes:
    """A JPEG of 64x32 with this EXIF orientation, in an Exif segment that is made byte by byte."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    plain = encoded(four_colors(), "JPEG", quality=95, subsampling=0)
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]


def orientation(number: int) -> None:
    size = (40, 20) if number < 5 else (20, 40)
    found = quadrants(as_rgba(oriented(number), *size).convert("RGB"))
    assert near(found, ORIENTATIONS[number], 6)


def every_orientation() -> None:
    for number in ORIENTATIONS:
        orientation(number)


def linear_light() -> None:
    """A profile with sRGB's primaries and gamma 1: 55/255 = 0.2157, and 1.055 * 0.2157**(1/2.4) - 0.055 = 0.502."""
    profile = handmade.matrix_profile(handmade.SRGB_RED, handmade.SRGB_GREEN, handmade.SRGB_BLUE, 1.0)
    picture = encoded(Image.new("RGB", (40, 40), (55, 55, 55)), "PNG", icc_profile=profile)
    assert near(quadrants(as_rgba(picture, 20, 20)), (128, 128, 128, 255), 2)


def swapped_primaries() -> None:
    """Red and green exchanged, gamma 1: full red is full green, and 55 of red becomes 128 of green."""
    profile = handmade.matrix_profile(handmade.SRGB_GREEN, handmade.SRGB_RED, handmade.SRGB_BLUE, 1.0)
    picture = encoded(Image.new("RGB", (40, 40), (55, 0, 0)), "JPEG", quality=100, subsampling=0, icc_profile=profile)
    assert near(quadrants(as_rgba(picture, 20, 20)), (0, 128, 0, 255), 8)


def linear_light_under_alpha() -> None:
    profile = handmade.matrix_profile(handmade.SRGB_RED, handmade.SRGB_GREEN, handmade.SRGB_BLUE, 1.0)
    picture = encoded(Image.new("RGBA", (40, 40), (55, 55, 55, 128)), "PNG", icc_profile=profile)
    assert near(quadrants(as_rgba(picture, 20, 20)), (128, 128, 128, 128), 2)


def linear_gray() -> None:
    picture = encoded(Image.new("L", (40, 40), 55), "PNG", icc_profile=handmade.gray_profile(1.0))
    assert near(quadrants(as_rgba(picture, 20, 20)), (128, 128, 128, 255), 2)


def cmyk_with_a_profile() -> None:
    """Half black is L* 50 in that profile: Y = (66/116)**3 = 0.184, and 1.055 * 0.184**(1/2.4) - 0.055 = 0.466: 119."""
    ink = Image.new("CMYK", (40, 40), (0, 0, 0, 128))
    picture = encoded(ink, "TIFF", icc_profile=handmade.black_ink_profile())
    assert near(quadrants(as_rgba(picture, 20, 20)), (119, 119, 119, 255), 3)


def cmyk() -> None:
    """R = (255 - C)(255 - K) / 255 and so on: C 255 is cyan; M 128, Y 255, K 51 is (204, 102, 0)."""
    for format in ("TIFF", "JPEG"):
        cyan = encoded(Image.new("CMYK", (40, 40), (255, 0, 0, 0)), format)
        assert near(quadrants(as_rgba(cyan, 20, 20)), (0, 255, 255, 255), 3)
        brown = encoded(Image.new("CMYK", (40, 40), (0, 128, 255, 51)), format)
        assert near(quadrants(as_rgba(brown, 20, 20)), (204, 102, 0, 255), 3)


def gray_of_16_bits() -> None:
    """0x8000 is the middle of 16 bits, as 128 is of 8."""
    big_endian = handmade.png(40, 40, 16, GRAY, b"\x80\x00" * 40)
    little_endian = encoded(Image.new("I;16", (40, 40), 0x8000), "TIFF")
    plain_map = b"P5 40 40 65535\n" + b"\x80\x00" * 1600
    for picture in (big_endian, little_endian, plain_map):
        assert near(quadrants(as_rgba(picture, 20, 20)), (128, 128, 128, 255), 0)


def gray_in_floating_point() -> None:
    """A PFM has values from 0 to 1: 0.25 is 64, and 1.0 is white."""
    rows = struct.pack("<40f", *([0.25] * 20 + [1.0] * 20)) * 40
    found = quadrants(as_rgba(b"Pf\n40 40\n-1.0\n" + rows, 20, 20).convert("L").convert("RGBA"))
    assert near(found, [(64, 64, 64, 255), (255, 255, 255, 255)] * 2, 1)


def integers_of_32_bits() -> None:
    """Above 16 bits no value is defined as white: the smallest is black and the largest is white."""
    ramp = Image.new("I", (40, 40), 100_000)
    ramp.paste(300_000, (20, 0, 40, 40))
    found = quadrants(as_rgba(encoded(ramp, "TIFF"), 20, 20))
    assert near(found, [(0, 0, 0, 255), (255, 255, 255, 255)] * 2, 1)


def transparent_gray_of_16_bits() -> None:
    """tRNS makes 0x8000 transparent but not 0x8001, which has the same upper byte."""
    row = b"\x80\x00" * 20 + b"\x80\x01" * 20
    found = quadrants(as_rgba(handmade.png(40, 40, 16, GRAY, row, handmade.chunk(b"tRNS", b"\x80\x00")), 20, 20))
    assert [color[3] for color in found] == [0, 255, 0, 255]
    assert near(found[1], (128, 128, 128, 255), 0)


def half_red(format: str = "png", background: tuple[int, int, int] = (255, 255, 255)) -> list[tuple[int, ...]]:
    picture = handmade.png(40, 40, 8, RGBA, bytes((255, 0, 0, 128)) * 40)
    return quadrants(as_rgba(picture, 20, 20, format, background=background))


def alpha_on_background() -> None:
    """128/255 of red over the background: 127/255 of it is visible."""
    assert near(half_red("bmp"), (255, 127, 127, 255), 1)
    assert near(half_red("bmp", (0, 0, 255)), (128, 0, 127, 255), 1)
    assert near(half_red("ppm", (0, 200, 0)), (128, 100, 0, 255), 1)
    assert near(half_red("jpeg", (255, 255, 255)), (255, 127, 127, 255), 5)


def alpha_is_preserved() -> None:
    for format in ("png", "tiff", "tga", "ico"):
        assert near(half_red(format), (255, 0, 0, 128), 1)


def transparent_palette() -> None:
    """Color 0 is red and half transparent. Color 1 is blue and has no entry in tRNS, so it is opaque."""
    palette = handmade.chunk(b"PLTE", bytes((255, 0, 0, 0, 0, 255))), handmade.chunk(b"tRNS", b"\x80")
    picture = handmade.png(40, 40, 8, PALETTE, b"\0" * 20 + b"\1" * 20, *palette)
    assert near(quadrants(as_rgba(picture, 20, 20)), [(255, 0, 0, 128), (0, 0, 255, 255)] * 2, 1)
    assert near(quadrants(as_rgba(picture, 20, 20, "bmp")), [(255, 127, 127, 255), (0, 0, 255, 255)] * 2, 1)


def transparent_colors() -> None:
    """tRNS of gray and of RGB, with 8 bits: exactly that color is transparent."""
    gray = handmade.png(40, 40, 8, GRAY, b"\x10" * 20 + b"\x20" * 20, handmade.chunk(b"tRNS", b"\0\x10"))
    assert [color[3] for color in quadrants(as_rgba(gray, 20, 20))] == [0, 255, 0, 255]
    colors = handmade.png(40, 40, 8, RGB, b"\1\2\3" * 20 + b"\1\2\4" * 20, handmade.chunk(b"tRNS", b"\0\1\0\2\0\3"))
    assert [color[3] for color in quadrants(as_rgba(colors, 20, 20))] == [0, 255, 0, 255]


def gray_with_alpha() -> None:
    """100 of gray with an alpha of 51 over white: 100 * 0.2 + 255 * 0.8 = 224."""
    picture = handmade.png(40, 40, 8, GRAY_ALPHA, b"\x64\x33" * 40)
    assert near(quadrants(as_rgba(picture, 20, 20)), (100, 100, 100, 51), 1)
    assert near(quadrants(as_rgba(picture, 20, 20, "bmp")), (224, 224, 224, 255), 1)


def frame_smaller_than_its_canvas() -> None:
    """The first frame covers the lower right quarter of a GIF: the rest is transparent."""
    palette = bytes((255, 0, 0, 0, 0, 255, 0, 255, 0, 255, 255, 255))
    frames = (handmade.gif_frame(20, 20, 20, 20, 1), handmade.gif_frame(0, 0, 40, 40, 2))
    found = quadrants(as_rgba(handmade.gif(40, 40, frames, palette), 20, 20))
    assert [color[3] for color in found] == [0, 0, 0, 255]
    assert near(found[3], (0, 0, 255, 255), 0)


def padding() -> None:
    """A picture of 2:1 in a square has a quarter of `bg` above and below it."""
    found = opened(rendered(encoded(Image.new("RGB", (40, 20), RED), "PNG"), 40, 40, fit="contain", bg="0000ff80"))
    assert found.size == (40, 40)
    column = [found.convert("RGBA").getpixel((20, y)) for y in (0, 9, 10, 29, 30, 39)]
    assert column == [(0, 0, 255, 128)] * 2 + [(*RED, 255)] * 2 + [(0, 0, 255, 128)] * 2


def gray_edge() -> bytes:
    """Gray of 100 at the left, 150 from the column 20 on."""
    edge = Image.new("L", (40, 20), 100)
    edge.paste(150, (20, 0, 40, 20))
    return encoded(edge, "PNG")


def blurred() -> None:
    """Each pixel gets the share of a Gaussian with sigma 2 around it that is at the right of the edge."""
    found = opened(rendered(gray_edge(), 40, 20, blur=2))
    assert near([found.getpixel((x, 10)) for x in (0, 39)], (100, 150), 0)
    weights = [exp(-(distance**2) / 8) for distance in range(-8, 9)]
    for column in range(14, 26):
        light = sum(weight for distance, weight in enumerate(weights, column - 8) if distance >= 20) / sum(weights)
        assert near(found.getpixel((column, 10)), 100 + 50 * light, 1)


def sharpened() -> None:
    """What a Gaussian with sigma 2 would take away is added: 0.4 of the edge."""
    found = opened(rendered(gray_edge(), 40, 20, sharpen=2))
    taken = 50 * 0.4
    assert near([found.getpixel((x, 10)) for x in (0, 19, 20, 39)], (100, 100 - taken, 150 + taken, 150), 1)


def gray_has_the_luminance() -> None:
    """Blue has 0.0722 of the light of white: 1.055 * 0.0722**(1/2.4) - 0.055 = 0.298."""
    found = opened(rendered(encoded(Image.new("RGB", (40, 20), (0, 0, 255)), "PNG"), 40, 20, gray=True))
    assert (found.mode, found.getpixel((20, 10))) == ("L", 76)


def watermarked() -> None:
    """A quarter of 40 is 10; a margin of 3 from the right and the bottom."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "logo")
        path.write_bytes(encoded(Image.new("RGB", (30, 15), BLUE), "PNG"))
        drawn = Overlay(str(path), "check", "southeast", 0.25, 1.0, 3)
        job = RenderJob(Variant(60, 40, "png"), Encoding(), overlay=drawn)
        found = opened(job_rendered(encoded(Image.new("RGB", (120, 80), RED), "PNG"), job))
    assert [found.getpixel(at) for at in ((47, 32), (56, 36))] == [BLUE] * 2
    assert [found.getpixel(at) for at in ((46, 32), (47, 31), (57, 36), (56, 37))] == [RED] * 4


STEPS: dict[Callable[[], None], Step] = {
    padding: pad.pad,
    sharpened: effects.sharpen,
    blurred: effects.blur,
    gray_has_the_luminance: effects.gray,
    watermarked: overlay.draw,
    every_orientation: orient.turn,
    linear_light: color.to_srgb,
    swapped_primaries: color.to_srgb,
    linear_light_under_alpha: color.to_srgb,
    linear_gray: color.to_srgb,
    cmyk_with_a_profile: color.to_srgb,
    cmyk: color.to_rgb,
    gray_of_16_bits: depth.eight_bits,
    gray_in_floating_point: depth.eight_bits,
    alpha_on_background: alpha.flatten,
    transparent_palette: alpha.expand,
    transparent_colors: alpha.expand,
    gray_with_alpha: alpha.expand,
    frame_smaller_than_its_canvas: alpha.clear_outside_frame,
}

PIPELINE = render.DECODE_STEPS + render.OUTPUT_STEPS
