"""Encodings of pixels that Pillow decodes in Python, as the start of a file tells them. Needs no decoder."""

import re
from dataclasses import dataclass

BMP_RUNS = frozenset({1, 2})
"""The compressions BI_RLE8 and BI_RLE4 of a BMP."""

_PPM = re.compile(rb"P([1-6])\s+(\d{1,6})\s+(\d{1,6})\s+(\d{1,5})?")
_TEXT_KINDS = frozenset({b"1", b"2", b"3"})
_BITMAP, GRAY = b"4", b"5"


@dataclass(frozen=True, slots=True)
class PpmHeader:
    """The header of a PPM: the digit of its magic number, its number of pixels, and its largest value, if it has one.

    `encoding` is `text` for decimal digits, `scaled` for samples whose largest value is not 255, and otherwise empty.
    """

    kind: bytes
    pixels: int
    largest: bytes | None

    @property
    def encoding(self) -> str:
        if self.kind in _TEXT_KINDS:
            return "text"
        return "" if self.kind == _BITMAP or self.largest == b"255" else "scaled"


def ppm_header(start: bytes) -> PpmHeader | None:
    """The header of a PPM without comments; None for anything else."""
    match = _PPM.match(start)
    return None if match is None else PpmHeader(match[1], int(match[2]) * int(match[3]), match[4])
