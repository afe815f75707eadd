"""Transparency in all of its representations, and palettes, which cannot be scaled."""

from PIL import Image

from pymager.engine.pad import background
from pymager.engine.step import StepContext
from pymager.formats import output_of

_EXPANDED_MODES = frozenset({"L", "RGB", "RGBA", "CMYK", "LAB"})
_GRAY_MODES = frozenset({"1", "L"})


def expand(picture: Image.Image, context: StepContext) -> Image.Image:
    """Convert to gray, RGB, RGBA, CMYK or LAB: look up palettes, turn a transparent color into an alpha channel."""
    return expanded(picture)


def expanded(picture: Image.Image) -> Image.Image:
    """The picture in gray, RGB, RGBA, CMYK or LAB."""
    if picture.has_transparency_data and picture.mode not in ("RGBA", "CMYK", "LAB"):
        return picture.convert("RGBA")
    if picture.mode in _EXPANDED_MODES:
        return picture
    return picture.convert("L" if picture.mode in _GRAY_MODES else "RGB")


def clear_outside_frame(picture: Image.Image, context: StepContext) -> Image.Image:
    """Make transparent what a GIF's first frame does not cover; Pillow fills it with some color."""
    if context.frame_area is None or context.frame_area == (0, 0, *picture.size):
        return picture
    width, height = picture.size
    left, top, right, bottom = context.frame_area
    picture = picture.convert("RGBA") if picture.mode != "RGBA" else picture
    for margin in ((0, 0, width, top), (0, bottom, width, height), (0, 0, left, height), (right, 0, width, height)):
        if margin[0] < margin[2] and margin[1] < margin[3]:
            picture.paste((0, 0, 0, 0), margin)
    return picture


def flatten(picture: Image.Image, context: StepContext) -> Image.Image:
    """Put the picture on the background if the output has no transparency; drop an alpha channel that is opaque."""
    if picture.mode != "RGBA":
        return picture
    if output_of(context.job.variant.format).has_transparency:
        return picture.convert("RGB") if picture.getchannel("A").getextrema() == (255, 255) else picture
    flattened = Image.new("RGB", picture.size, background(context.job))
    flattened.paste(picture, mask=picture)
    return flattened
