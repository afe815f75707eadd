"""Crops around the center and scales in one step, so that no picture in between is larger than both of them."""

from functools import cache

from cykooz_resizer import AlphaMulDiv, CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

from pymager.engine import orient
from pymager.engine.step import Rectangle, StepContext
from pymager.names import Variant

_RESIZER_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""The modes that fast_image_resize supports."""


def centered_crop(size: tuple[int, int], target: tuple[int, int]) -> Rectangle:
    """The largest part around the center of a picture that has the target's aspect ratio.

    It can have fractions of pixels, except if no scaling is needed: then half a pixel would only blur the picture.
    """
    (width, height), (target_width, target_height) = size, target
    if width * target_height >= height * target_width:
        part = (height * target_width / target_height, float(height))
    else:
        part = (float(width), width * target_height / target_width)
    left, top = (width - part[0]) / 2, (height - part[1]) / 2
    if part == target:
        left, top = left // 1, top // 1
    return left, top, min(left + part[0], width), min(top + part[1], height)


def size_before_orientation(variant: Variant, orientation: int) -> tuple[int, int]:
    """The size to scale to: the variant's, before the orientation is applied."""
    return variant.size[::-1] if orient.swaps_sides(orientation) else variant.size


def jpeg_reduction(crop: Rectangle, target: tuple[int, int]) -> int:
    """The factor (1, 2, 4 or 8) by which a JPEG can be decoded smaller without losing detail in the crop."""
    scale = min((crop[2] - crop[0]) / target[0], (crop[3] - crop[1]) / target[1])
    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or factor <= scale + 1e-9)


def crop_and_scale(picture: Image.Image, context: StepContext) -> Image.Image:
    """Scale the context's crop to the variant's size with a Lanczos filter of three lobes.

    Overwrites a picture that has an alpha channel.
    """
    size = size_before_orientation(context.job.variant, context.orientation)
    left, top, right, bottom = context.crop
    if (right - left, bottom - top) == size and (left, top) == (left // 1, top // 1):
        return picture.crop((int(left), int(top), int(right), int(bottom)))
    if picture.mode not in _RESIZER_MODES:
        return picture.resize(size, Image.Resampling.LANCZOS, context.crop)
    scaled = Image.new(picture.mode, size)
    part = CropBox(left, top, right - left, bottom - top)
    if picture.mode == "RGBA":  # in place, because a copy of 100 megapixels is 400 MB; the small result is divided
        AlphaMulDiv().multiply_alpha_pil_inplace(picture)
    _resizer().resize_pil(picture, scaled, ResizeOptions(resize_alg=_lanczos(), crop_box=part))
    return scaled


@cache
def _resizer() -> Resizer:
    return Resizer()


@cache
def _lanczos() -> ResizeAlg:
    return ResizeAlg.convolution(FilterType.lanczos3)
