"""Makes a derived picture: the pipeline from an original's file to the bytes of the answer."""

from dataclasses import replace
from pathlib import Path

from PIL import Image
from PIL.ImageFile import ImageFile

from pymager.engine import alpha, color, depth, orient, refusal, scale, source
from pymager.engine.codecs import encode
from pymager.engine.jobs import PictureLimits, RenderJob
from pymager.engine.source import Source
from pymager.engine.step import Step, StepContext


def strip(picture: Image.Image, task: StepContext) -> Image.Image:
    """Forget what came with the original: whatever stands in `info`, Pillow writes into the next file."""
    picture.info = {}
    return picture


DECODE: tuple[Step, ...] = (depth.eight_bits, alpha.expand, alpha.clear_undrawn)
"""What belongs to decoding: its failures are the picture's. On all pixels, since nothing of it can be scaled."""

DRAW: tuple[Step, ...] = (scale.cover, orient.turn, color.to_srgb, color.to_rgb, alpha.flatten, strip)
"""On the few pixels of the target, from the second step on."""

_AS_IT_IS = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


def render(path: Path, limits: PictureLimits, job: RenderJob) -> bytes | None:
    """The original in a file, cropped around its centre and scaled to the target; None: its own bytes are that.

    Of an animation it is the first frame. Raises `NotAPicture` and `Undecodable` as `inspect` does.
    """
    try:
        decoded = _decoded(path, limits, job)
        if decoded is None:
            return None
        picture, task = decoded
        del decoded  # the full picture is to go as soon as there is a small one
        for step in DRAW:
            picture = step(picture, task)
        return encode(picture, job)
    except MemoryError as error:
        raise refusal.too_big_to_decode() from error


def _decoded(path: Path, limits: PictureLimits, job: RenderJob) -> tuple[Image.Image, StepContext] | None:
    with source.opened(path, limits, whole=False) as original:
        if not _could_be_the_answer(original, job):
            return _load(original, job)
    with source.opened(path, limits, whole=True) as original:
        if original.container.bare and original.container.frames == 1:
            return None
        return _load(original, job)


def _could_be_the_answer(original: Source, job: RenderJob) -> bool:
    picture = original.picture
    same = (original.format, *picture.size) == (job.variant.format, *job.variant.size)
    return same and picture.mode in _AS_IT_IS


def _load(original: Source, job: RenderJob) -> tuple[Image.Image, StepContext]:
    picture: Image.Image = original.picture
    load = _load_jpeg if source.is_jpeg(picture) else _load_other
    task = load(original.picture, job)
    for step in DECODE:
        picture = step(picture, task)
    return picture, task


def _load_other(picture: ImageFile, job: RenderJob) -> StepContext:
    drawn = picture.tile[0].extents if picture.format == "GIF" else None
    picture.load()  # first: some formats tell orientation, profile or even size only at their end
    return replace(_task(picture, job), drawn=drawn)


def _load_jpeg(picture: ImageFile, job: RenderJob) -> StepContext:
    """Decode a JPEG as small as will do."""
    task = _task(picture, job)
    factor = scale.reduction(task.box, scale.before_turn(job.variant, task.orientation))
    width, height = picture.size
    if factor > 1:
        picture.draft(None, (width // factor, height // factor))
    picture.load()
    left, top, right, bottom = task.box
    return replace(task, box=(left / factor, top / factor, right / factor, bottom / factor))


def _task(picture: Image.Image, job: RenderJob) -> StepContext:
    orientation = orient.orientation(picture)
    box = scale.cover_box(picture.size, scale.before_turn(job.variant, orientation))
    return StepContext(job, box, orientation, picture.info.get("icc_profile"))
