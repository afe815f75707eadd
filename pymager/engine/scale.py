"""Crops and scales in one step, so that no picture in between is larger than both of them."""

from functools import cache

from cykooz_resizer import AlphaMulDiv, CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

from pymager.engine.step import StepContext
from pymager.variants.geometry import turned_size

_RESIZER_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""The modes that fast_image_resize supports."""


def crop_and_scale(picture: Image.Image, context: StepContext) -> Image.Image:
    """Scale the part of the picture that the variant shows with a Lanczos filter of three lobes.

    Overwrites a picture that has an alpha channel.
    """
    size = turned_size(context.target.picture, context.turns)
    left, top, right, bottom = context.part
    if (right - left, bottom - top) == size and (left, top) == (left // 1, top // 1):
        return picture.crop((int(left), int(top), int(right), int(bottom)))
    if picture.mode not in _RESIZER_MODES:
        return picture.resize(size, Image.Resampling.LANCZOS, context.part)
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
