"""JPEG: markers and segments (ITU-T T.81, annex B)."""

import re
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_pixels
from pymager.errors import Undecodable

_EOI, _SOS, _DNL = 0xD9, 0xDA, 0xDC
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD}) | _FRAME
_APP0, _APP14 = 0xE0, 0xEE
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker in entropy-coded data: there FF 00 is a stuffed byte and FF D0 to D7 are restarts. One search in C, since
FF DA and FF D9 also occur inside of segments, where they mean nothing."""

_PASSES = 16
"""A progressive JPEG may cost as much as this many scans of a picture of the largest accepted size."""


def walk(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk from SOI to EOI; a sequential JPEG only to its first scan, unless `whole`."""
    size: tuple[int, ...] = (0, 0)
    scans, progressive, bare, coded, position = 0, False, True, False, 2
    while found := _MARKER.search(data, position):
        bare = bare and (coded or found.start() == position)
        marker, position = found.group()[1], found.end()
        if marker == _EOI:
            return Container(complete=scans > 0, bare=bare and position == len(data))
        if marker in _STANDALONE:
            continue
        (length,) = unpack_from(">H", data, position)
        if marker in _FRAME:
            size = unpack_from(">HH", data, position + 3)[::-1]
            progressive = marker in _PROGRESSIVE
            check_pixels(size, limits)
        elif marker == _SOS:
            scans += 1
            _check_scans(scans, size, limits)
            if not whole and not progressive:
                return Container()
        coded = marker == _SOS
        bare = bare and _belongs(data, marker, position, length)
        position += max(length, 2)
    return Container(complete=False)


def _check_scans(scans: int, size: tuple[int, ...], limits: PictureLimits) -> None:
    """Each scan costs a pass over all pixels, however few bytes it has: 844 kB can take 25 seconds."""
    most = min(limits.scans, _PASSES * limits.pixels // max(1, size[0] * size[1]))
    if scans > most:
        raise Undecodable(
            f"the JPEG has more than {most} scans, the most for its size; save it with fewer, or baseline"
        )


def _belongs(data: Data, marker: int, position: int, length: int) -> bool:
    """Whether a segment is of the picture itself: tables, JFIF without a thumbnail, or Adobe's colour transform."""
    if marker == _APP0:
        return length == 16 and data[position + 2 : position + 7] == b"JFIF\0"
    if marker == _APP14:
        return length == 14 and data[position + 2 : position + 7] == b"Adobe"
    return marker in _TABLES or marker in (_SOS, _DNL)
