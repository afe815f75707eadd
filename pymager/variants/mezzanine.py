"""The rules of mezzanines: which originals get one, how large it is, and which variants are rendered from it.

A mezzanine is a reduced picture of an original. All rules depend on the original's row, the variant and the settings
alone, so that every process decides the same. Needs no decoder.
"""

from fractions import Fraction
from typing import TypeAlias

from pymager.errors import EmptyCrop, VariantTooLarge
from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants.geometry import placement
from pymager.variants.numbers import half_up
from pymager.variants.options import SMART
from pymager.variants.variant import Variant

Size: TypeAlias = tuple[int, int]

MIN_SIDE = 256
MAX_SIDE = 8_192

_JPEG_REDUCTIONS = (4, 8)
"""An upload decodes a JPEG at an eighth without a mezzanine. At a half it costs twice as much, at a quarter a third."""
_REDUCTION = 2
"""How many times smaller the mezzanine of another format is at least."""
_MIN_PIXELS = {"jpeg": 3_000_000}
_MIN_OTHER_PIXELS = 1_000_000
"""Smaller originals are decoded in less time than a mezzanine saves."""
_MIN_BYTES_PER_PIXEL = 2.0
"""How many bytes an original has at least for each pixel of its mezzanine: smaller files are decoded fast anyway."""
_MIN_FINE_BYTES_PER_PIXEL = 3.2
"""With so many bytes a pixel, a mezzanine in high quality takes at most a fifth of them for nearly every photo."""
_MIN_RATIO = 1.5
_MIN_FINE_RATIO = 1.25
_MIN_SCALED_RATIO = 2.5
"""A part of the mezzanine that is scaled down by less is rendered from the original (docs/explanation/benchmark.md)."""
_GRAY_FACTOR = 1.3
"""To `gray`, the primaries count by their light, which makes the differences larger."""
_VECTOR_FORMATS = frozenset({"svg"})


def pays(original: Original, side: int) -> bool:
    """Whether the original gets a mezzanine whose longest side is at most `side` pixels."""
    return pays_for(original.format, (original.width, original.height), original.size, side)


def pays_for(format: str, size: Size, length: int, side: int) -> bool:
    """Whether an original of this format, size in pixels, and length in bytes gets a mezzanine."""
    if format in _VECTOR_FORMATS or size[0] * size[1] < _MIN_PIXELS.get(format, _MIN_OTHER_PIXELS):
        return False
    width, height = mezzanine_size(format, size, side)
    return length >= _MIN_BYTES_PER_PIXEL * width * height


def max_bytes(length: int) -> int:
    """The largest mezzanine of an original of so many bytes. Those of photographs are far smaller."""
    return length // 2


def jpeg_reduction(size: Size, side: int) -> int:
    """The factor (4 or 8) by which a JPEG is decoded smaller for its mezzanine."""
    return next((factor for factor in _JPEG_REDUCTIONS if -(-max(size) // factor) <= side), _JPEG_REDUCTIONS[-1])


def min_ratio(format: str, size: Size, length: int, side: int) -> float:
    """How many times smaller than the mezzanine's part a variant is at least, in each direction.

    Scaling twice blurs a picture. The mezzanine of a JPEG was not scaled, only decoded at the fraction at which such
    variants would decode the original. What is left is the loss of the mezzanine's own coding, which is smaller if it
    may take more bytes.
    """
    width, height = mezzanine_size(format, size, side)
    if format != "jpeg" or (width, height) != decoded_size(size, jpeg_reduction(size, side)):
        return _MIN_SCALED_RATIO
    return _MIN_FINE_RATIO if length >= _MIN_FINE_BYTES_PER_PIXEL * width * height else _MIN_RATIO


def decoded_size(size: Size, factor: int) -> Size:
    """The size in pixels of a JPEG that is decoded at 1/`factor` of its size."""
    return -(-size[0] // factor), -(-size[1] // factor)


def mezzanine_size(format: str, size: Size, side: int) -> Size:
    """Width and height of the mezzanine of an original of this size.

    A JPEG is decoded at a fraction of its size, which costs less than to scale it. If that is still too large, and in
    other formats, the picture is scaled.
    """
    width, height = size
    if format == "jpeg":
        width, height = decoded_size(size, jpeg_reduction(size, side))
        if max(width, height) <= side:
            return width, height
    longest = max(size)
    wanted = min(side, longest // (1 if format == "jpeg" else _REDUCTION))
    return max(1, half_up(Fraction(size[0] * wanted, longest))), max(1, half_up(Fraction(size[1] * wanted, longest)))


def serves(original: Original, variant: Variant, encoding: Encoding, side: int, max_side: int) -> bool:
    """Whether the variant is rendered from the mezzanine: it then looks as if rendered from the original.

    `variant` is final (`pymager.library.resolution`), `encoding` is its own, and `max_side` limits a side that follows,
    in pixels. False if the original gets no mezzanine.
    """
    if variant.animated or variant.frame or variant.trim is not None or variant.gravity == SMART:
        return False
    if variant.sharpen:  # it makes the differences larger too
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
    ratio = min_ratio(original.format, upright, original.size, side) * (_GRAY_FACTOR if variant.gray else 1)
    return all(
        (end - start) * small >= ratio * scaled * whole
        for start, end, scaled, small, whole in (
            (placed.part[0], placed.part[2], placed.scaled_size[0], reduced[0], upright[0]),
            (placed.part[1], placed.part[3], placed.scaled_size[1], reduced[1], upright[1]),
        )
    )
