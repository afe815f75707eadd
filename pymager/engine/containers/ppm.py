"""PBM, PGM and PPM (netpbm): a header in text, then rows of pixels.

The decoder notices incomplete files; the walk finds what else is there, and encodings that take long to decode.
"""

import re
from itertools import islice

from pymager.engine import slow_encodings
from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_parts
from pymager.engine.slow_encodings import PpmHeader
from pymager.errors import Undecodable

_HEADER = re.compile(rb"P([456])[ \t\r\n]+(\d{1,6})[ \t\r\n]+(\d{1,6})(?:[ \t\r\n]+(\d{1,5}))?[ \t\r\n]")
_MAGIC = re.compile(rb"P(?:[1-6fF]|0CMYK|y(?:P|RGBA|CMYK))[ \t\r\n\v\f]")
"""The magic numbers of Pillow's decoder."""
_COMMENT = re.compile(rb"#[^\r\n]*(?:[\r\n]|\Z)")
_COMPLETE_HEADER = re.compile(rb"(?:P[14](?:\s+\S+){2}|P[^14]\S*(?:\s+\S+){3})\s")
"""A magic number, width, height, and the largest value, which a bitmap does not have."""
_MAX_HEADER_BYTES = 64 << 10
"""Pillow reads a header byte by byte, which takes 0.25 microseconds for each byte of a comment."""
_MAX_COMMENTS = 10_000
"""Of a picture in decimal digits: each comment makes Pillow copy a megabyte."""
_TEXT_KINDS = b"123"
_SLOW = {"text": "in decimal digits", "scaled": "whose largest value is not 255"}
_MAX_SLOW_PIXELS = 2 << 20
"""Pillow reads decimal digits, and samples whose largest value is not 255, in Python: 1.3 seconds for a megapixel."""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A binary PBM, PGM or PPM of 8 bits is picture-only if its header has no comment and its pixels end the file.

    Raises `Undecodable` for a header that takes long to read, and for an upload that takes long to decode.
    """
    if _MAGIC.match(data):
        start = _check_header(data)
        if full_walk and (header := slow_encodings.ppm_header(start)):
            _check_pixels(header)
    match = _HEADER.match(data)
    if not match:
        return Container()
    kind, width, height, max_value = (int(group or 0) for group in match.groups())
    row_bytes = (width + 7) // 8 if kind == 4 else width * (1 if kind == 5 else 3)
    header_size = match.start(4) - 1 if kind == 4 and max_value else match.end()
    has_8_bits = kind == 4 or max_value == 255
    return Container(picture_only=has_8_bits and header_size + row_bytes * height == len(data))


def _check_pixels(header: PpmHeader) -> None:
    if header.encoding:
        kind = f"a PPM {_SLOW[header.encoding]}"
        slow_encodings.check_slow(kind, header.pixels, _MAX_SLOW_PIXELS, "as a binary PPM with 8 bits, or as PNG")


def _check_header(data: Data) -> bytes:
    """Check how many bytes the header has, comments included, and how many comments are between decimal digits.

    Returns the start of the file without comments.
    """
    start = _COMMENT.sub(b"", data[:_MAX_HEADER_BYTES])
    if len(data) > _MAX_HEADER_BYTES and not _COMPLETE_HEADER.match(start):
        raise Undecodable(
            f"the header of the PPM has more than {_MAX_HEADER_BYTES} bytes, the limit; save it without comments"
        )
    if data[1] in _TEXT_KINDS:
        comments = sum(1 for _ in islice(re.finditer(rb"#", data), _MAX_COMMENTS + 1))
        check_parts(comments, _MAX_COMMENTS, "comments")
    return start
