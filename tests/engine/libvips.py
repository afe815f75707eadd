"""Variants as libvips makes them: an independent implementation to compare the engine with.

The rules are those of sharp's documentation and of CSS (`object-fit`, `object-position`), written down once more in
plain arithmetic. Nothing here comes from `pymager`, and the picture takes another way: it is turned upright, cropped,
rotated and mirrored before it is scaled, all of its pixels are decoded, and each direction is scaled by itself.
"""

import math
from dataclasses import dataclass, fields
from fractions import Fraction

import numpy as np
import pyvips
from numpy.typing import NDArray

Pixels = NDArray[np.float64]
"""Rows of pixels with red, green, blue and alpha from 0 to 255; the colors are multiplied by alpha."""

_KERNEL = "lanczos3"
_PATHS = {"0": None, "90": "d90", "180": "d180", "270": "d270"}


@dataclass(frozen=True)
class Asked:
    """What a URL asks for: each field as the URL has it, and empty if it is absent."""

    size: str
    fit: str = ""
    enlarge: str = ""
    gravity: str = ""
    dpr: str = ""
    bg: str = ""
    crop: str = ""
    rotate: str = ""
    flip: str = ""

    @property
    def query(self) -> str:
        options = ((field.name, getattr(self, field.name)) for field in fields(self)[1:])
        return "&".join(f"{name}={value}" for name, value in options if value)


def expected(file: bytes, asked: Asked) -> Pixels:
    """The variant of a file, in an output that can be transparent."""
    picture = pyvips.Image.new_from_buffer(file, "")
    has_alpha = picture.hasalpha()
    picture = picture.premultiply() if has_alpha else picture.cast("float")  # of integers, it rounds the filter too
    is_reversed = _reversed_directions(picture, asked)
    picture = _turned(_cropped(picture.autorot(), asked.crop), asked)
    size, scaled = sizes(asked, picture.width, picture.height)
    (x, width), (y, height) = _shown(asked, picture, scaled, is_reversed)
    picture = _scaled(picture, x, width, scaled[0], vertical=False)
    picture = _scaled(picture, y, height, scaled[1], vertical=True)
    if not has_alpha:
        picture = (picture if picture.bands == 3 else picture.bandjoin([picture, picture])).bandjoin(255)
    return np.clip(_padded(picture, asked, size).numpy().astype(float), 0, 255)


