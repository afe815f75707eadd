"""JPEG: markers and segments (ITU-T T.81, annex B)."""

import re
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_pixels
from pymager.errors import Undecodable

_EOI, _SOS, _DNL = 0xD9, 0xDA, 0xDC
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_MARKERS = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_TABLE_MARKERS = frozenset({0xC4, 0xCC, 0xDB, 0xDD}) | _FRAME_MARKERS
_APP0, _APP14 = 0xE0, 0xEE
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker in entropy-coded data: there, FF 00 is a stuffed byte, and FF D0 to FF D7 are restart markers. The
search runs in C. FF DA and FF D9 also occur inside of segments, where they mean nothing."""

_MAX_FULL_SIZE_SCANS = 16
"""The scans of a progressive JPEG can cost as much as this many scans of a picture of the largest accepted size."""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk from SOI to EOI. Without `full_walk`, stop at the first scan of a sequential JPEG."""
    size: tuple[int, ...] = (0, 0)
    scans, progressive, picture_only, after_scan, position = 0, False, True, False, 2
    while match := _MARKER.search(data, position):
        picture_only = picture_only and (after_scan or match.start() == position)
        marker, position = match.group()[1], match.end()
        if marker == _EOI:
            return Container(complete=scans > 0, picture_only=picture_only and position == len(data))
        if marker in _STANDALONE_MARKERS:
            continue
        (length,) = unpack_from(">H", data, position)
        if marker in _FRAME_MARKERS:
            size = unpack_from(">HH", data, position + 3)[::-1]
            progressive = marker in _PROGRESSIVE_MARKERS
            check_pixels(size, limits)
        elif marker == _SOS:
            scans += 1
            _check_scans(scans, size, limits)
            if not full_walk and not progressive:
                return Container()
        after_scan = marker == _SOS
        picture_only = picture_only and _is_of_the_picture(data, marker, position, length)
        position += max(length, 2)
    return Container(complete=False)


def _check_scans(scans: int, size: tuple[int, ...], limits: PictureLimits) -> None:
    """Each scan costs a pass over all pixels, however few bytes it has: 844 kB can take 25 seconds."""
    max_scans = min(limits.scans, _MAX_FULL_SIZE_SCANS * limits.pixels // max(1, size[0] * size[1]))
    if scans > max_scans:
        raise Undecodable(
            f"the JPEG has more than {max_scans} scans; at most {max_scans} are accepted for {size[0]}x{size[1]} "
            "pixels; save it with fewer scans, or as a baseline JPEG"
        )


def _is_of_the_picture(data: Data, marker: int, position: int, length: int) -> bool:
    """Whether a segment belongs to the picture: tables, JFIF without a thumbnail, or Adobe's color transform."""
    if marker == _APP0:
        return length == 16 and data[position + 2 : position + 7] == b"JFIF\0"
    if marker == _APP14:
        return length == 14 and data[position + 2 : position + 7] == b"Adobe"
    return marker in _TABLE_MARKERS or marker in (_SOS, _DNL)
