"""JPEG: markers and segments (ITU-T T.81, annex B)."""

import re
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_pixels
from pymager.errors import NotAPicture, Undecodable

_EOI, _SOS, _DNL, _LOSSLESS = 0xD9, 0xDA, 0xDC, 0xC3
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_MARKERS = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_TABLE_MARKERS = frozenset({0xC4, 0xCC, 0xDB, 0xDD}) | _FRAME_MARKERS
_APP0, _APP14 = 0xE0, 0xEE
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker in entropy-coded data: there, FF 00 is a stuffed byte, and FF D0 to FF D7 are restart markers. The
search runs in C. FF DA and FF D9 also occur inside of segments, where they mean nothing."""

_MAX_FULL_SIZE_SCANS = 24
"""The scans of a progressive JPEG can cost as much as this many scans of a picture of the largest accepted size.

libjpeg's own script for four components, such as CMYK, has 18 scans.
"""
_BITS = 8
START = b"\xff\xd8"
END = b"\xff\xd9"
"""The end marker, EOI."""
_KINDS_NOT_SUPPORTED = {
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical coding"),
    0xCB: "lossless arithmetic coding",
}
"""Frame markers of ITU-T T.81, table B.1."""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk from SOI to EOI, which can be missing. Without `full_walk`, stop at the first scan of a sequential JPEG
    that ends with an end marker."""
    size: tuple[int, ...] = (0, 0)
    scans, progressive, lossless, picture_only, after_scan, position = 0, False, False, True, False, 2
    while match := _MARKER.search(data, position):
        picture_only = picture_only and (after_scan or match.start() == position)
        marker, position = match.group()[1], match.end()
        if marker == _EOI:
            return Container(picture_only=picture_only and position == len(data), lossless=lossless)
        if marker in _STANDALONE_MARKERS:
            continue
        (length,) = unpack_from(">H", data, position)
        if marker in _FRAME_MARKERS:
            size = unpack_from(">HH", data, position + 3)[::-1]
            progressive, lossless = marker in _PROGRESSIVE_MARKERS, marker == _LOSSLESS
            check_pixels(size, limits)
            _check_kind(data, marker, position)
        elif marker == _SOS:
            scans += 1
            _check_scans(scans, size, limits)
            if not full_walk and not progressive and data[-2:] == END:
                return Container(lossless=lossless)
        after_scan = marker == _SOS
        picture_only = picture_only and _is_of_the_picture(data, marker, position, length)
        position += max(length, 2)
    return Container(lossless=lossless, has_end=False)


def _check_kind(data: Data, marker: int, position: int) -> None:
    """Raises `NotAPicture` for a process that no decoder here knows."""
    precision = data[position + 2]
    if marker in _KINDS_NOT_SUPPORTED:
        raise NotAPicture(f"JPEG with {_KINDS_NOT_SUPPORTED[marker]} is not supported; save it as a baseline JPEG")
    if precision != _BITS:
        raise NotAPicture(f"JPEG with {precision} bits per sample is not supported; save it with {_BITS} bits")


def _check_scans(scans: int, size: tuple[int, ...], limits: PictureLimits) -> None:
    """Each scan costs a pass over all pixels, however few bytes it has: 844 kB can take 25 seconds."""
    max_scans = min(limits.scans, _MAX_FULL_SIZE_SCANS * limits.pixels // max(1, size[0] * size[1]))
    if scans > max_scans:
        raise Undecodable(
            f"the JPEG has more than {max_scans} scans, the limit for {size[0]}x{size[1]} pixels (PYMAGER_MAX_SCANS); "
            "save it with fewer scans, or as a baseline JPEG"
        )


def _is_of_the_picture(data: Data, marker: int, position: int, length: int) -> bool:
    """Whether a segment belongs to the picture: tables, JFIF without a thumbnail, or Adobe's color transform."""
    if marker == _APP0:
        return length == 16 and data[position + 2 : position + 7] == b"JFIF\0"
    if marker == _APP14:
        return length == 14 and data[position + 2 : position + 7] == b"Adobe"
    return marker in _TABLE_MARKERS or marker in (_SOS, _DNL)