def sizes(asked: Asked, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The size of the variant, and the size to which a picture of `width` x `height` is scaled in it."""
    wide, high = (_rounded(int(side or 0) * Fraction(asked.dpr or 1)) for side in asked.size.split("x"))
    fit = asked.fit or "cover"
    is_wider = wide * height > high * width  # the box is wider, in its proportions, than the picture
    if not wide or not high:
        size = _following(width, height, wide, high, enlarge=asked.enlarge == "true")
        return size, size
    if fit == "inside":
        sides = (0, high) if is_wider else (wide, 0)
        size = _following(width, height, *sides, enlarge=asked.enlarge == "true")
        return size, size
    if asked.enlarge == "false":
        by_width = is_wider if fit != "contain" else not is_wider
        if by_width and wide > width:
            wide, high = width, _at_least_one(Fraction(high * width, wide))
        elif not by_width and high > height:
            wide, high = _at_least_one(Fraction(wide * height, high)), height
    if fit != "contain":
        return (wide, high), (wide, high)
    sides = (0, high) if wide * height > high * width else (wide, 0)
    return (wide, high), _following(width, height, *sides, enlarge=True)


def _following(width: int, height: int, wide: int, high: int, *, enlarge: bool) -> tuple[int, int]:
    """The size in the picture's proportions with one side given; the other one is 0."""
    if not enlarge and (wide > width or high > height):
        return width, height
    if wide:
        return wide, _at_least_one(Fraction(height * wide, width))
    return _at_least_one(Fraction(width * high, height)), high


def _rounded(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _at_least_one(value: Fraction) -> int:
    return max(1, _rounded(value))


def _cropped(picture: pyvips.Image, crop: str) -> pyvips.Image:
    if not crop:
        return picture
    x, y, width, height = crop.split(",")
    if "p" in crop:
        left, right = _percent(picture.width, x, width)
        top, bottom = _percent(picture.height, y, height)
    else:
        left, right = int(x), min(int(x) + int(width), picture.width)
        top, bottom = int(y), min(int(y) + int(height), picture.height)
    return picture.crop(left, top, right - left, bottom - top)


def _percent(whole: int, start: str, length: str) -> tuple[int, int]:
    first, share = (Fraction(text.removesuffix("p")) for text in (start, length))
    return _rounded(whole * first / 100), _rounded(whole * min(first + share, Fraction(100)) / 100)


def _turned(picture: pyvips.Image, asked: Asked) -> pyvips.Image:
    if angle := _PATHS[asked.rotate or "0"]:
        picture = picture.rot(angle)
    if "h" in asked.flip:
        picture = picture.fliphor()
    if "v" in asked.flip:
        picture = picture.flipver()
    return picture


def _reversed_directions(picture: pyvips.Image, asked: Asked) -> tuple[bool, bool]:
    """Whether what is to the right in the variant, and below in it, is to the left or above in the file.

    Found by turning a picture of coordinates in the same way.
    """
    probe = pyvips.Image.xyz(2, 2).copy()
    if picture.get_typeof("orientation"):
        probe.set_type(pyvips.GValue.gint_type, "orientation", picture.get("orientation"))
    pixels = _turned(probe.autorot(), asked).numpy().astype(int)
    return bool((pixels[0, 1] < pixels[0, 0]).any()), bool((pixels[1, 0] < pixels[0, 0]).any())


def _shown(
    asked: Asked, picture: pyvips.Image, scaled: tuple[int, int], is_reversed: tuple[bool, bool]
) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
    """Where the part of the picture that is scaled begins, and how long it is, from left to right and downward."""
    wide, high = scaled
    lengths = Fraction(picture.width), Fraction(picture.height)
    if "x" not in (asked.size[0], asked.size[-1]) and asked.fit in ("", "cover"):
        lengths = min(lengths[0], lengths[1] * wide / high), min(lengths[1], lengths[0] * high / wide)
    whole = picture.width, picture.height
    starts = []
    for length, side, point, backwards in zip(lengths, whole, _point(asked.gravity), is_reversed, strict=True):
        start = min(max(point * side - length / 2, Fraction(0)), side - length)
        if lengths == scaled:  # whole pixels, rounded down in the file
            start = Fraction(math.ceil(start) if backwards else math.floor(start))
        starts.append(start)
    return (starts[0], lengths[0]), (starts[1], lengths[1])


def _point(gravity: str) -> tuple[Fraction, Fraction]:
    """A gravity as fractions of width and height."""
    if "," in gravity:
        x, y = gravity.split(",")
        return Fraction(x), Fraction(y)
    half = Fraction(1, 2)
    x = Fraction(0) if "west" in gravity else Fraction(1) if "east" in gravity else half
    y = Fraction(0) if "north" in gravity else Fraction(1) if "south" in gravity else half
    return x, y


def _scaled(picture: pyvips.Image, start: Fraction, length: Fraction, count: int, *, vertical: bool) -> pyvips.Image:
    """A part of the picture with `count` pixels instead of `length`, in one direction.

    libvips reduces around the middle of a picture of whole pixels, so that a part between pixels is moved first, by
    interpolation. It has no Lanczos filter to enlarge.
    """
    if length < count:
        step = length / count
        return _moved(picture, start + step / 2 - Fraction(1, 2), step, count, vertical=vertical)
    window = max(1, round(length))
    first = start + (length - window) / 2
    if first.denominator != 1 or first < 0:
        picture = _moved(picture, first, Fraction(1), window, vertical=vertical)
    elif vertical:
        picture = picture.crop(0, int(first), picture.width, window)
    else:
        picture = picture.crop(int(first), 0, window, picture.height)
    factor = float(length / count)
    if factor == 1:
        return picture
    return picture.reducev(factor, kernel=_KERNEL) if vertical else picture.reduceh(factor, kernel=_KERNEL)


def _moved(picture: pyvips.Image, start: Fraction, step: Fraction, count: int, *, vertical: bool) -> pyvips.Image:
    """`count` pixels from `start` on, each `step` after the one before, in one direction; edges are repeated."""
    bicubic = pyvips.Interpolate.new("bicubic")
    factor, offset = float(1 / step), float(-start)
    if vertical:
        area = [0, 0, picture.width, count]
        return picture.affine([1, 0, 0, factor], interpolate=bicubic, oarea=area, idy=offset, extend="copy")
    area = [0, 0, count, picture.height]
    return picture.affine([factor, 0, 0, 1], interpolate=bicubic, oarea=area, idx=offset, extend="copy")


def _padded(picture: pyvips.Image, asked: Asked, size: tuple[int, int]) -> pyvips.Image:
    """The picture in a picture of `size`; in the middle, an odd pixel that is left over is on the right or below."""
    if (picture.width, picture.height) == size:
        return picture
    x, y = _point(asked.gravity)
    left, top = math.floor((size[0] - picture.width) * x), math.floor((size[1] - picture.height) * y)
    *color, alpha = bytes.fromhex(asked.bg.ljust(8, "f")) if asked.bg else (0, 0, 0, 0)
    padding = [*(value * alpha / 255 for value in color), alpha]
    return picture.embed(left, top, *size, extend="background", background=padding)
