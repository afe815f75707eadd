"""What an animation consists of, before it is decoded. Needs no decoder."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from pymager.engine.containers.container import Box


class Disposal(Enum):
    """What happens to the area of a part when its time is over."""

    KEEP = "keep"
    CLEAR = "clear"  # it becomes transparent
    RESTORE = "restore"  # it becomes what it was before the part was drawn


@dataclass(frozen=True, slots=True)
class Part:
    """A picture that is drawn onto the canvas.

    `area` is where, which can be outside of the canvas. `milliseconds` is how long to wait before the next part.
    `blends` says whether the canvas is visible through its transparent pixels; otherwise they replace those of the
    canvas. `has_alpha` says whether it can have transparent pixels. `encoded` makes a file with the picture alone.
    """

    area: Box
    milliseconds: Fraction
    disposal: Disposal
    blends: bool
    has_alpha: bool
    encoded: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Parts:
    """The canvas in pixels, how often the animation plays (0: without end), and its parts, at least one."""

    size: tuple[int, int]
    plays: int
    parts: tuple[Part, ...]
