"""ICO: a directory of bitmaps and PNGs (Microsoft, "Icons", 1995)."""

from struct import unpack_from

from pymager.engine.containers import png
from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_frames, check_pixels

_PNG = b"\x89PNG\r\n\x1a\n"
_DIRECTORY = 6
_ENTRY = 16


def walk(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk the directory. Sizes are checked here: Pillow decodes an icon when it opens it, whatever PNG is inside."""
    (count,) = unpack_from("<H", data, 4)
    check_frames(count, limits)
    complete, bare, largest = count > 0, False, (0, 0)
    for index in range(count):
        wide, high, length, offset = unpack_from("<BB6xII", data, _DIRECTORY + _ENTRY * index)
        complete = complete and offset + length <= len(data)
        largest = max(largest, ((wide or 256) * (high or 256), offset))
        if data[offset : offset + 8] == _PNG:
            check_pixels(unpack_from(">II", data, offset + 16), limits)
        else:
            width, height = unpack_from("<ii", data, offset + 4)
            check_pixels((abs(width), abs(height) // 2), limits)
    offset = largest[1]
    if data[offset : offset + 8] == _PNG:
        inner, end = png.walk_from(data, offset, limits)
        complete = complete and inner.complete
        bare = inner.bare and count == 1 and (offset, end) == (_DIRECTORY + _ENTRY, len(data))
    return Container(complete, bare)
