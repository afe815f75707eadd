"""BMP and PPM: a header and rows of pixels. The decoder notices incomplete files; the walk finds what else is there."""

import re
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits

_PPM_HEADER = re.compile(rb"P([456])[ \t\r\n]+(\d{1,6})[ \t\r\n]+(\d{1,6})(?:[ \t\r\n]+(\d{1,5}))?[ \t\r\n]")
_PROFILE_COLOR_SPACES = frozenset({b"DEBM", b"KNIL"})
"""'MBED' and 'LINK', little-endian: the color spaces of a BMP that contains a profile or names one."""


def walk_bmp(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A BMP (BITMAPINFOHEADER and later) is picture-only if uncompressed rows end it and it has no profile."""
    pixels_start, header_size, width, height, _, bits, compression = unpack_from("<IIiiHHI", data, 10)
    (colors,) = unpack_from("<I", data, 46)
    if bits <= 8 and not colors:
        colors = 1 << bits
    has_profile = header_size >= 124 and data[70:74] in _PROFILE_COLOR_SPACES
    row_bytes = (abs(width) * bits + 31) // 32 * 4
    has_no_gap = pixels_start == 14 + header_size + 4 * colors and pixels_start + row_bytes * abs(height) == len(data)
    return Container(picture_only=header_size >= 40 and compression == 0 and has_no_gap and not has_profile)


def walk_ppm(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A binary PBM, PGM or PPM of 8 bits is picture-only if its header has no comment and its pixels end the file."""
    match = _PPM_HEADER.match(data)
    if not match:
        return Container()
    kind, width, height, max_value = (int(group or 0) for group in match.groups())
    row_bytes = (width + 7) // 8 if kind == 4 else width * (1 if kind == 5 else 3)
    header_size = match.start(4) - 1 if kind == 4 and max_value else match.end()
    has_8_bits = kind == 4 or max_value == 255
    return Container(picture_only=has_8_bits and header_size + row_bytes * height == len(data))
