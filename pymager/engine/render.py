"""Renders a variant: the pipeline from the original's file to the variant's bytes."""

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from pymager.engine import alpha, color, effects, locate, mezzanine, orient, overlay, pad, scale
from pymager.engine.animation.reading import decode_frame, open_animation
from pymager.engine.animation.writing import write
from pymager.engine.decode import (
    Decoded,
    can_be_reduced,
    check_jpeg_pixels,
    decode,
    decode_jpeg,
    draw,
    upright_orientation,
)
from pymager.engine.decode_steps import DECODE_STEPS
from pymager.engine.encode import encode, save_options
from pymager.engine.jobs import RenderJob, Source
from pymager.engine.limits import PictureLimits, check_animation
from pymager.engine.metadata.fields import NO_COPYRIGHT, Copyright
from pymager.engine.original import OpenOriginal, open_original
from pymager.engine.step import Step, StepContext
from pymager.formats import output_of
from pymager.variants.geometry import Placement, Rectangle, Size, Target, jpeg_reduction, placement, reduced


def drop_metadata(picture: Image.Image, context: StepContext) -> Image.Image:
    """Empty `info`: Pillow would write its content into the variant."""
    picture.info = {}
    return picture


OUTPUT_STEPS: tuple[Step, ...] = (
    scale.crop_and_scale,
    orient.turn,
    color.to_srgb,
    color.to_rgb,
    pad.pad,
    effects.sharpen,
    effects.blur,
    effects.gray,
    overlay.draw,
    alpha.flatten,
    drop_metadata,
)
"""Steps towards the variant. From the second one on they run on the variant's few pixels."""

_NO_PART = (0.0, 0.0, 0.0, 0.0)
_NO_TARGET = Target((0, 0), (0, 0), (0, 0))
_COPYABLE_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""The modes in which an original's own bytes can be the variant."""


def render(source: Source, limits: PictureLimits, job: RenderJob) -> bytes | None:
    """Render a variant of the original in a file.

    None means that the original's own bytes are the variant. An original that does not move gives a still picture.
    Raises `NotAPicture`, `Undecodable` and `MemoryError` as `inspect` does; also `FrameNotFound`, `EmptyCrop`,
    `VariantTooLarge` and `MezzanineDamaged`.
    """
    if job.variant.animated and (animated := _render_animation(source, limits, job)) is not None:
        return animated
    decoded = _decode(source, limits, job)
    if decoded is None:
        return None
    picture, context = decoded
    del decoded  # release the full-size picture as soon as there is a small one
    for step in OUTPUT_STEPS:
        picture = step(picture, context)
    return encode(picture, job, context.copyright)


def _render_animation(source: Source, limits: PictureLimits, job: RenderJob) -> bytes | None:
    """Render all frames, one at a time. None if the original does not move."""
    with open_original(source, limits, full_walk=False) as original:
        animation = open_animation(original)
        if animation is None:
            return None
        first = next(animation.frames(0))
        picture, _ = _after_decode_steps(first, limits, job, NO_COPYRIGHT)
        placed = locate.place(picture, picture.size, first.orientation, job)
        del first, picture
        kept = _copyright(original, job)
    frames = len(animation.milliseconds)
    check_animation(frames, animation.size, placed.target.size, limits)
    return write(
        job.variant.format,
        _frames(source, limits, job, placed),
        animation.milliseconds,
        animation.plays,
        stays_opaque=animation.stays_opaque,
        options=save_options(job, placed.target.size),
        first_options=save_options(job, placed.target.size, kept),
    )


def _frames(source: Source, limits: PictureLimits, job: RenderJob, placed: Placement) -> Iterator[Image.Image]:
    """The frames of the variant. Each goes through the same steps as a still picture."""
    for picture, context in _load_frames(source, limits, job, placed):
        for step in OUTPUT_STEPS:
            picture = step(picture, context)
        yield picture


def _load_frames(
    source: Source, limits: PictureLimits, job: RenderJob, placed: Placement
) -> Iterator[tuple[Image.Image, StepContext]]:
    """Decode all frames. Opens the file anew, so that errors of the encoder are not taken for errors of the file."""
    with open_original(source, limits, full_walk=False) as original:
        animation = open_animation(original)
        assert animation is not None
        for decoded in animation.frames(0):
            yield _prepared(decoded, limits, job, placed)


def _decode(source: Source, limits: PictureLimits, job: RenderJob) -> tuple[Image.Image, StepContext] | None:
    if job.upright is not None:
        return _load_mezzanine(source, limits, job)
    with open_original(source, limits, full_walk=False, page=job.variant.frame or 0) as original:
        if not _may_be_the_variant(original, job):
            return load(original, limits, job)
    with open_original(source, limits, full_walk=True) as original:
        if original.container.picture_only and original.container.frames == 1:
            return None
        return load(original, limits, job)


