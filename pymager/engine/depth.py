"""Pictures of more than 8 bits per channel: converted to 8, which every output has."""

import sys
from math import isfinite

from PIL import Image

from pymager.engine.step import StepContext

_MAX_16_BITS = 65_535


def eight_bits(picture: Image.Image, context: StepContext) -> Image.Image:
    """Convert gray of 16 bits, of 32 bits, or in floating point, to gray of 8 bits."""
    if picture.mode.startswith("I;16"):
        return _from_16(picture)
    if picture.mode == "I":
        return _from_32(picture)
    if picture.mode == "F":
        return _from_float(picture)
    return picture


def _from_16(picture: Image.Image) -> Image.Image:
    """Take the upper byte of each value; the transparent value becomes transparent."""
    big = picture.mode == "I;16B" or (picture.mode == "I;16N" and sys.byteorder == "big")
    values = picture.tobytes("raw", picture.mode)
    gray = Image.frombytes("L", picture.size, values[0 if big else 1 :: 2])
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        table = [0 if value == transparent else 255 for value in range(_MAX_16_BITS + 1)]
        gray.putalpha(picture.convert("I").point(table, "L"))
    gray.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return gray


def _from_32(picture: Image.Image) -> Image.Image:
    """Treat values that fit into 16 bits as such (a 16-bit PPM is read like this); stretch others over the range."""
    low, high = _range(picture)
    if low >= 0 and high <= _MAX_16_BITS:
        return picture.point([value >> 8 for value in range(_MAX_16_BITS + 1)], "L")
    return _stretched(picture, low, high)


def _from_float(picture: Image.Image) -> Image.Image:
    """Take 1 for white, as floating-point TIFF and PFM do; values up to 255 as they are; stretch others."""
    low, high = _range(picture)
    if not (isfinite(low) and isfinite(high)) or (low >= 0 and high <= 1):
        return _stretched(picture, 0, 1)
    if low >= 0 and high <= 255:
        return picture.convert("L")
    return _stretched(picture, low, high)


def _range(picture: Image.Image) -> tuple[float, float]:
    """The smallest and the largest value of a picture with one channel."""
    low, high = picture.getextrema()
    assert not isinstance(low, tuple) and not isinstance(high, tuple)
    return low, high


def _stretched(picture: Image.Image, low: float, high: float) -> Image.Image:
    scale = 255 / (high - low) if high > low else 0.0
    offset = -low * scale
    return picture.convert("F").point(lambda value: value * scale + offset).convert("L")
