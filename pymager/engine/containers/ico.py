"""ICO: a directory of bitmaps and PNGs (Microsoft, "Icons", 1995)."""

from struct import unpack_from

from pymager.engine.containers import png
from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_pixels

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = 6
_ENTRY_BYTES = 16


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the directory. Check sizes here: Pillow decodes an icon when it opens the file, whatever PNG is inside."""
    (count,) = unpack_from("<H", data, 4)
    check_frames(count, limits)
    picture_only, largest = False, (0, 0)
    for index in range(count):
        width, height, offset = unpack_from("<BB10xI", data, _HEADER_BYTES + _ENTRY_BYTES * index)
        largest = max(largest, ((width or 256) * (height or 256), offset))
        if data[offset : offset + 8] == _PNG_SIGNATURE:
            check_pixels(unpack_from(">II", data, offset + 16), limits)
        else:
            bitmap_width, bitmap_height = unpack_from("<ii", data, offset + 4)
            check_pixels((abs(bitmap_width), abs(bitmap_height) // 2), limits)
    offset = largest[1]
    if data[offset : offset + 8] == _PNG_SIGNATURE:
        inner, end = png.walk_from(data, offset, limits)
        has_no_gap = (offset, end) == (_HEADER_BYTES + _ENTRY_BYTES, len(data))
        picture_only = inner.picture_only and count == 1 and has_no_gap
    return Container(picture_only)
