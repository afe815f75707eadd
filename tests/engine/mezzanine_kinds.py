"""Originals of every kind that can get a mezzanine, each with the details that its kind makes hard."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFont

from tests.engine.fidelity import png, profiles
from tests.engine.fidelity.png_kinds import pq
from tests.engine.handmade import black_ink_profile
from tests.pictures import encoded, photograph

SIZE = 2402, 1603
"""Not a multiple of eight, so that the last blocks of a JPEG are partly padding."""
_ORIENTATION_TAG = 0x0112
_QUALITY = 95
_NITS = 1_500.0


@cache
def photo(seed: int = 3) -> Image.Image:
    return photograph(*SIZE, seed=seed)


@cache
def grain() -> Image.Image:
    """A photograph in little light: as much grain as detail."""
    noise = np.random.default_rng(5).normal(0, 25, (SIZE[1], SIZE[0], 3))
    return Image.fromarray(np.clip(np.asarray(photo(4), float) + noise, 0, 255).astype(np.uint8))


@cache
def text(paper: str = "white", ink: str = "black") -> Image.Image:
    """Lines of text in sizes from 10 to 60 pixels, and thin lines at all angles."""
    picture = Image.new("RGB", SIZE, paper)
    draw = ImageDraw.Draw(picture)
    line, y = "Sphinx of black quartz, judge my vow: 0123456789 & (@) ", 4
    for count in range(200):
        size = 10 + count * 7 % 50
        draw.text((-count * 11, y), line * 12, ink, ImageFont.load_default(size))
        y += size + 4
    for angle in range(0, 90, 3):
        slope = np.tan(np.radians(angle))
        draw.line((1800, 1500, 2400, 1500 - int(600 * slope)), ink, 1 + angle % 4)
    return picture


@cache
def saturated() -> Image.Image:
    """Pure colors side by side, from large areas to lines of a few pixels."""
    random = np.random.default_rng(7)
    pure = ["#f00", "#0f0", "#00f", "#ff0", "#0ff", "#f0f", "#fff", "#000"]
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    for _ in range(2_500):
        x, y = random.uniform(0, SIZE[0]), random.uniform(0, SIZE[1])
        width, height = random.uniform(3, 160, 2)
        box = (x - width, y - height, x + width, y + height)
        color = pure[random.integers(len(pure))]
        if random.integers(2):
            draw.ellipse(box, color)
        else:
            draw.line(box, color, int(random.integers(1, 12)))
    return picture


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    return encoded(picture, "JPEG", quality=_QUALITY, **options)


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    return jpeg(photo(), exif=exif.tobytes())


def lab(picture: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None
    return converted


def with_alpha(picture: Image.Image) -> Image.Image:
    """The picture with soft and hard edges of transparency."""
    picture = picture.convert("RGBA")
    opacity = Image.radial_gradient("L").resize(picture.size)
    ImageDraw.Draw(opacity).text((100, 300), "transparent", 0, ImageFont.load_default(300))
    picture.putalpha(opacity)
    return picture


def wide_samples() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The photograph with 16 bits."""
    values = np.asarray(photo(), np.uint16) * 257
    return values + np.random.default_rng(1).integers(-100, 100, values.shape).clip(0).astype(np.uint16)


def hdr() -> bytes:
    """A photograph in PQ with the primaries of BT.2020, whose lights are brighter than white on paper."""
    nits = (np.asarray(photo(), float) / 255) ** 2.2 * _NITS
    samples = np.round(pq(nits) * 65_535).astype(np.uint16)
    return png.png(samples, png.RGB, png.code_points(9, 16))


JPEGS: dict[str, Callable[[], bytes]] = {
    "photograph": lambda: jpeg(photo()),
    "another photograph": lambda: jpeg(photo(11)),
    "photograph at quality 88": lambda: encoded(photo(), "JPEG", quality=88),
    "photograph with subsampled colors": lambda: jpeg(photo(), subsampling="4:2:0"),
    "progressive": lambda: jpeg(photo(), progressive=True),
    "grain": lambda: jpeg(grain()),
    "text": lambda: jpeg(text()),
    "colored text": lambda: jpeg(text("#0000c8", "#ff2000")),
    "saturated edges": lambda: jpeg(saturated()),
    "saturated edges, 4:4:4": lambda: jpeg(saturated(), subsampling="4:4:4"),
    "gray": lambda: jpeg(photo().convert("L")),
    "gray text": lambda: jpeg(text().convert("L")),
    "cmyk with a profile": lambda: jpeg(photo().convert("CMYK"), icc_profile=black_ink_profile()),
    "cmyk": lambda: jpeg(photo().convert("CMYK")),
    "saturated cmyk": lambda: jpeg(saturated().convert("CMYK")),
    "Display P3": lambda: jpeg(photo(), icc_profile=profiles.DISPLAY_P3),
    "saturated Display P3": lambda: jpeg(saturated(), icc_profile=profiles.DISPLAY_P3),
    "Adobe RGB": lambda: jpeg(photo(), icc_profile=profiles.ADOBE_RGB),
    "linear profile": lambda: jpeg(photo(), icc_profile=profiles.LINEAR_SRGB),
    "gray with a profile": lambda: jpeg(photo().convert("L"), icc_profile=profiles.GRAY_22),
} | {f"orientation {number}": (lambda number=number: turned(number)) for number in range(1, 9)}  # type: ignore[misc]
"""JPEGs by name: those whose mezzanine is a reduced decode."""

OTHERS: dict[str, Callable[[], bytes]] = {
    "png": lambda: encoded(photo(), "PNG", compress_level=1),
    "png with text": lambda: png.png(np.asarray(grained(text())), png.RGB),
    "png with saturated edges": lambda: png.png(np.asarray(grained(saturated())), png.RGB),
    "png with alpha": lambda: encoded(with_alpha(photo()), "PNG", compress_level=1),
    "gray png with alpha": lambda: encoded(with_alpha(grained(photo(4))).convert("LA"), "PNG", compress_level=1),
    "png of 16 bits": lambda: png.png(wide_samples(), png.RGB),
    "png of 16 bits, Display P3": lambda: png.png(wide_samples(), png.RGB, png.profile(profiles.DISPLAY_P3)),
    "webp with alpha": lambda: encoded(with_alpha(photo()), "WEBP", lossless=True, method=0, quality=0),
    "tiff": lambda: encoded(photo(), "TIFF"),
    "tiff in CMYK": lambda: encoded(photo().convert("CMYK"), "TIFF"),
    "bmp": lambda: encoded(photo(), "BMP"),
}
"""Originals of other formats: their mezzanine is scaled."""


def blocks() -> Image.Image:
    """Noise whose pixels are doubled: half the size has all of its bytes."""
    noise = np.random.default_rng(6).integers(0, 64, (SIZE[1] // 2, SIZE[0] // 2, 3)) * 4
    return Image.fromarray(noise.astype(np.uint8)).resize(SIZE, Image.Resampling.NEAREST)


WITHOUT: dict[str, Callable[[], bytes]] = {
    "PQ": hdr,
    "Lab": lambda: encoded(lab(photo()), "TIFF"),
    "noise": lambda: encoded(blocks(), "PNG"),
}
"""Originals whose mezzanine would not look the same, or would take too many bytes."""


def grained(picture: Image.Image) -> Image.Image:
    """The picture with a scanner's grain: without it, a drawing is so small a file that it gets no mezzanine."""
    noise = np.random.default_rng(2).normal(0, 2, (SIZE[1], SIZE[0], 1))
    return Image.fromarray(np.clip(np.asarray(picture, float) + noise, 0, 255).astype(np.uint8))
