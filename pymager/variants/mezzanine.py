"""The rules of mezzanines: which originals get one, how large it is, and which variants are rendered from it.

A mezzanine is a reduced picture of an original. All rules depend on the original's row, the variant and the settings
alone, so that every process decides the same. Needs no decoder.
"""

from typing import TypeAlias

from pymager.errors import EmptyCrop, VariantTooLarge
from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants.geometry import Rectangle, placement
from pymager.variants.options import SMART
from pymager.variants.variant import Variant

Size: TypeAlias = tuple[int, int]

MIN_SIDE = 256
MAX_SIDE = 8_192
_JPEG_REDUCTIONS = (4, 8)
_MIN_REDUCTION = 1.5
"""An original that is less than so many times as large as its mezzanine gets none."""
_MIN_RATIO = 1.5
"""A part of the mezzanine that is scaled down by less is rendered from the original."""
_VECTOR_FORMATS = frozenset({"svg"})


def pays(original: Original, side: int) -> bool:
    """Whether the original gets a mezzanine whose longest side is at most `side` pixels."""
    return pays_for(original.format, (original.width, original.height), side)


def pays_for(format: str, size: Size, side: int) -> bool:
    """Whether an original of this format and size in pixels gets a mezzanine."""
    if format in _VECTOR_FORMATS or max(size) <= side:
        return False
    return max(size) >= _MIN_REDUCTION * max(mezzanine_size(format, size, side))


def jpeg_reduction(size: Size, side: int) -> int:
    """The factor (4 or 8) by which a JPEG is decoded smaller for its mezzanine."""
    return next((factor for factor in _JPEG_REDUCTIONS if -(-max(size) // factor) <= side), _JPEG_REDUCTIONS[-1])


def mezzanine_size(format: str, size: Size, side: int) -> Size:
    """Width and height of the mezzanine of an original of this size.

    A JPEG is decoded at a fraction of its size, which costs less than scaling it, so it can be smaller than `side`.
    """
    width, height = size
    if format == "jpeg":
        factor = jpeg_reduction(size, side)
        width, height = -(-width // factor), -(-height // factor)
    if max(width, height) <= side:
        return width, height
    longest = max(size)
    return max(1, (2 * size[0] * side + longest) // (2 * longest)), max(
        1, (2 * size[1] * side + longest) // (2 * longest)
    )


def serves(original: Original, variant: Variant, encoding: Encoding, side: int, max_side: int) -> bool:
    """Whether the variant is rendered from the mezzanine: it then looks as if rendered from the original.

    `variant` is final (`pymager.library.resolution`), `encoding` is its own, and `max_side` limits a side that follows,
    in pixels. False if the original gets no mezzanine.
    """
    if variant.animated or variant.frame or variant.trim is not None or variant.gravity == SMART:
        return False
    if encoding.keep_metadata != "none" and variant.output.metadata:
        return False
    if not pays(original, side):
        return False
    upright = original.width, original.height
    try:
        placed = placement(variant, upright, 1, max_side)
    except (EmptyCrop, VariantTooLarge):
        return False
    reduced = mezzanine_size(original.format, upright, side)
    return _is_large_enough(placed.part, placed.scaled_size, (upright[0] / reduced[0], upright[1] / reduced[1]))


def _is_large_enough(part: Rectangle, size: Size, factors: tuple[float, float]) -> bool:
    width, height = (part[2] - part[0]) / factors[0], (part[3] - part[1]) / factors[1]
    return width >= _MIN_RATIO * size[0] and height >= _MIN_RATIO * size[1]
