"""Writes animated WebP (RFC 9649, section 2.7.1)."""

from fractions import Fraction
from struct import pack
from typing import Any

from PIL import Image

from pymager.engine.animation.movie import Clock, Movie, changed_area, merged
from pymager.engine.animation.read_webp import chunk, chunks, features, file
from pymager.engine.containers.container import Box
from pymager.engine.encoders import saved

_MAX_UINT16 = 65_535
_MAX_UINT24 = (1 << 24) - 1
_ANIMATION_FLAG, _ALPHA_FLAG = 0x02, 0x10
_METADATA_FLAGS = {b"EXIF": 0x08, b"XMP ": 0x04}
_REPLACES = b"\x02"
_TRANSPARENT = bytes(4)


def write(movie: Movie) -> bytes:
    """The animation as a WebP. Each frame replaces the rectangle that it changes."""
    out, metadata, clock = list[bytes](), dict[bytes, bytes](), Clock(1)
    before: Image.Image | None = None
    for frame in merged(movie.frames, Fraction(_MAX_UINT24)):
        whole: Box = (0, 0, *movie.size)
        area = whole if before is None else _from_even(changed_area(before, frame.picture) or (0, 0, 1, 1))
        options = movie.first_options if before is None else movie.options
        pixels, found = _encoded(frame.picture.crop(area), options)
        metadata.update(found)
        left, top, right, bottom = area
        numbers = (left // 2, top // 2, right - left - 1, bottom - top - 1, clock.units(frame.milliseconds))
        head = b"".join(number.to_bytes(3, "little") for number in numbers)
        out.append(chunk(b"ANMF", head + _REPLACES + pixels))
        before = frame.picture
    flags = _ANIMATION_FLAG | (_ALPHA_FLAG if movie.mode == "RGBA" else 0)
    for kind in metadata:
        flags |= _METADATA_FLAGS[kind]
    control = chunk(b"ANIM", _TRANSPARENT + pack("<H", min(movie.plays, _MAX_UINT16)))
    return file(features(movie.size, flags), control, *out, *(chunk(*found) for found in metadata.items()))


def _from_even(area: Box) -> Box:
    """The area from even coordinates on: the format has only these."""
    return area[0] & ~1, area[1] & ~1, area[2], area[3]


def _encoded(picture: Image.Image, options: dict[str, Any]) -> tuple[bytes, dict[bytes, bytes]]:
    """The chunks with the pixels, and the contents of those with metadata by type."""
    data = saved(picture, "WEBP", **options)
    found = {kind: data[start:end] for kind, start, end in chunks(data, 12, len(data)) if kind != b"VP8X"}
    pixels = b"".join(chunk(*item) for item in found.items() if item[0] not in _METADATA_FLAGS)
    return pixels, {kind: content for kind, content in found.items() if kind in _METADATA_FLAGS}
