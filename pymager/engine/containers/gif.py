"""GIF: blocks (GIF89a specification)."""

import re
from struct import error as struct_error
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_pixels

_EXTENSION, _TRAILER = 0x21, 0x3B
_GRAPHIC_CONTROL = 0xF9
_INTRODUCER = re.compile(rb"[!,;]")


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk from the header to the trailer, which can be missing. Stray bytes between blocks are skipped."""
    canvas_width, canvas_height, flags = unpack_from("<HHB", data, 6)
    check_pixels((canvas_width, canvas_height), limits)
    position, frames, picture_only = 13 + _color_table_bytes(flags), 0, True
    while match := _INTRODUCER.search(data, position):
        picture_only = picture_only and match.start() == position
        position = match.end()
        introducer = data[position - 1]
        if introducer == _TRAILER:
            return Container(picture_only and position == len(data), frames)
        frames += introducer != _EXTENSION
        check_frames(frames, limits)
        try:
            if introducer == _EXTENSION:
                picture_only = picture_only and data[position] == _GRAPHIC_CONTROL
                position = _skip_sub_blocks(data, position + 1)
                continue
            left, top, width, height, flags = unpack_from("<HHHHB", data, position)
            check_pixels((max(canvas_width, left + width), max(canvas_height, top + height)), limits)
            position = _skip_sub_blocks(data, position + 10 + _color_table_bytes(flags))
        except (struct_error, IndexError):
            return Container(frames=max(1, frames), cut_frames=frames > 1 and introducer != _EXTENSION)
    return Container(frames=max(1, frames))


def _color_table_bytes(flags: int) -> int:
    """The size of the color table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(data: Data, position: int) -> int:
    """The position after a series of sub-blocks."""
    while length := data[position]:
        position += length + 1
    return position + 1
