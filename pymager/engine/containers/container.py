"""The result of a container walk."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from pymager.engine.colorspace import ColorSpace
from pymager.engine.limits import PictureLimits

Data: TypeAlias = bytes | mmap.mmap
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""
Tags: TypeAlias = dict[int, tuple[int, ...]]
"""The tags of a TIFF directory and their values."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector graphic: its size in whole pixels, its exact `extent`, and a fragment of SVG that draws it."""

    size: tuple[int, int]
    extent: tuple[float, float]
    fragment: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Container:
    """What the container of a file says about it.

    `picture_only`: the file holds one picture and nothing else: no EXIF, XMP, profile, comment, second picture, or
    bytes after its end; False if the walk is not sure. `frames`: the number of pictures, or 0 if the walk did not count
    them. `cut_frames`: a frame after the first has no end, which no decoder notices at an upload. `color`: what the
    container says about colors: an ICC profile, or a color space by numbers; None leaves it to the decoder. `crop`: the
    part to show, before the orientation. `exif`: EXIF that the decoder does not find, or must not. `repaired`: the file
    without what is broken, if a decoder would refuse it although all pixels are there. `lossless`: a lossless JPEG,
    which cannot be decoded at a fraction of its size. `has_end`: False for a JPEG without an end marker.
    `directory`: the tags of the first directory of a TIFF, and the byte order as in `struct`. `vector`: a vector
    graphic, which no decoder of Pillow opens.
    """

    picture_only: bool = False
    frames: int = 1
    cut_frames: bool = False
    color: ColorSpace | bytes | None = None
    crop: Box | None = None
    exif: bytes | None = None
    repaired: bytes | None = None
    lossless: bool = False
    has_end: bool = True
    directory: tuple[Tags, str] | None = None
    vector: Vector | None = None


NOT_WALKED = Container(frames=0)
"""The result for a format without a walker, or a file whose container is broken: only the decoder can judge it."""

Walker: TypeAlias = Callable[[Data, PictureLimits, bool], Container]
"""Takes the file, the limits, and whether to walk to the end of the file.

Raises `struct.error`, `IndexError` or `OverflowError` if the file ends too early, `Undecodable` if it exceeds a limit,
and `NotAPicture` if its kind is not supported.
"""