def _load_mezzanine(source: Source, limits: PictureLimits, job: RenderJob) -> tuple[Image.Image, StepContext]:
    """Decode the mezzanine of the original, as small as the variant allows."""
    opened = mezzanine.read(source, job)
    across, down = opened.factors
    placed = placement(job.variant, opened.stored, opened.orientation, job.max_side)
    factor = min(jpeg_reduction(_divided(placed.part, across, down), placed.scaled_size), opened.max_reduction)
    picture = mezzanine.load(opened, factor)
    part = _divided(placed.part, across * factor, down * factor)
    area = _divided(placed.area, across * factor, down * factor)
    context = StepContext(job, part, placed.target, placed.turns, opened.profile, gray=True, area=area, limits=limits)
    return picture, context  # it has a profile for gray only if the original is gray


def _divided(rectangle: Rectangle, across: float, down: float) -> Rectangle:
    left, top, right, bottom = rectangle
    return left / across, top / down, right / across, bottom / down


def _may_be_the_variant(original: OpenOriginal, job: RenderJob) -> bool:
    picture = original.picture
    same = (original.format, *original.size) == (job.variant.format, *job.variant.size)
    return same and job.variant.is_plain and picture is not None and picture.mode in _COPYABLE_MODES


def load(original: OpenOriginal, limits: PictureLimits, job: RenderJob) -> tuple[Image.Image, StepContext]:
    """Decode a picture, and run the steps that belong to decoding.

    A JPEG is decoded as small as the variant allows, and an SVG is drawn in the variant's size.
    """
    frame = job.variant.frame or 0
    if original.container.vector is not None and not frame:
        drawn = _placement_of_drawing(original, job)
        width, height = drawn.scaled_size
        decoded = draw(original, drawn.part, (width, height))
        whole = replace(drawn, part=(0.0, 0.0, float(width), float(height)), area=(0, 0, width, height))
        return _prepared(decoded, limits, job, whole, kept=_copyright(original, job))
    if not can_be_reduced(original) or frame:
        return _prepared(decode_frame(original, frame), limits, job, kept=_copyright(original, job))
    factor = _reduction(original, job)
    if not original.container.has_end:
        check_jpeg_pixels(original)
    decoded = decode_jpeg(original, factor)
    return _prepared(decoded, limits, job, factor=factor, stored=original.size, kept=_copyright(original, job))


def _prepared(
    decoded: Decoded,
    limits: PictureLimits,
    job: RenderJob,
    placed: Placement | None = None,
    *,
    factor: int = 1,
    stored: Size | None = None,
    kept: Copyright = NO_COPYRIGHT,
) -> tuple[Image.Image, StepContext]:
    """Run the steps that belong to decoding, then find the part that the variant shows, unless it is known.

    The picture, of the size `stored`, was decoded at 1/`factor` of it.
    """
    orientation = decoded.orientation
    picture, context = _after_decode_steps(decoded, limits, job, kept)
    del decoded
    placed = placed or locate.place(picture, stored or picture.size, orientation, job)
    part, area = reduced(placed.part, factor), reduced(placed.area, factor)
    return picture, replace(context, part=part, target=placed.target, turns=placed.turns, area=area)


def _after_decode_steps(
    decoded: Decoded, limits: PictureLimits, job: RenderJob, kept: Copyright
) -> tuple[Image.Image, StepContext]:
    """Run the steps that belong to decoding; they need no part and no target."""
    picture = decoded.picture
    context = StepContext(
        *(job, _NO_PART, _NO_TARGET, (), decoded.profile, decoded.gray, decoded.frame_area),
        copyright=kept,
        limits=limits,
    )
    for step in DECODE_STEPS:
        picture = step(picture, context)
    return picture, context


def _reduction(original: OpenOriginal, job: RenderJob) -> int:
    """The factor by which a JPEG can be decoded smaller."""
    if locate.needs_every_pixel(job):
        return 1
    placed = placement(job.variant, original.size, upright_orientation(original), job.max_side)
    return jpeg_reduction(placed.part, placed.scaled_size)


def _placement_of_drawing(original: OpenOriginal, job: RenderJob) -> Placement:
    """How an SVG becomes the variant. It is drawn for this only if its pixels decide: for `trim`, in its own size."""
    if not locate.needs_pixels(job):
        return placement(job.variant, original.size, 1, job.max_side)
    whole = (0.0, 0.0, float(original.size[0]), float(original.size[1]))
    seen = draw(original, whole, original.size) if locate.needs_every_pixel(job) else decode(original)
    return locate.place(seen.picture, original.size, 1, job)


def _copyright(original: OpenOriginal, job: RenderJob) -> Copyright:
    """The copyright that the variant keeps."""
    if job.encoding.keep_metadata == "none" or not output_of(job.variant.format).metadata:
        return NO_COPYRIGHT
    from pymager.engine import copyright  # only where it is kept

    if original.picture is not None and original.format != "webp":
        original.picture.load()  # some formats have metadata at their end
    return copyright.of(original)
