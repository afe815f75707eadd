"""BMP, PPM and their like: a header and rows of pixels. Cuts show to the decoder; here is told what is bare."""

import re
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits

_PPM = re.compile(rb"P([456])[ \t\r\n]+(\d{1,6})[ \t\r\n]+(\d{1,6})(?:[ \t\r\n]+(\d{1,5}))?[ \t\r\n]")
_PROFILES = frozenset({b"DEBM", b"KNIL"})
"""'MBED' and 'LINK', little-endian: the colour spaces of a BMP that brings a profile or names one."""


def walk_bmp(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """A BMP (BITMAPINFOHEADER and later) is bare if uncompressed rows end it, and no profile follows."""
    pixels, header, width, height, _, bits, compression = unpack_from("<IIiiHHI", data, 10)
    (colours,) = unpack_from("<I", data, 46)
    if bits <= 8 and not colours:
        colours = 1 << bits
    profile = header >= 124 and data[70:74] in _PROFILES
    rows = (abs(width) * bits + 31) // 32 * 4 * abs(height)
    tight = pixels == 14 + header + 4 * colours and pixels + rows == len(data)
    return Container(bare=header >= 40 and compression == 0 and tight and not profile)


def walk_ppm(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """A binary PBM, PGM or PPM of 8 bits is bare if its header has no comment and its pixels end the file."""
    found = _PPM.match(data)
    if not found:
        return Container()
    kind, width, height, most = (int(group or 0) for group in found.groups())
    row = (width + 7) // 8 if kind == 4 else width * (1 if kind == 5 else 3)
    header = found.start(4) - 1 if kind == 4 and most else found.end()
    return Container(bare=(kind == 4 or most == 255) and header + row * height == len(data))
