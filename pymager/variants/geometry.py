"""Where a variant's pixels come from: exact sizes and rectangles, in integers and fractions.

The rules are sharp's and CSS's (`object-fit`, `object-position`). A picture is cropped, turned and mirrored before it
is fitted; here this happens to rectangles, so that the pixels are turned once, after scaling.

"Upright" is the picture with its orientation applied, "stored" as its file has it, and "final" after `rotate` and
`flip` too. A turn is a number of EXIF's orientation, 1 to 8: what has to be done to the pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from pymager.errors import EmptyCrop, VariantTooLarge
from pymager.variants.numbers import decimal, half_up
from pymager.variants.options import focal_point
from pymager.variants.variant import Variant

Size: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels."""
Rectangle: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels, which can be fractions."""
Point: TypeAlias = tuple[Fraction, Fraction]
"""Fractions of width and height, from the top left corner."""

_UPRIGHT = 1
_ROTATIONS = {0: _UPRIGHT, 90: 6, 180: 3, 270: 8}
_FLIPS = {"": _UPRIGHT, "h": 2, "v": 4, "hv": 3}
_INVERSE = {6: 8, 8: 6}
_ROUNDING_ERROR = 1e-9
_CACHED_PLACEMENTS = 256
"""Exact fractions are slow: a placement takes about an eighth of the time that decoding a small JPEG takes."""


@dataclass(frozen=True, slots=True)
class Target:
    """The final size of a variant, and the size and the place of the picture in it; the rest is padding."""

    size: Size
    picture: Size
    offset: Size


@dataclass(frozen=True, slots=True)
class Placement:
    """How a stored picture becomes a variant: `part` is scaled, turned by `turns`, and put where `target` says.

    `area` is what `crop` and `trim` leave of the stored picture: nothing outside of it can show in the variant.
    """

    part: Rectangle
    target: Target
    turns: tuple[int, ...]
    area: Box

    @property
    def scaled_size(self) -> Size:
        """The size to scale the part to, before the turns."""
        return turned_size(self.target.picture, self.turns)


@lru_cache(maxsize=_CACHED_PLACEMENTS)
def placement(
    variant: Variant,
    stored: Size,
    orientation: int,
    max_side: int,
    area: Box | None = None,
    point: Point | None = None,
) -> Placement:
    """How a picture of the size `stored` becomes the variant.

    `area` is the part of the stored picture that is left after `crop` and `trim`, if it is known already. `point` is
    the point of the stored picture that `gravity` stands for; it has to be given for `smart`, which else is the center.
    Raises `EmptyCrop` and `VariantTooLarge`.
    """
    left, top, right, bottom = area = area or cropped(variant, stored, orientation)
    all_turns = turns(variant, orientation)
    placed = target(variant, turned_size((right - left, bottom - top), all_turns), max_side)
    kept = unturned_point(focal_point(variant.gravity), all_turns) if point is None else point
    size = turned_size(placed.picture, all_turns)
    return Placement(shown_part(variant, area, size, kept), placed, all_turns, area)


def turns(variant: Variant, orientation: int) -> tuple[int, ...]:
    """The turns from the stored to the final picture, in their order."""
    all = (orientation, _ROTATIONS[variant.rotate], _FLIPS[variant.flip])
    return tuple(turn for turn in all if turn != _UPRIGHT)


def swaps_sides(turn: int) -> bool:
    """Whether the turn exchanges width and height."""
    return turn >= 5


def turned_size(size: Size, turns: Sequence[int]) -> Size:
    """The size after the turns, or before them: exchanging sides is its own inverse."""
    return size[::-1] if sum(map(swaps_sides, turns)) % 2 else size


def unturned_point(point: Point, turns: Sequence[int]) -> Point:
    """A point of the final picture, as a point of the stored one."""
    for turn in reversed(turns):
        point = _moved(point, _INVERSE.get(turn, turn), (Fraction(1), Fraction(1)))
    return point


def cropped(variant: Variant, stored: Size, orientation: int) -> Box:
    """The part of the stored picture that `crop` leaves. Raises `EmptyCrop`."""
    if not variant.crop:
        return 0, 0, *stored
    upright = turned_size(stored, (orientation,))
    left, top, right, bottom = _crop_box(variant.crop, upright)
    inverse = _INVERSE.get(orientation, orientation)
    corners = [_moved(corner, inverse, upright) for corner in ((left, top), (right, bottom))]
    (x, y), (x2, y2) = corners
    return min(x, x2), min(y, y2), max(x, x2), max(y, y2)


def target(variant: Variant, source: Size, max_side: int) -> Target:
    """Where a picture of the size `source`, which is final, is placed. Raises `VariantTooLarge`."""
    width, height = variant.size
    if variant.is_one_sided:
        size = picture = _one_sided(variant, source)
    elif variant.fit == "inside":
        size = picture = _within((width, height), source, enlarges=variant.enlarges)
    else:
        size = (width, height) if variant.enlarges else _not_enlarging(variant, source)
        picture = _within(size, source, enlarges=True) if variant.fit == "contain" else size
    _check_limits(variant, size, max_side)
    x, y = focal_point(variant.gravity)
    return Target(size, picture, (int((size[0] - picture[0]) * x), int((size[1] - picture[1]) * y)))


def shown_part(variant: Variant, area: Box, size: Size, point: Point) -> Rectangle:
    """The part of `area` that is scaled to `size`, all in the stored picture; cover keeps what is near the point.

    It can have fractions of pixels, except if no scaling is needed: then half a pixel would only blur the picture.
    """
    left, top, right, bottom = area
    if variant.is_one_sided or variant.fit != "cover":
        return float(left), float(top), float(right), float(bottom)
    width, height = right - left, bottom - top
    if width * size[1] >= height * size[0]:
        part = (height * size[0] / size[1], float(height))
    else:
        part = (float(width), width * size[1] / size[0])
    x, y = _start(width, part[0], point[0]), _start(height, part[1], point[1])
    if part == size:
        x, y = x // 1, y // 1
    return left + x, top + y, left + min(x + part[0], width), top + min(y + part[1], height)


def jpeg_reduction(part: Rectangle, size: Size) -> int:
    """The factor (1, 2, 4 or 8) by which a JPEG can be decoded smaller without losing detail in the part.

    A side that follows from the other one is rounded, which may lack up to half a pixel in one direction.
    """
    sides = (part[2] - part[0], size[0]), (part[3] - part[1], size[1])
    scale = max(length / side for length, side in sides) + _ROUNDING_ERROR

    def is_enough(factor: int) -> bool:
        enough = (length + _ROUNDING_ERROR >= factor * max(1, side - 0.5) for length, side in sides)
        return factor <= scale and all(enough)

    return max(factor for factor in (1, 2, 4, 8) if factor == 1 or is_enough(factor))


def reduced(rectangle: Rectangle, factor: int) -> Rectangle:
    """The rectangle in a picture that was decoded at 1/`factor` of its size."""
    left, top, right, bottom = rectangle
    return left / factor, top / factor, right / factor, bottom / factor


def _check_limits(variant: Variant, size: Size, max_side: int) -> None:
    """Raises `VariantTooLarge` for a size that only the picture has made too large."""
    output, would = variant.output, f"the variant would have {size[0]}x{size[1]} pixels"
    limit = min(max(max_side, *variant.size), output.max_side)
    if max(size) > limit:
        raise VariantTooLarge(f"{would}; a side can have at most {limit} pixels")
    if variant.is_one_sided and output.max_pixels is not None and size[0] * size[1] > output.max_pixels:
        raise VariantTooLarge(f"{would}; a variant in {variant.format} can have at most {output.max_pixels} pixels")


def _start(whole: int, part: float, point: Fraction) -> float:
    """Where a part begins whose middle is as near to the point as the edges allow."""
    if point == Fraction(1, 2):
        return (whole - part) / 2
    return min(max(float(point * whole) - part / 2, 0.0), whole - part)


def _one_sided(variant: Variant, source: Size) -> Size:
    if variant.width:
        if variant.width > source[0] and not variant.enlarges:
            return source
        return variant.width, max(1, half_up(Fraction(source[1] * variant.width, source[0])))
    if variant.height > source[1] and not variant.enlarges:
        return source
    return max(1, half_up(Fraction(source[0] * variant.height, source[1]))), variant.height


def _within(box: Size, source: Size, *, enlarges: bool) -> Size:
    """The largest size within a box that has the source's proportions."""
    scale = min(Fraction(box[0], source[0]), Fraction(box[1], source[1]))
    return _scaled(source, scale if enlarges else min(scale, Fraction(1)))


