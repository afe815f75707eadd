"""Finds the borders of a picture that have one color."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from PIL import Image, ImageChops

from pymager.engine.containers.container import Box

_Comparison: TypeAlias = Callable[[Box], Box | None]

_BAND_PIXELS = 1 << 20
"""How many pixels are compared at a time."""


def content_box(picture: Image.Image, tolerance: int, area: Box, corner: tuple[int, int]) -> Box:
    """Left, top, right and bottom of what is left of `area` without its borders in the color of the pixel `corner`.

    A pixel belongs to a border if no channel, alpha included, differs from that color by more than `tolerance`. Where
    one of the two is fully transparent, only alpha counts, because its color cannot be seen. An area that is all border
    stays whole. CIELAB is compared as RGB.
    """
    first, start, last, end = area
    differing = _comparison(picture, tolerance, corner)
    rows = max(1, _BAND_PIXELS // (last - first))
    found = _first_box(differing, ((first, top, last, min(top + rows, end)) for top in range(start, end, rows)))
    if found is None:
        return area
    left, top, right, bottom = found
    below = ((first, max(bottom, lower - rows), last, lower) for lower in range(end, bottom, -rows))
    if (found := _first_box(differing, below)) is not None:
        left, right, bottom = min(left, found[0]), max(right, found[2]), found[3]
    for upper in range(top, bottom, rows):
        lower = min(upper + rows, bottom)
        if left > first and (found := differing((first, upper, left, lower))) is not None:
            left = found[0]
        if right < last and (found := differing((right, upper, last, lower))) is not None:
            right = found[2]
    return left, top, right, bottom


def _first_box(differing: _Comparison, boxes: Iterable[Box]) -> Box | None:
    """What differs in the first box in which something does."""
    return next((found for box in boxes if (found := differing(box)) is not None), None)


def _comparison(picture: Image.Image, tolerance: int, corner: tuple[int, int]) -> _Comparison:
    """A function from a box to the smallest box around the pixels in it that belong to no border."""
    x, y = corner
    pixel = picture.crop((x, y, x + 1, y + 1))
    pixel = pixel.convert("RGB") if pixel.mode == "LAB" else pixel
    color = pixel.getpixel((0, 0))
    beyond = [0] * (tolerance + 1) + [255] * (255 - tolerance)

    def differing(box: Box) -> Box | None:
        part = picture.crop(box)
        part = part.convert("RGB") if part.mode == "LAB" else part
        difference = ImageChops.difference(part, Image.new(part.mode, part.size, color))
        if part.mode == "RGBA":
            _ignore_invisible_colors(difference, part, clear_corner=pixel.getchannel("A").getextrema() == (0, 0))
        found = difference.point(beyond * len(part.getbands())).getbbox(alpha_only=False)
        if found is None:
            return None
        left, top = box[:2]
        return found[0] + left, found[1] + top, found[2] + left, found[3] + top

    return differing


def _ignore_invisible_colors(difference: Image.Image, part: Image.Image, *, clear_corner: bool) -> None:
    """Keep only the difference of alpha where the color of a pixel, or that of the corner, cannot be seen."""
    alpha = difference.getchannel("A")
    if clear_corner:
        difference.paste((0, 0, 0, 0), (0, 0, *part.size))
    else:
        clear = part.getchannel("A").point([255] + [0] * 255)
        difference.paste((0, 0, 0, 0), mask=clear)
    difference.putalpha(alpha)
