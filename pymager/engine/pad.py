"""Padding: the rest of a variant that `fit=contain` does not fill with the picture, and the colors behind pictures."""

from PIL import Image

from pymager.engine.jobs import RenderJob
from pymager.engine.step import StepContext
from pymager.variants.colors import Color, color_and_opacity, over

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


def background(job: RenderJob) -> Color:
    """The color behind transparent pixels in an output without transparency: `bg` over the setting's background."""
    return over(job.variant.bg, job.encoding.background) if job.variant.bg else job.encoding.background


def _padding(job: RenderJob) -> tuple[int, int, int, int]:
    if not job.variant.output.has_transparency:
        return (*background(job), _OPAQUE)
    return color_and_opacity(job.variant.bg) if job.variant.bg else _TRANSPARENT
