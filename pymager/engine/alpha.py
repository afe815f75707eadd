"""Transparency, in all the ways that files have it; and palettes, which cannot be scaled."""

from PIL import Image

from pymager.engine.step import StepContext
from pymager.formats import output_of

_SCALABLE = frozenset({"L", "RGB", "RGBA", "CMYK", "LAB"})
_GRAY = frozenset({"1", "L"})


def expand(picture: Image.Image, context: StepContext) -> Image.Image:
    """The picture as gray, RGB, RGBA, CMYK or LAB: palettes are resolved, a transparent color becomes alpha."""
    if picture.has_transparency_data and picture.mode not in ("RGBA", "CMYK", "LAB"):
        _narrow_transparent_color(picture)
        return picture.convert("RGBA")
    if picture.mode in _SCALABLE:
        return picture
    return picture.convert("L" if picture.mode in _GRAY else "RGB")


def clear_undrawn(picture: Image.Image, context: StepContext) -> Image.Image:
    """Make transparent what a GIF's first frame does not cover; Pillow fills it with some color."""
    if context.drawn in (None, (0, 0, *picture.size)):
        return picture
    canvas = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    canvas.paste(picture.crop(context.drawn), context.drawn)
    return canvas


def flatten(picture: Image.Image, context: StepContext) -> Image.Image:
    """Composite over the background if the output has no transparency; drop an alpha channel that is opaque."""
    if picture.mode != "RGBA":
        return picture
    if output_of(context.job.variant.format).has_transparency:
        return picture.convert("RGB") if picture.getchannel("A").getextrema() == (255, 255) else picture
    background = Image.new("RGB", picture.size, context.job.encoding.background)
    background.paste(picture, mask=picture)
    return background


def _narrow_transparent_color(picture: Image.Image) -> None:
    """In a PNG of 16 bits per channel the transparent color has 16 bits too, but the decoded picture has 8."""
    color = picture.info.get("transparency")
    if picture.mode == "RGB" and isinstance(color, tuple) and max(color) > 255:
        picture.info["transparency"] = tuple(value >> 8 for value in color)
