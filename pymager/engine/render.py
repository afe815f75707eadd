"""Renders a variant: the pipeline from the original's file to the variant's bytes."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from pymager.engine import alpha, color, depth, orient, pad, scale
from pymager.engine.decode import can_be_reduced, check_jpeg_pixels, decode, decode_jpeg, draw, upright_orientation
from pymager.engine.encode import encode
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.metadata.fields import NO_COPYRIGHT, Copyright
from pymager.engine.original import OpenOriginal, open_original
from pymager.engine.step import Step, StepContext
from pymager.formats import output_of
from pymager.variants.geometry import jpeg_reduction, placement


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
    return encode(picture, job, context.copyright)


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
    """Decode a picture, and run the steps that belong to decoding.

    A JPEG is decoded as small as the variant allows, and an SVG is drawn in the variant's size.
    """
    if can_be_reduced(original):
        placed = placement(job.variant, original.size, upright_orientation(original), job.max_side)
        factor = jpeg_reduction(placed.part, placed.scaled_size)
        if not original.container.has_end:
            check_jpeg_pixels(original)
        decoded = decode_jpeg(original, factor)
    elif original.container.vector is not None:
        factor = 1
        placed = placement(job.variant, original.size, 1, job.max_side)
        decoded = draw(original, placed.part, placed.scaled_size)
        width, height = map(float, placed.scaled_size)
        placed = replace(placed, part=(0.0, 0.0, width, height))
    else:
        factor = 1
        decoded = decode(original)
        placed = placement(job.variant, decoded.picture.size, decoded.orientation, job.max_side)
    left, top, right, bottom = placed.part
    part = (left / factor, top / factor, right / factor, bottom / factor)
    picture = decoded.picture
    kept = _copyright(original, job)
    context = StepContext(
        job, part, placed.target, placed.turns, decoded.profile, decoded.gray, decoded.frame_area, kept
    )
    del decoded
    for step in DECODE_STEPS:
        picture = step(picture, context)
    return picture, context


def _copyright(original: OpenOriginal, job: RenderJob) -> Copyright:
    """The copyright that the variant keeps."""
    if job.encoding.keep_metadata == "none" or not output_of(job.variant.format).metadata:
        return NO_COPYRIGHT
    from pymager.engine import copyright  # only where it is kept

    return copyright.of(original)
