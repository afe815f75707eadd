"""What a walk over a container finds."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pymager.engine.jobs import PictureLimits

Data: TypeAlias = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Container:
    """A file as its container tells it.

    `complete`: it was not cut short, as far as the container shows. `bare`: it holds the picture and nothing else, no
    EXIF, XMP, profile, comment, second picture, or bytes after its end; a walk that is not sure says no. `frames`: how
    many pictures there are in it, 0 where that was not counted.
    """

    complete: bool = True
    bare: bool = False
    frames: int = 1


OPAQUE = Container(frames=0)
"""A container that is not walked: only the decoder can tell."""

Walker: TypeAlias = Callable[[Data, PictureLimits, bool], Container]
"""Takes the file, the limits and whether to read all of it. It may raise `struct.error` or `IndexError` where the
file ends too early, and raises `Undecodable` for what is over a limit."""
