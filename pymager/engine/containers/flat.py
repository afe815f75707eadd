"""BMP and PPM: a header and rows of pixels. The decoder notices incomplete files; the walk finds what else is there."""

import re
from itertools import islice
from struct import unpack_from

from pymager.engine import slow_encodings
from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_parts
from pymager.engine.slow_encodings import PpmHeader
from pymager.errors import Undecodable

_PPM_HEADER = re.compile(rb"P([456])[ \t\r\n]+(\d{1,6})[ \t\r\n]+(\d{1,6})(?:[ \t\r\n]+(\d{1,5}))?[ \t\r\n]")
_PPM_MAGIC = re.compile(rb"P(?:[1-6fF]|0CMYK|y(?:P|RGBA|CMYK))[ \t\r\n\v\f]")
"""The magic numbers of Pillow's decoder."""
_PPM_COMMENT = re.compile(rb"#[^\r\n]*(?:[\r\n]|\Z)")
_PPM_COMPLETE_HEADER = re.compile(rb"(?:P[14](?:\s+\S+){2}|P[^14]\S*(?:\s+\S+){3})\s")
"""A magic number, width, height, and the largest value, which a bitmap does not have."""
_MAX_PPM_HEADER_BYTES = 64 << 10
"""Pillow reads a header byte by byte, which takes 0.25 microseconds for each byte of a comment."""
_MAX_PPM_COMMENTS = 10_000
"""Of a picture in decimal digits: each comment makes Pillow copy a megabyte."""
_PPM_TEXT_KINDS = b"123"
_SLOW_PPMS = {"text": "in decimal digits", "scaled": "whose largest value is not 255"}
_MAX_SLOW_PPM_PIXELS = 2 << 20
"""Pillow reads decimal digits, and samples whose largest value is not 255, in Python: 1.3 seconds for a megapixel."""
_MAX_BMP_RUN_PIXELS = 4 << 20
"""Pillow decodes runs in Python: up to 0.5 seconds for a megapixel."""
_PROFILE_COLOR_SPACES = frozenset({b"DEBM", b"KNIL"})
"""'MBED' and 'LINK', little-endian: the color spaces of a BMP that contains a profile or names one."""


def walk_bmp(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A BMP (BITMAPINFOHEADER and later) is picture-only if uncompressed rows end it and it has no profile.

    Raises `Undecodable` for an upload that takes long to decode.
    """
    pixels_start, header_size, width, height, _, bits, compression = unpack_from("<IIiiHHI", data, 10)
    if full_walk and compression in slow_encodings.BMP_RUNS:
        _check_slow("a BMP in run-length encoding", abs(width * height), _MAX_BMP_RUN_PIXELS, "without compression")
    (colors,) = unpack_from("<I", data, 46)
    if bits <= 8 and not colors:
        colors = 1 << bits
    has_profile = header_size >= 124 and data[70:74] in _PROFILE_COLOR_SPACES
    row_bytes = (abs(width) * bits + 31) // 32 * 4
    has_no_gap = pixels_start == 14 + header_size + 4 * colors and pixels_start + row_bytes * abs(height) == len(data)
    return Container(picture_only=header_size >= 40 and compression == 0 and has_no_gap and not has_profile)


def walk_ppm(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A binary PBM, PGM or PPM of 8 bits is picture-only if its header has no comment and its pixels end the file.

    Raises `Undecodable` for a header that takes long to read, and for an upload that takes long to decode.
    """
    if _PPM_MAGIC.match(data):
        start = _check_ppm_header(data)
        if full_walk and (header := slow_encodings.ppm_header(start)):
            _check_ppm_pixels(header)
    match = _PPM_HEADER.match(data)
    if not match:
        return Container()
    kind, width, height, max_value = (int(group or 0) for group in match.groups())
    row_bytes = (width + 7) // 8 if kind == 4 else width * (1 if kind == 5 else 3)
    header_size = match.start(4) - 1 if kind == 4 and max_value else match.end()
    has_8_bits = kind == 4 or max_value == 255
    return Container(picture_only=has_8_bits and header_size + row_bytes * height == len(data))


def _check_ppm_pixels(header: PpmHeader) -> None:
    is_gray_of_16_bits = header.kind == slow_encodings.GRAY and header.largest == b"65535"  # Pillow decodes it in C
    if header.encoding and not is_gray_of_16_bits:
        kind = f"a PPM {_SLOW_PPMS[header.encoding]}"
        _check_slow(kind, header.pixels, _MAX_SLOW_PPM_PIXELS, "as a binary PPM with 8 bits, or as PNG")


def _check_slow(kind: str, pixels: int, max_pixels: int, better: str) -> None:
    if pixels > max_pixels:
        raise Undecodable(
            f"the picture is {kind} of {pixels} pixels; at most {max_pixels} are accepted in this encoding, because it "
            f"takes long to decode; save it {better}"
        )


def _check_ppm_header(data: Data) -> bytes:
    """Check how many bytes the header has, comments included, and how many comments are between decimal digits.

    Returns the start of the file without comments.
    """
    start = _PPM_COMMENT.sub(b"", data[:_MAX_PPM_HEADER_BYTES])
    if len(data) > _MAX_PPM_HEADER_BYTES and not _PPM_COMPLETE_HEADER.match(start):
        raise Undecodable(
            f"the header of the PPM has more than {_MAX_PPM_HEADER_BYTES} bytes; at most {_MAX_PPM_HEADER_BYTES} are "
            "accepted; save it without comments"
        )
    if data[1] in _PPM_TEXT_KINDS:
        comments = sum(1 for _ in islice(re.finditer(rb"#", data), _MAX_PPM_COMMENTS + 1))
        check_parts(comments, _MAX_PPM_COMMENTS, "comments")
    return start
