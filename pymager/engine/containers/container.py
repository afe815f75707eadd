"""What a walk over a container finds."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pymager.engine.jobs import PictureLimits

Data: TypeAlias = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Container:
    """What the container shows of a file.

    `complete`: nothing is missing at its end. `bare`: it contains the picture and nothing else, no EXIF, XMP, profile,
    comment, second picture, or bytes after its end; False if the walk is not sure. `frames`: the number of pictures in
    it, 0 if they were not counted.
    """

    complete: bool = True
    bare: bool = False
    frames: int = 1


OPAQUE = Container(frames=0)
"""A container that is not walked."""

Walker: TypeAlias = Callable[[Data, PictureLimits, bool], Container]
"""Takes the file, the limits, and whether to read all of it. Raises `struct.error` or `IndexError` if the file ends too
early, and `Undecodable` for what exceeds a limit."""
