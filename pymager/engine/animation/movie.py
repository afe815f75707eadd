"""Frames on their way to a writer: equal neighbors merged, times in a format's units, and what changes between two."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from PIL import Image, ImageChops

from pymager.engine.containers.container import Box


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete picture, whose `info` is empty, and how long it is shown."""

    picture: Image.Image
    milliseconds: Fraction


@dataclass(frozen=True, slots=True)
class Movie:
    """What a writer gets: the size in pixels, how often to play (0: without end), and the frames, at least one.

    All frames have the mode `mode`, RGB or RGBA. `options` are those of Pillow's `Image.save`; the first frame has
    `first_options`, which can have metadata.
    """

    size: tuple[int, int]
    plays: int
    mode: str
    frames: Iterator[Frame]
    options: dict[str, Any]
    first_options: dict[str, Any]


def merged(frames: Iterable[Frame], max_milliseconds: Fraction) -> Iterator[Frame]:
    """The frames without repetitions: a frame that looks like its predecessor makes that one longer.

    A frame is not made longer than the maximum; a longer one is cut.
    """
    current: Frame | None = None
    for frame in frames:
        milliseconds = min(frame.milliseconds, max_milliseconds)
        if current is not None:
            total = current.milliseconds + milliseconds
            if total <= max_milliseconds and changed_area(current.picture, frame.picture) is None:
                current = Frame(current.picture, total)
                continue
            yield current
        current = Frame(frame.picture, milliseconds)
    if current is not None:
        yield current


def changed_area(before: Image.Image, after: Image.Image) -> Box | None:
    """The smallest rectangle outside of which two pictures of one size and mode are equal; None if they are equal."""
    return ImageChops.difference(before, after).getbbox(alpha_only=False)


class Clock:
    """Times in units of some milliseconds. What one time loses in rounding is added to the next one."""

    def __init__(self, unit_milliseconds: int) -> None:
        self._unit = unit_milliseconds
        self._lost = Fraction(0)

    def units(self, milliseconds: Fraction, minimum: int = 0) -> int:
        """The time in units, rounded to the nearest, so that the sum of all times is exact. At least `minimum`."""
        exact = milliseconds / self._unit + self._lost
        units = max(minimum, int(exact + Fraction(1, 2)))
        self._lost = max(Fraction(-1), exact - units)
        return units
