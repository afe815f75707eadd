"""Finds the part of a decoded picture that a variant shows. With `trim` and `gravity=smart`, its pixels decide."""

from fractions import Fraction

from PIL import Image

from pymager.engine.jobs import RenderJob
from pymager.variants.geometry import Box, Placement, Point, Size, cropped, placement, unturned_point
from pymager.variants.options import SMART


def place(picture: Image.Image, stored: Size, orientation: int, job: RenderJob) -> Placement:
    """How a picture of the size `stored` becomes the variant; `picture` is it, or smaller if it need not be trimmed.

    Raises `EmptyCrop` and `VariantTooLarge`.
    """
    variant = job.variant
    area = cropped(variant, stored, orientation)
    if variant.trim is not None:
        area = _trimmed(picture, variant.trim, area, orientation)
    placed = placement(variant, stored, orientation, job.max_side, area)
    if variant.gravity != SMART:
        return placed
    point = _focus(picture, stored, area, placed.scaled_size)
    return placement(variant, stored, orientation, job.max_side, area, point)


def needs_pixels(job: RenderJob) -> bool:
    """Whether the part depends on the pixels."""
    return job.variant.trim is not None or job.variant.gravity == SMART


def needs_every_pixel(job: RenderJob) -> bool:
    """Whether the picture has to be decoded in full size to find the part."""
    return job.variant.trim is not None


def _trimmed(picture: Image.Image, tolerance: int, area: Box, orientation: int) -> Box:
    from pymager.engine.trim import content_box

    left, top, right, bottom = area
    x, y = unturned_point((Fraction(0), Fraction(0)), (orientation,))
    return content_box(picture, tolerance, area, (right - 1 if x else left, bottom - 1 if y else top))


def _focus(picture: Image.Image, stored: Size, area: Box, target: Size) -> Point:
    from pymager.engine.smart import focus  # loads numpy

    factor = stored[0] / picture.width, stored[1] / picture.height
    left, top = int(area[0] / factor[0]), int(area[1] / factor[1])
    right, bottom = max(left + 1, round(area[2] / factor[0])), max(top + 1, round(area[3] / factor[1]))
    x, y = focus(picture, (left, top, min(right, picture.width), min(bottom, picture.height)), target)
    return Fraction(str(x)), Fraction(str(y))
