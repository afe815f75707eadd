"""The result of a container walk."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pymager.engine.limits import PictureLimits

Data: TypeAlias = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Container:
    """What the container of a file says about it.

    `complete`: the file is not cut short, as far as the container shows. `picture_only`: the file holds one picture
    and nothing else: no EXIF, XMP, profile, comment, second picture, or bytes after its end; False if the walk is not
    sure. `frames`: the number of pictures, or 0 if the walk did not count them.
    """

    complete: bool = True
    picture_only: bool = False
    frames: int = 1


NOT_WALKED = Container(frames=0)
"""The result for a format without a walker: only the decoder can judge the file."""

Walker: TypeAlias = Callable[[Data, PictureLimits, bool], Container]
"""Takes the file, the limits, and whether to walk to the end of the file.

Raises `struct.error` or `IndexError` if the file ends too early, and `Undecodable` if it exceeds a limit.
"""
