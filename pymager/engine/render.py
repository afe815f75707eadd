"""The pipeline: from an original's file to the bytes of a variant."""

from dataclasses import replace
from pathlib import Path

from PIL import Image
from PIL.ImageFile import ImageFile

from pymager.engine import alpha, color, decoder_errors, depth, orient, scale, source
from pymager.engine.codecs import encode
from pymager.engine.jobs import PictureLimits, RenderJob
from pymager.engine.source import Source
from pymager.engine.step import Step, StepContext


def strip(picture: Image.Image, task: StepContext) -> Image.Image:
    """Drop the original's metadata: Pillow writes everything in `info` into the next file."""
    picture.info = {}
    return picture


DECODE: tuple[Step, ...] = (depth.eight_bits, alpha.expand, alpha.clear_undrawn)
"""The steps that belong to decoding, on all pixels: what they return can be scaled."""

DRAW: tuple[Step, ...] = (scale.cover, orient.turn, color.to_srgb, color.to_rgb, alpha.flatten, strip)
"""The steps that make the variant; from the second one on, they work on the pixels of the variant."""

_ENCODABLE_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


def render(path: Path, limits: PictureLimits, job: RenderJob) -> bytes | None:
    """The variant of an original, cropped around its center and scaled. None: the file itself is the variant.

    Of an animation, the first frame is used. Raises `NotAPicture` and `Undecodable` as `inspect` does.
    """
    try:
        decoded = _decoded(path, limits, job)
        if decoded is None:
            return None
        picture, context = decoded
        del decoded  # free the full picture as soon as there is a small one
        for step in DRAW:
            picture = step(picture, context)
        return encode(picture, job)
    except MemoryError as error:
        raise decoder_errors.out_of_memory() from error


def _decoded(path: Path, limits: PictureLimits, job: RenderJob) -> tuple[Image.Image, StepContext] | None:
    with source.opened(path, limits, whole=False) as original:
        if not _can_be_served_as_is(original, job):
            return _load(original, job)
    with source.opened(path, limits, whole=True) as original:
        if original.container.bare and original.container.frames == 1:
            return None
        return _load(original, job)


def _can_be_served_as_is(original: Source, job: RenderJob) -> bool:
    picture = original.picture
    same = (original.format, *picture.size) == (job.variant.format, *job.variant.size)
    return same and picture.mode in _ENCODABLE_MODES


def _load(original: Source, job: RenderJob) -> tuple[Image.Image, StepContext]:
    picture: Image.Image = original.picture
    load = _load_jpeg if source.is_jpeg(picture) else _load_other
    context = load(original.picture, job)
    for step in DECODE:
        picture = step(picture, context)
    return picture, context


def _load_other(picture: ImageFile, job: RenderJob) -> StepContext:
    drawn = picture.tile[0].extents if picture.format == "GIF" else None
    picture.load()  # first: some formats have orientation, profile or even size only at their end
    return replace(_context(picture, job), drawn=drawn)


def _load_jpeg(picture: ImageFile, job: RenderJob) -> StepContext:
    """Decode a JPEG at the smallest scale that has enough detail."""
    context = _context(picture, job)
    factor = scale.reduction(context.box, scale.before_turn(job.variant, context.orientation))
    width, height = picture.size
    if factor > 1:
        picture.draft(None, (width // factor, height // factor))
    picture.load()
    left, top, right, bottom = context.box
    return replace(context, box=(left / factor, top / factor, right / factor, bottom / factor))


def _context(picture: Image.Image, job: RenderJob) -> StepContext:
    orientation = orient.orientation(picture)
    box = scale.cover_box(picture.size, scale.before_turn(job.variant, orientation))
    return StepContext(job, box, orientation, picture.info.get("icc_profile"))
