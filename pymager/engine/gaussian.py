"""A Gaussian blur of one channel, in floating point. Pillow's is made of boxes, which is too coarse below sigma 1."""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Channel = NDArray[np.float32]

_RADIUS_SIGMAS = 4.0
"""Where the kernel ends: what lies outside is less than 0.0001 of its sum."""
_SMALLEST_REDUCED_SIGMA = 4.0
"""In pixels of the reduced rows. With 4, interpolation errs by at most 0.2 of 255 levels; with 1.5, by 2."""
_STRIP_PIXELS = 1 << 17
"""How many pixels are blurred at a time: so few stay in the processor's cache."""


def blurred(channel: Channel, sigma: float) -> Channel:
    """The channel, convolved with exp(-(x² + y²) / 2 sigma²); `sigma` is in pixels.

    Outside of the picture, the nearest pixel of its edge counts.
    """
    rows_done = _along_columns(channel, sigma)
    return np.ascontiguousarray(_along_columns(np.ascontiguousarray(rows_done.T), sigma).T)


def _along_columns(channel: Channel, sigma: float) -> Channel:
    result = np.empty_like(channel)
    strip = max(1, int(_STRIP_PIXELS / (len(channel) + 2 * _RADIUS_SIGMAS * sigma)))
    for left in range(0, channel.shape[1], strip):
        result[:, left : left + strip] = _strip_along_columns(channel[:, left : left + strip], sigma)
    return result


def _strip_along_columns(strip: Channel, sigma: float) -> Channel:
    """Blur downwards. With a large sigma on averages of rows, since no detail is left that needs all rows."""
    factor = max(1, int(sigma / _SMALLEST_REDUCED_SIGMA))
    if factor == 1:
        return _convolved(_extended(strip, ceil(_RADIUS_SIGMAS * sigma), 0), sigma)
    # An average of n rows is a convolution too, with the variance (n² - 1) / 12.
    reduced_sigma = ((sigma * sigma - (factor * factor - 1) / 12) ** 0.5) / factor
    rows = len(strip)
    margin = ceil(_RADIUS_SIGMAS * reduced_sigma) + 2  # two more rows, between which the interpolation needs
    extended = _extended(strip, margin * factor, -rows % factor)
    reduced = extended.reshape(-1, factor, strip.shape[1]).mean(axis=1)
    return _interpolated(_convolved(reduced, reduced_sigma), rows, factor)


def _extended(strip: Channel, margin: int, below: int) -> Channel:
    """The strip with copies of its first and last row: `margin` at both ends, and `below` more at the lower one."""
    return np.pad(strip, ((margin, margin + below), (0, 0)), mode="edge")


def _convolved(strip: Channel, sigma: float) -> Channel:
    """Convolve downwards; the result has a radius fewer rows at both ends."""
    radius = ceil(_RADIUS_SIGMAS * sigma)
    weights = np.exp(-np.square(np.arange(radius + 1)) / (2 * sigma * sigma))
    weights = (weights / (weights[0] + 2 * weights[1:].sum())).astype(np.float32)
    rows = len(strip) - 2 * radius
    total: Channel = strip[radius : radius + rows] * weights[0]
    pair = np.empty_like(total)
    for distance in range(1, radius + 1):
        above, below = radius - distance, radius + distance
        np.add(strip[above : above + rows], strip[below : below + rows], out=pair)
        np.multiply(pair, weights[distance], out=pair)
        np.add(total, pair, out=total)
    return total


def _interpolated(reduced: Channel, rows: int, factor: int) -> Channel:
    """Rows between the rows of a reduced strip, by cubic interpolation. It begins and ends with two more of them."""
    columns = reduced.shape[1]
    part = (0, 2, columns, 2 + rows / factor)
    return np.asarray(Image.fromarray(reduced).resize((columns, rows), Image.Resampling.BICUBIC, part))
