"""Crops around the centre and scales, in one go, so that nothing is ever larger than the original or the target."""

from functools import cache

from cykooz_resizer import AlphaMulDiv, CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

from pymager.engine import orient
from pymager.engine.step import Box, StepContext
from pymager.names import Variant

_FAST = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""The modes that fast_image_resize takes."""


def cover_box(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """The largest part around the centre of a picture that has the wanted proportions: left, top, right, bottom.

    It has fractions of pixels, but for a part that needs no scaling: there half a pixel would only blur.
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
    """By how much a JPEG may be decoded smaller (1, 2, 4 or 8) with no less detail than is wanted in the box."""
    scale = min((box[2] - box[0]) / wanted[0], (box[3] - box[1]) / wanted[1])
    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or factor <= scale + 1e-9)


def cover(picture: Image.Image, task: StepContext) -> Image.Image:
    """Scale the task's box to the target's size, by Lanczos of three lobes. A picture with alpha is spoiled thereby."""
    size = before_turn(task.job.variant, task.orientation)
    left, top, right, bottom = task.box
    if (right - left, bottom - top) == size and (left, top) == (left // 1, top // 1):
        return picture.crop((int(left), int(top), int(right), int(bottom)))
    if picture.mode not in _FAST:
        return picture.resize(size, Image.Resampling.LANCZOS, task.box)
    scaled = Image.new(picture.mode, size)
    part = CropBox(left, top, right - left, bottom - top)
    if picture.mode == "RGBA":  # in place, since a copy of 100 megapixels is 400 MB; divided again once it is small
        AlphaMulDiv().multiply_alpha_pil_inplace(picture)
    _resizer().resize_pil(picture, scaled, ResizeOptions(resize_alg=_lanczos(), crop_box=part))
    return scaled


@cache
def _resizer() -> Resizer:
    return Resizer()


@cache
def _lanczos() -> ResizeAlg:
    return ResizeAlg.convolution(FilterType.lanczos3)
