"""What the first bytes of an upload say about its cost: the format, and how many pixels it claims to have.

They come from a stranger, and are read here without a decoder: only fields at fixed places, and what follows from a
marker or the name of a box.
"""

import os
import re
from pathlib import Path
from struct import error as struct_error
from struct import unpack_from

from pymager.engine.slow_encodings import BMP_RUNS, ppm_header

MAX_BYTES = 64 << 10
"""How much of the file is looked at: the size of a JPEG is behind its EXIF."""

_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAX_MARKERS = 64
_SMALL_TILE_PIXELS = 256
_SIZE_BOX = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.DOTALL)  # ISO/IEC 23008-12, section 6.5.3
_SIZ = b"\xff\x4f\xff\x51"  # SOC and SIZ: ISO/IEC 15444-1, annex A
_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic"}
_PLAIN = ((b"\xff\x0a", "jxl"), (b"\0\0\0\x0cJXL ", "jxl"), (b"II*\0", "tiff"), (b"MM\0*", "tiff"))


def read_file(path: Path) -> tuple[str, int | None, int]:
    """What `read` says of a file, and its size in bytes. Raises `OSError`."""
    with path.open("rb", buffering=0) as file:
        return *read(file.read(MAX_BYTES) or b""), os.fstat(file.fileno()).st_size


def read(data: bytes) -> tuple[str, int | None]:
    """The format, `other` if it is not known, and the number of pixels, None if it is not known.

    The format is as in `pymager.formats`; a word follows if the encoding of the pixels is one that costs more.
    """
    try:
        return _read(data)
    except (struct_error, IndexError):
        return "other", None


def _read(data: bytes) -> tuple[str, int | None]:
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg", _jpeg_pixels(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png", _product(unpack_from(">II", data, 16))
    if data[:4] == b"GIF8":
        return "gif", _product(unpack_from("<HH", data, 6))
    if data[:2] == b"BM":
        kind = "bmp runs" if unpack_from("<I", data, 30)[0] in BMP_RUNS else "bmp"
        return kind, _product(unpack_from("<ii", data, 18))
    if data[8:12] == b"WEBP":
        return "webp", _webp_pixels(data)
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "avif"), _isobmff_pixels(data)
    if data[4:8] == b"jP  " or data[:4] == _SIZ:
        return _jp2(data)
    if data[:1] == b"<":
        return "svg filters" if b"<filter" in data else "svg", None
    if (ppm := ppm_header(data)) is not None:
        return f"ppm {ppm.encoding}".rstrip(), ppm.pixels
    return next((format for magic, format in _PLAIN if data.startswith(magic)), "other"), None


def _product(size: tuple[int, ...]) -> int:
    return abs(size[0] * size[1])


def _jpeg_pixels(data: bytes) -> int | None:
    position = 2
    for _ in range(_MAX_MARKERS):
        if data[position] != 0xFF:
            return None
        if data[position + 1] in _FRAME_MARKERS:
            return _product(unpack_from(">HH", data, position + 5))
        position += 2 + max(2, int(unpack_from(">H", data, position + 2)[0]))
    return None


def _isobmff_pixels(data: bytes) -> int | None:
    """The largest of the sizes that items have: a picture, its thumbnail, and the tiles of a grid have one each."""
    sizes = [int.from_bytes(width) * int.from_bytes(height) for width, height in _SIZE_BOX.findall(data)]
    return max(sizes, default=None)


def _jp2(data: bytes) -> tuple[str, int | None]:
    start = data.find(_SIZ)
    if start < 0:
        return "jp2", None
    right, bottom, left, top, tile_width, tile_height = unpack_from(">6I", data, start + 8)
    kind = "jp2 small tiles" if tile_width * tile_height <= _SMALL_TILE_PIXELS else "jp2"
    return kind, abs((right - left) * (bottom - top))


def _webp_pixels(data: bytes) -> int | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return (int.from_bytes(data[24:27], "little") + 1) * (int.from_bytes(data[27:30], "little") + 1)
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
        return (width & 0x3FFF) * (height & 0x3FFF)
    return None
