"""GIF: blocks (GIF89a specification)."""

import re
from struct import error as struct_error
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_pixels

EXTENSION, TRAILER = 0x21, 0x3B
_GRAPHIC_CONTROL = 0xF9
_INTRODUCER = re.compile(rb"[!,;]")


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk from the header to the trailer, which can be missing. Stray bytes between blocks are skipped."""
    canvas_width, canvas_height, flags = unpack_from("<HHB", data, 6)
    check_pixels((canvas_width, canvas_height), limits)
    position, frames, picture_only = 13 + color_table_bytes(flags), 0, True
    while (block := next_block(data, position)) is not None:
        introducer, start = block
        picture_only = picture_only and start == position + 1
        if introducer == TRAILER:
            return Container(picture_only and start == len(data), frames)
        frames += introducer != EXTENSION
        check_frames(frames, limits)
        try:
            if introducer == EXTENSION:
                picture_only = picture_only and data[start] == _GRAPHIC_CONTROL
            else:
                left, top, width, height = unpack_from("<HHHH", data, start)
                check_pixels((max(canvas_width, left + width), max(canvas_height, top + height)), limits)
            position = block_end(data, introducer, start)
        except (struct_error, IndexError):
            return Container(frames=max(1, frames), cut_frames=frames > 1 and introducer != EXTENSION)
    return Container(frames=max(1, frames))


def next_block(data: Data, position: int) -> tuple[int, int] | None:
    """The introducer of the next block, and the position after it; None if no block is left."""
    match = _INTRODUCER.search(data, position)
    return (data[match.start()], match.end()) if match else None


def block_end(data: Data, introducer: int, start: int) -> int:
    """The position after an extension or a picture whose introducer is before `start`.

    Raises `struct.error` or `IndexError` if the file ends too early.
    """
    if introducer == EXTENSION:
        return _skip_sub_blocks(data, start + 1)
    (flags,) = unpack_from("<B", data, start + 8)
    return _skip_sub_blocks(data, start + 10 + color_table_bytes(flags))


def color_table_bytes(flags: int) -> int:
    """The size of the color table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(data: Data, position: int) -> int:
    """The position after a series of sub-blocks."""
    while length := data[position]:
        position += length + 1
    return position + 1
