"""Crops and scales in one step, so that no picture in between is larger than both of them."""

from functools import cache
from math import ceil, floor

from cykooz_resizer import AlphaMulDiv, CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

from pymager.engine.step import StepContext
from pymager.variants.geometry import Rectangle, turned_size

_LOBES = 3
_RESIZER_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""The modes that fast_image_resize supports."""


def crop_and_scale(picture: Image.Image, context: StepContext) -> Image.Image:
    """Scale the part of the picture that the variant shows with a Lanczos filter of three lobes.

    Overwrites a picture that has an alpha channel, and what is around the area that `crop` and `trim` leave.
    """
    size = turned_size(context.target.picture, context.turns)
    left, top, right, bottom = context.part
    if (right - left, bottom - top) == size and (left, top) == (left // 1, top // 1):
        return picture.crop((int(left), int(top), int(right), int(bottom)))
    if context.area is not None:
        _repeat_edges(picture, context.area, _reach(right - left, size[0]), _reach(bottom - top, size[1]))
    if picture.mode not in _RESIZER_MODES:
        return picture.resize(size, Image.Resampling.LANCZOS, context.part)
    scaled = Image.new(picture.mode, size)
    part = CropBox(left, top, right - left, bottom - top)
    if picture.mode == "RGBA":  # in place, because a copy of 100 megapixels is 400 MB; the small result is divided
        AlphaMulDiv().multiply_alpha_pil_inplace(picture)
    _resizer().resize_pil(picture, scaled, ResizeOptions(resize_alg=_lanczos(), crop_box=part))
    return scaled


def _reach(length: float, count: int) -> int:
    """How many pixels around a part the filter uses, in one direction."""
    return ceil(_LOBES * max(1.0, length / count)) + 1


def _repeat_edges(picture: Image.Image, area: Rectangle, reach_x: int, reach_y: int) -> None:
    """Overwrite what is around the area with its edges, because the filter mixes it into the edges of the variant.

    In place, because a copy of 100 megapixels is 400 MB. A pixel that is only partly in the area, which a reduced
    decode makes, is overwritten too.
    """
    left, right = _whole_pixels(area[0], area[2])
    top, bottom = _whole_pixels(area[1], area[3])
    first, last = max(0, left - reach_x), min(picture.width, right + reach_x)
    for column, start, end in ((left, first, left), (right - 1, right, last)):
        if start < end:
            edge = picture.crop((column, top, column + 1, bottom))
            picture.paste(edge.resize((end - start, bottom - top), Image.Resampling.NEAREST), (start, top))
    for row, start, end in ((top, max(0, top - reach_y), top), (bottom - 1, bottom, bottom + reach_y)):
        if start < (end := min(end, picture.height)):
            edge = picture.crop((first, row, last, row + 1))
            picture.paste(edge.resize((last - first, end - start), Image.Resampling.NEAREST), (first, start))


def _whole_pixels(start: float, end: float) -> tuple[int, int]:
    """The first pixel that is completely between two edges, and the first one behind; at least one pixel."""
    first, behind = ceil(start), floor(end)
    middle = int((start + end) / 2)
    return (first, behind) if first < behind else (middle, middle + 1)


@cache
def _resizer() -> Resizer:
    return Resizer()


@cache
def _lanczos() -> ResizeAlg:
    return ResizeAlg.convolution(FilterType.lanczos3)