def _not_enlarging(variant: Variant, source: Size) -> Size:
    """The variant's size, scaled down in its proportions until nothing is enlarged."""
    scales = Fraction(variant.width, source[0]), Fraction(variant.height, source[1])
    scale = min(scales) if variant.fit == "contain" else max(scales)
    return variant.size if scale <= 1 else _scaled(variant.size, 1 / scale)


def _scaled(size: Size, scale: Fraction) -> Size:
    return max(1, half_up(size[0] * scale)), max(1, half_up(size[1] * scale))


def _crop_box(crop: str, size: Size) -> Box:
    """The box of `crop` in whole pixels, clipped to the picture. Raises `EmptyCrop`."""
    parts = crop.split(",")
    if "p" in crop:
        x, y, share_x, share_y = (decimal(part.removesuffix("p")) / 100 for part in parts)
        left, right = half_up(x * size[0]), half_up((x + share_x) * size[0])
        top, bottom = half_up(y * size[1]), half_up((y + share_y) * size[1])
    else:
        left, top, width, height = map(int, parts)
        right, bottom = min(left + width, size[0]), min(top + height, size[1])
    if left >= right or top >= bottom:
        raise EmptyCrop(f"the crop {crop} leaves nothing of the picture, which has {size[0]}x{size[1]} pixels")
    return left, top, right, bottom


def _moved(point: tuple, turn: int, size: tuple) -> tuple:  # type: ignore[type-arg]
    """Where a turn moves a point of a picture of this size (EXIF 2.3, tag 0x0112)."""
    (x, y), (width, height) = point, size
    return {
        1: (x, y),
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }[turn]
