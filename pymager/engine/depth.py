"""Pictures with more than 8 bits per channel: reduced to 8, because every output has 8."""

import sys
from math import isfinite

from PIL import Image

from pymager.engine.step import StepContext

_MAX_16_BITS = 65_535


def eight_bits(picture: Image.Image, context: StepContext) -> Image.Image:
    """Convert gray of 16 bits, of 32 bits or in floating point to gray of 8 bits."""
    return narrowed(picture)


def narrowed(picture: Image.Image) -> Image.Image:
    """The picture with 8 bits per channel."""
    if picture.mode.startswith("I;16"):
        return upper_bytes(picture)
    if picture.mode == "I":
        return _from_32(picture)
    if picture.mode == "F":
        return _from_float(picture)
    return picture


def upper_bytes(picture: Image.Image) -> Image.Image:
    """Gray of 8 bits: the upper byte of each 16-bit value."""
    big = picture.mode == "I;16B" or (picture.mode == "I;16N" and sys.byteorder == "big")
    values = picture.tobytes("raw", picture.mode)
    return Image.frombytes("L", picture.size, values[0 if big else 1 :: 2])


def _from_32(picture: Image.Image) -> Image.Image:
    """Values that fit into 16 bits are 16-bit values, as Pillow reads a 16-bit PPM; others are stretched."""
    low, high = _extrema(picture)
    if low >= 0 and high <= _MAX_16_BITS:
        return picture.point([value >> 8 for value in range(_MAX_16_BITS + 1)], "L")
    return _stretched(picture, low, high)


def _from_float(picture: Image.Image) -> Image.Image:
    """White is 1 for values up to 1, as in TIFF and PFM, and 255 for values up to 255. Others are stretched."""
    low, high = _extrema(picture)
    if not (isfinite(low) and isfinite(high)) or (low >= 0 and high <= 1):
        return _stretched(picture, 0, 1)
    if low >= 0 and high <= 255:
        return picture.convert("L")
    return _stretched(picture, low, high)


def _extrema(picture: Image.Image) -> tuple[float, float]:
    """The smallest and the largest value of a picture with one channel."""
    low, high = picture.getextrema()
    assert not isinstance(low, tuple) and not isinstance(high, tuple)
    return low, high


def _stretched(picture: Image.Image, low: float, high: float) -> Image.Image:
    """Map `low` to black and `high` to white."""
    scale = 255 / (high - low) if high > low else 0.0
    offset = -low * scale
    return picture.convert("F").point(lambda value: value * scale + offset).convert("L")
