"""Encodings of pixels that Pillow decodes in Python, as the start of a file tells them. Needs no decoder."""

import re
from dataclasses import dataclass

from pymager.errors import Undecodable

BMP_RUNS = frozenset({1, 2})
"""The compressions BI_RLE8 and BI_RLE4 of a BMP."""

_PPM = re.compile(rb"P([1-6fF]|0CMYK|y(?:P|RGBA|CMYK))" + rb"\s+(\S{1,10})" * 2 + rb"(?:\s+(\S{1,10}))?")
_TEXT_KINDS = frozenset({b"1", b"2", b"3"})
_WITHOUT_LARGEST = frozenset({b"1", b"4", b"f", b"F"})
_GRAY = b"5"


@dataclass(frozen=True, slots=True)
class PpmHeader:
    """The header of a PPM: its magic number without the P, its number of pixels, and its largest value, if it has one.

    `encoding` is `text` for decimal digits, `scaled` for samples that Pillow scales, and otherwise empty.
    """

    kind: bytes
    pixels: int
    largest: int | None

    @property
    def encoding(self) -> str:
        if self.kind in _TEXT_KINDS:
            return "text"
        is_gray_of_16_bits = self.kind == _GRAY and self.largest == 65535
        return "" if self.largest in (None, 255) or is_gray_of_16_bits else "scaled"


def ppm_header(start: bytes) -> PpmHeader | None:
    """The header of a PPM without comments; None for anything else. Numbers are those that Pillow takes for one."""
    match = _PPM.match(start)
    if match is None:
        return None
    kind, width, height, largest = match.groups()
    try:
        limit = None if kind in _WITHOUT_LARGEST or largest is None else int(largest)
        return PpmHeader(kind, abs(int(width) * int(height)), limit)
    except ValueError:
        return None


def check_slow(kind: str, pixels: int, max_pixels: int, better: str) -> None:
    """Raise `Undecodable` if a picture of a slow encoding has more pixels than are accepted in it."""
    if pixels > max_pixels:
        raise Undecodable(
            f"the picture is {kind} of {pixels} pixels; at most {max_pixels} are accepted in this encoding, because it "
            f"takes long to decode; save it {better}"
        )
