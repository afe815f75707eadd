"""Padding: the rest of a variant that `fit=contain` does not fill with the picture, and the colors behind pictures."""

from PIL import Image

from pymager.engine.jobs import RenderJob
from pymager.engine.step import StepContext

_OPAQUE = 255
_TRANSPARENT = (0, 0, 0, 0)


def pad(picture: Image.Image, context: StepContext) -> Image.Image:
    """Put the picture where it belongs in the variant. Around it is `bg`, or nothing where the output allows that."""
    target = context.target
    if target.picture == target.size:
        return picture
    color = _padding(context.job)
    if color[3] != _OPAQUE:
        picture = picture.convert("RGBA")
    elif picture.mode == "L" and not color[0] == color[1] == color[2]:
        picture = picture.convert("RGB")
    padded = Image.new(picture.mode, target.size, color[: len(picture.getbands())] if picture.mode != "L" else color[0])
    padded.paste(picture, target.offset)
    return padded


def background(job: RenderJob) -> tuple[int, int, int]:
    """The color behind transparent pixels in an output without transparency: `bg` over the setting's background."""
    red, green, blue, opacity = _color(job.variant.bg) if job.variant.bg else _TRANSPARENT
    own = job.encoding.background
    return _over(red, own[0], opacity), _over(green, own[1], opacity), _over(blue, own[2], opacity)


def _padding(job: RenderJob) -> tuple[int, int, int, int]:
    if not job.variant.output.has_transparency:
        return (*background(job), _OPAQUE)
    return _color(job.variant.bg) if job.variant.bg else _TRANSPARENT


def _color(text: str) -> tuple[int, int, int, int]:
    """`rrggbb` or `rrggbbaa` as red, green, blue and opacity, 0 to 255 each."""
    red, green, blue, opacity = bytes.fromhex(text if len(text) == 8 else f"{text}ff")
    return red, green, blue, opacity


def _over(value: int, behind: int, opacity: int) -> int:
    """A color in front of another one, rounded half up."""
    return (2 * (value * opacity + behind * (_OPAQUE - opacity)) + _OPAQUE) // (2 * _OPAQUE)
