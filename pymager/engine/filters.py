"""Blurring, sharpening and gray, for pictures in the modes L, RGB and RGBA with colors in sRGB."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine import icc
from pymager.engine.gaussian import Channel, blurred

_LEVELS = 65_536
_RED, _BLUE = 0.2126, 0.0722
"""The luminance of red and of blue light (ITU-R BT.709, item 3.2); the rest of that of white is green's."""
_MIN_ALPHA = 1 / 512
"""Less rounds to an alpha of 0, behind which a color has no meaning."""


def blur(picture: Image.Image, sigma: float) -> Image.Image:
    """The picture, convolved with a Gaussian of `sigma` pixels.

    Colors count as much as they are opaque, so what is transparent does not show.
    """
    if not _is_transparent(picture):
        return _merged(picture, [_rounded(blurred(_floats(band), sigma)) for band in picture.split()])
    alpha = _floats(picture.getchannel("A"))
    blurred_alpha = blurred(alpha, sigma)
    bands = [
        _rounded(_unweighted(blurred(_floats(band) * alpha, sigma), blurred_alpha)) for band in picture.split()[:3]
    ]
    return _merged(picture, [*bands, _rounded(blurred_alpha)])


def sharpen(picture: Image.Image, sigma: float) -> Image.Image:
    """Unsharp masking: add to red, green and blue what a Gaussian of `sigma` pixels takes from the luma.

    The luma is Pillow's (ITU-R BT.601): Y = 0.299 R + 0.587 G + 0.114 B. Adding the same to all three keeps the hue at
    edges. Alpha stays as it is, and colors count as much as they are opaque.
    """
    luma = _floats(picture.convert("RGB").convert("L") if picture.mode == "RGBA" else picture.convert("L"))
    if _is_transparent(picture):
        alpha = _floats(picture.getchannel("A"))
        detail = luma - _unweighted(blurred(luma * alpha, sigma), blurred(alpha, sigma))
    else:
        detail = luma - blurred(luma, sigma)
    bands = list(picture.split())
    for index in range(min(3, len(bands))):
        bands[index] = _rounded(_floats(bands[index]) + detail)
    return _merged(picture, bands)


def gray(picture: Image.Image) -> Image.Image:
    """The picture in shades of gray that have the luminance of its colors (ITU-R BT.709, in linear light).

    RGB becomes L. RGBA stays RGBA, with equal red, green and blue.
    """
    if picture.mode == "L":
        return picture
    light = np.zeros((picture.height, picture.width), np.uint16)
    for band, table in zip(picture.split()[:3], _luminance_tables(), strict=True):
        light += table[np.asarray(band)]
    shades = Image.fromarray(icc.srgb_table()[light])
    return shades if picture.mode == "RGB" else Image.merge("RGBA", (shades, shades, shades, picture.getchannel("A")))


@lru_cache(maxsize=1)
def _luminance_tables() -> tuple[NDArray[np.uint16], ...]:
    """The luminance of each level of red, green and blue; that of white is the largest number of 16 bits."""
    level = np.arange(256) / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    red, blue, all = (np.rint(light * weight * (_LEVELS - 1)).astype(np.uint16) for weight in (_RED, _BLUE, 1))
    return red, all - red - blue, blue  # so that rounding never makes white larger


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)


def _unweighted(color: Channel, alpha: Channel) -> Channel:
    """Divide what was multiplied by alpha; 0 where alpha is 0."""
    return np.where(alpha >= _MIN_ALPHA, color / np.maximum(alpha, _MIN_ALPHA), np.float32(0))


def _floats(band: Image.Image) -> Channel:
    return np.asarray(band, np.float32)


def _rounded(channel: Channel) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(channel, 0, 255)).astype(np.uint8))


def _merged(picture: Image.Image, bands: list[Image.Image]) -> Image.Image:
    """A picture in the mode of the given one. It has no `info`, such as a profile that no longer applies."""
    return bands[0] if picture.mode == "L" else Image.merge(picture.mode, bands)
