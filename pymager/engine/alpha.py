"""Transparency, in all the ways that files have it; and palettes, which can't be scaled."""

from PIL import Image

from pymager.engine.step import StepContext
from pymager.formats import output_of

_PLAIN = frozenset({"L", "RGB", "RGBA", "CMYK", "LAB"})
_GREY = frozenset({"1", "L"})


def expand(picture: Image.Image, task: StepContext) -> Image.Image:
    """The picture as grey, RGB, RGBA, CMYK or LAB: palettes looked up, transparent colours made an alpha channel."""
    if picture.has_transparency_data and picture.mode not in ("RGBA", "CMYK", "LAB"):
        _narrow_transparent_colour(picture)
        return picture.convert("RGBA")
    if picture.mode in _PLAIN:
        return picture
    return picture.convert("L" if picture.mode in _GREY else "RGB")


def clear_undrawn(picture: Image.Image, task: StepContext) -> Image.Image:
    """Nothing is to be seen where a GIF's first frame does not reach; Pillow fills it with some colour."""
    if task.drawn in (None, (0, 0, *picture.size)):
        return picture
    canvas = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    canvas.paste(picture.crop(task.drawn), task.drawn)
    return canvas


def flatten(picture: Image.Image, task: StepContext) -> Image.Image:
    """Lay the picture on the background where the output has no transparency; drop an alpha that hides nothing."""
    if picture.mode != "RGBA":
        return picture
    if output_of(task.job.variant.format).has_transparency:
        return picture.convert("RGB") if picture.getchannel("A").getextrema() == (255, 255) else picture
    ground = Image.new("RGB", picture.size, task.job.encoding.background)
    ground.paste(picture, mask=picture)
    return ground


def _narrow_transparent_colour(picture: Image.Image) -> None:
    """In a PNG of 16 bits a channel the transparent colour has 16 too, while the decoded picture has 8."""
    colour = picture.info.get("transparency")
    if picture.mode == "RGB" and isinstance(colour, tuple) and max(colour) > 255:
        picture.info["transparency"] = tuple(value >> 8 for value in colour)
