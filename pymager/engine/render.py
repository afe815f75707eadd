"""Renders a variant: the pipeline from the original's file to the variant's bytes."""

from pathlib import Path

from PIL import Image

from pymager.engine import alpha, color, depth, orient, pad, scale
from pymager.engine.decode import can_be_reduced, check_jpeg_pixels, decode, decode_jpeg, upright_orientation
from pymager.engine.encode import encode
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.original import OpenOriginal, open_original
from pymager.engine.step import Step, StepContext
from pymager.variants.geometry import jpeg_reduction, placement, reduced


def drop_metadata(picture: Image.Image, context: StepContext) -> Image.Image:
    """Empty `info`: Pillow would write its content into the variant."""
    picture.info = {}
    return picture


DECODE_STEPS: tuple[Step, ...] = (depth.eight_bits, alpha.expand, alpha.clear_outside_frame)
"""Steps that belong to decoding: their errors are errors of the picture. They run before scaling, on all pixels."""

OUTPUT_STEPS: tuple[Step, ...] = (
    scale.crop_and_scale,
    orient.turn,
    color.to_srgb,
    color.to_rgb,
    pad.pad,
    alpha.flatten,
    drop_metadata,
)
"""Steps towards the variant. From the second one on they run on the variant's few pixels."""

_COPYABLE_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""The modes in which an original's own bytes can be the variant."""


def render(path: Path, limits: PictureLimits, job: RenderJob) -> bytes | None:
    """Render a variant of the original in a file.

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
            return load(original, job)
    with open_original(path, limits, full_walk=True) as original:
        if original.container.picture_only and original.container.frames == 1:
            return None
        return load(original, job)


def _may_be_the_variant(original: OpenOriginal, job: RenderJob) -> bool:
    picture = original.picture
    same = (original.format, *original.size) == (job.variant.format, *job.variant.size)
    return same and job.variant.is_plain and picture is not None and picture.mode in _COPYABLE_MODES


def load(original: OpenOriginal, job: RenderJob) -> tuple[Image.Image, StepContext]:
    """Decode a picture, a JPEG as small as the variant allows, and run the steps that belong to decoding."""
    if can_be_reduced(original):
        placed = placement(job.variant, original.size, upright_orientation(original), job.max_side)
        factor, stored = jpeg_reduction(placed.part, placed.scaled_size), original.size
        if not original.container.has_end:
            check_jpeg_pixels(original)
        decoded = decode_jpeg(original, factor)
    else:
        factor, decoded = 1, decode(original)
        stored = decoded.picture.size
        placed = placement(job.variant, stored, decoded.orientation, job.max_side)
    part = reduced(placed.part, factor)
    area = None if placed.area == (0, 0, *stored) else reduced(placed.area, factor)
    picture = decoded.picture
    context = StepContext(
        job, part, placed.target, placed.turns, decoded.profile, decoded.gray, decoded.frame_area, area
    )
    del decoded
    for step in DECODE_STEPS:
        picture = step(picture, context)
    return picture, context
