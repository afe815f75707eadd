"""Crops around the center and scales in one step, so that nothing is larger than the original or the variant."""

from functools import cache

from cykooz_resizer import AlphaMulDiv, CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

from pymager.engine import orient
from pymager.engine.step import Box, StepContext
from pymager.names import Variant

_FAST_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""The modes that fast_image_resize supports."""


def cover_box(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """The largest part around the center of a picture with the wanted proportions: left, top, right, bottom.

    The edges can be between pixels, except for a part that needs no scaling: half a pixel would only blur it.
    """
    (width, height), (wide, high) = size, wanted
    if width * high >= height * wide:
        part = (height * wide / high, float(height))
    else:
        part = (float(width), width * high / wide)
    left, top = (width - part[0]) / 2, (height - part[1]) / 2
    if part == wanted:
        left, top = left // 1, top // 1
    return left, top, min(left + part[0], width), min(top + part[1], height)


def before_turn(variant: Variant, orientation: int) -> tuple[int, int]:
    """The size to scale to: the variant's, before the picture is turned."""
    return variant.size[::-1] if orient.swaps(orientation) else variant.size


def reduction(box: Box, wanted: tuple[int, int]) -> int:
    """By how much a JPEG can be decoded smaller (1, 2, 4 or 8) without losing detail that the box needs."""
    scale = min((box[2] - box[0]) / wanted[0], (box[3] - box[1]) / wanted[1])
    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or factor <= scale + 1e-9)


def cover(picture: Image.Image, context: StepContext) -> Image.Image:
    """Scale the box to the variant's size, by Lanczos with three lobes. Modifies a picture that has alpha."""
    size = before_turn(context.job.variant, context.orientation)
    left, top, right, bottom = context.box
    if (right - left, bottom - top) == size and (left, top) == (left // 1, top // 1):
        return picture.crop((int(left), int(top), int(right), int(bottom)))
    if picture.mode not in _FAST_MODES:
        return picture.resize(size, Image.Resampling.LANCZOS, context.box)
    scaled = Image.new(picture.mode, size)
    part = CropBox(left, top, right - left, bottom - top)
    if picture.mode == "RGBA":  # in place: a copy of 100 megapixels is 400 MB; divided again when it is small
        AlphaMulDiv().multiply_alpha_pil_inplace(picture)
    _resizer().resize_pil(picture, scaled, ResizeOptions(resize_alg=_lanczos(), crop_box=part))
    return scaled


@cache
def _resizer() -> Resizer:
    return Resizer()


@cache
def _lanczos() -> ResizeAlg:
    return ResizeAlg.convolution(FilterType.lanczos3)
