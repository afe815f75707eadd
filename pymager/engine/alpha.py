"""Transparency in all of its representations, and palettes, which cannot be scaled."""

from PIL import Image

from pymager.engine.step import StepContext
from pymager.formats import output_of

_EXPANDED_MODES = frozenset({"L", "RGB", "RGBA", "CMYK", "LAB"})
_GRAY_MODES = frozenset({"1", "L"})


def expand(picture: Image.Image, context: StepContext) -> Image.Image:
    """Convert to gray, RGB, RGBA, CMYK or LAB: look up palettes, turn a transparent color into an alpha channel."""
    if picture.has_transparency_data and picture.mode not in ("RGBA", "CMYK", "LAB"):
        return picture.convert("RGBA")
    if picture.mode in _EXPANDED_MODES:
        return picture
    return picture.convert("L" if picture.mode in _GRAY_MODES else "RGB")


def clear_outside_frame(picture: Image.Image, context: StepContext) -> Image.Image:
    """Make transparent what a GIF's first frame does not cover; Pillow fills it with some color."""
    if context.frame_area in (None, (0, 0, *picture.size)):
        return picture
    canvas = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    canvas.paste(picture.crop(context.frame_area), context.frame_area)
    return canvas


def flatten(picture: Image.Image, context: StepContext) -> Image.Image:
    """Put the picture on the background if the output has no transparency; drop an alpha channel that is opaque."""
    if picture.mode != "RGBA":
        return picture
    if output_of(context.job.variant.format).has_transparency:
        return picture.convert("RGB") if picture.getchannel("A").getextrema() == (255, 255) else picture
    flattened = Image.new("RGB", picture.size, context.job.encoding.background)
    flattened.paste(picture, mask=picture)
    return flattened
