"""GIF: blocks (GIF89a specification)."""

import re
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_frames, check_pixels

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_GRAPHIC_CONTROL = 0xF9
_INTRODUCER = re.compile(rb"[!,;]")


def walk(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk from the header to the trailer, over stray bytes between blocks, as decoders do."""
    width, height, flags = unpack_from("<HHB", data, 6)
    check_pixels((width, height), limits)
    position, frames, bare = 13 + _colours(flags), 0, True
    while found := _INTRODUCER.search(data, position):
        bare = bare and found.start() == position
        position = found.end()
        kind = data[position - 1]
        if kind == _TRAILER:
            return Container(frames > 0, bare and position == len(data), frames)
        if kind == _EXTENSION:
            bare = bare and data[position] == _GRAPHIC_CONTROL
            position = _skip(data, position + 1)
        else:
            frames += 1
            check_frames(frames, limits)
            left, top, wide, high, flags = unpack_from("<HHHHB", data, position)
            check_pixels((max(width, left + wide), max(height, top + high)), limits)
            position = _skip(data, position + 10 + _colours(flags))
    return Container(complete=False, frames=frames)


def _colours(flags: int) -> int:
    """The size in bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip(data: Data, position: int) -> int:
    """The position after a series of sub-blocks."""
    while length := data[position]:
        position += length + 1
    return position + 1
