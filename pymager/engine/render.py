"""Renders a variant: the pipeline from the original's file to the variant's bytes."""

from dataclasses import replace
from pathlib import Path

from PIL import Image
from PIL.ImageFile import ImageFile

from pymager.engine import alpha, color, depth, orient, scale
from pymager.engine.encode import encode
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.original import OpenOriginal, is_jpeg, open_original
from pymager.engine.step import Step, StepContext


def drop_metadata(picture: Image.Image, context: StepContext) -> Image.Image:
    """Empty `info`: Pillow would write its content into the variant."""
    picture.info = {}
    return picture


DECODE_STEPS: tuple[Step, ...] = (depth.eight_bits, alpha.expand, alpha.clear_outside_frame)
"""Steps that belong to decoding: their errors are errors of the picture. They run before scaling, on all pixels."""

OUTPUT_STEPS: tuple[Step, ...] = (
    scale.crop_and_scale,
    orient.apply_orientation,
    color.to_srgb,
    color.to_rgb,
    alpha.flatten,
    drop_metadata,
)
"""Steps towards the variant. From the second one on they run on the variant's few pixels."""

_COPYABLE_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""The modes in which an original's own bytes can be the variant."""


def render(path: Path, limits: PictureLimits, job: RenderJob) -> bytes | None:
    """Crop the original in a file around its center, and scale it to the variant's size.

    None means that the original's own bytes are the variant. An animation gives its first frame. Raises
    `NotAPicture`, `Undecodable` and `MemoryError` as `inspect` does.
    """
    decoded = _decode(path, limits, job)
    if decoded is None:
        return None
    picture, context = decoded
    del decoded  # release the full-size picture as soon as there is a small one
    for step in OUTPUT_STEPS:
        picture = step(picture, context)
    return encode(picture, job)


def _decode(path: Path, limits: PictureLimits, job: RenderJob) -> tuple[Image.Image, StepContext] | None:
    with open_original(path, limits, full_walk=False) as original:
        if not _may_be_the_variant(original, job):
            return _load(original, job)
    with open_original(path, limits, full_walk=True) as original:
        if original.container.picture_only and original.container.frames == 1:
            return None
        return _load(original, job)


def _may_be_the_variant(original: OpenOriginal, job: RenderJob) -> bool:
    picture = original.picture
    same = (original.format, *picture.size) == (job.variant.format, *job.variant.size)
    return same and picture.mode in _COPYABLE_MODES


def _load(original: OpenOriginal, job: RenderJob) -> tuple[Image.Image, StepContext]:
    picture: Image.Image = original.picture
    load = _load_jpeg if is_jpeg(picture) else _load_other
    context = load(original.picture, job)
    for step in DECODE_STEPS:
        picture = step(picture, context)
    return picture, context


def _load_other(picture: ImageFile, job: RenderJob) -> StepContext:
    frame_area = picture.tile[0].extents if picture.format == "GIF" else None
    picture.load()  # first, because some formats have the orientation, the profile or even the size at their end
    return replace(_context(picture, job), frame_area=frame_area)


def _load_jpeg(picture: ImageFile, job: RenderJob) -> StepContext:
    """Decode a JPEG as small as the variant allows."""
    context = _context(picture, job)
    factor = scale.jpeg_reduction(context.crop, scale.size_before_orientation(job.variant, context.orientation))
    width, height = picture.size
    if factor > 1:
        picture.draft(None, (width // factor, height // factor))
    picture.load()
    left, top, right, bottom = context.crop
    return replace(context, crop=(left / factor, top / factor, right / factor, bottom / factor))


def _context(picture: Image.Image, job: RenderJob) -> StepContext:
    orientation = orient.read_orientation(picture)
    crop = scale.centered_crop(picture.size, scale.size_before_orientation(job.variant, orientation))
    return StepContext(job, crop, orientation, picture.info.get("icc_profile"))
