"""BMP: headers and rows of pixels.

The decoder notices incomplete files; the walk finds what else is there, and an encoding that takes long to decode.
"""

from struct import unpack_from

from pymager.engine import slow_encodings
from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits

_MAX_RUN_PIXELS = 4 << 20
"""Pillow decodes runs in Python: up to 0.5 seconds for a megapixel."""
_PROFILE_COLOR_SPACES = frozenset({b"DEBM", b"KNIL"})
"""'MBED' and 'LINK', little-endian: the color spaces of a BMP that contains a profile or names one."""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A BMP (BITMAPINFOHEADER and later) is picture-only if uncompressed rows end it and it has no profile.

    Raises `Undecodable` for an upload that takes long to decode.
    """
    pixels_start, header_size, width, height, _, bits, compression = unpack_from("<IIiiHHI", data, 10)
    if full_walk and compression in slow_encodings.BMP_RUNS:
        pixels = abs(width * height)
        slow_encodings.check_slow("a BMP in run-length encoding", pixels, _MAX_RUN_PIXELS, "without compression")
    (colors,) = unpack_from("<I", data, 46)
    if bits <= 8 and not colors:
        colors = 1 << bits
    has_profile = header_size >= 124 and data[70:74] in _PROFILE_COLOR_SPACES
    row_bytes = (abs(width) * bits + 31) // 32 * 4
    has_no_gap = pixels_start == 14 + header_size + 4 * colors and pixels_start + row_bytes * abs(height) == len(data)
    return Container(picture_only=header_size >= 40 and compression == 0 and has_no_gap and not has_profile)
