"""Finds the borders of a picture that have one color."""

from collections.abc import Callable

from PIL import Image, ImageChops

from pymager.engine.containers.container import Box

_BAND_PIXELS = 1 << 20
"""How many pixels are compared at a time."""


def content_box(picture: Image.Image, tolerance: int) -> Box:
    """Left, top, right and bottom of what is left without the borders in the color of the top left pixel.

    A pixel belongs to a border if no channel, alpha included, differs from that color by more than `tolerance`. Where
    one of the two is fully transparent, only alpha counts, because its color cannot be seen. A picture that is all
    border stays whole. CIELAB is compared as RGB.
    """
    width, height = picture.size
    differing = _comparison(picture, tolerance)
    rows = max(1, _BAND_PIXELS // width)
    top_box = _first_box(differing, [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)])
    if top_box is None:
        return 0, 0, width, height
    left, top, right, bottom = top_box
    below = [(0, max(bottom, end - rows), width, end) for end in range(height, bottom, -rows)]
    if (bottom_box := _first_box(differing, below)) is not None:
        left, right, bottom = min(left, bottom_box[0]), max(right, bottom_box[2]), bottom_box[3]
    for start in range(top, bottom, rows):
        end = min(start + rows, bottom)
        if left and (box := differing((0, start, left, end))) is not None:
            left = box[0]
        if right < width and (box := differing((right, start, width, end))) is not None:
            right = box[2]
    return left, top, right, bottom


_Comparison = Callable[[Box], Box | None]


def _first_box(differing: _Comparison, boxes: list[Box]) -> Box | None:
    """What differs in the first box in which something does."""
    return next((found for box in boxes if (found := differing(box)) is not None), None)


def _comparison(picture: Image.Image, tolerance: int) -> _Comparison:
    """A function from a box to the smallest box around the pixels in it that belong to no border."""
    corner = picture.crop((0, 0, 1, 1))
    corner = corner.convert("RGB") if corner.mode == "LAB" else corner
    color = corner.getpixel((0, 0))
    beyond = [0] * (tolerance + 1) + [255] * (255 - tolerance)

    def differing(box: Box) -> Box | None:
        part = picture.crop(box)
        part = part.convert("RGB") if part.mode == "LAB" else part
        difference = ImageChops.difference(part, Image.new(part.mode, part.size, color))
        if part.mode == "RGBA":
            _ignore_invisible_colors(difference, part, clear_corner=corner.getchannel("A").getextrema() == (0, 0))
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
