"""Writes animated WebP (RFC 9649, section 2.7.1)."""

from fractions import Fraction
from io import BytesIO
from struct import pack
from typing import Any

from PIL import Image

from pymager.engine.animation.frames import Clock, Movie, changed_area, merged
from pymager.engine.animation.read_webp import chunk, chunks, features, file
from pymager.engine.containers.container import Box

_MAX_UINT16 = 65_535
_MAX_UINT24 = (1 << 24) - 1
_ANIMATION_FLAG, _ALPHA_FLAG = 0x02, 0x10
_REPLACES = b"\x02"
_TRANSPARENT = bytes(4)


def write(movie: Movie, options: dict[str, Any]) -> bytes:
    """The animation as a WebP. Each frame replaces the rectangle that it changes."""
    out, clock, has_alpha = list[bytes](), Clock(1), False
    before: Image.Image | None = None
    for frame in merged(movie.frames, Fraction(_MAX_UINT24)):
        whole: Box = (0, 0, *movie.size)
        area = whole if before is None else _from_even(changed_area(before, frame.picture) or (0, 0, 1, 1))
        pixels = _encoded(frame.picture.crop(area), options)
        has_alpha = has_alpha or movie.mode == "RGBA"
        left, top, right, bottom = area
        numbers = (left // 2, top // 2, right - left - 1, bottom - top - 1, clock.units(frame.milliseconds))
        head = b"".join(number.to_bytes(3, "little") for number in numbers)
        out.append(chunk(b"ANMF", head + _REPLACES + pixels))
        before = frame.picture
    flags = _ANIMATION_FLAG | (_ALPHA_FLAG if has_alpha else 0)
    control = chunk(b"ANIM", _TRANSPARENT + pack("<H", min(movie.plays, _MAX_UINT16)))
    return file(features(movie.size, flags), control, *out)


def _from_even(area: Box) -> Box:
    """The area from even coordinates on: the format has only these."""
    return area[0] & ~1, area[1] & ~1, area[2], area[3]


def _encoded(picture: Image.Image, options: dict[str, Any]) -> bytes:
    """The chunks with the pixels."""
    out = BytesIO()
    picture.save(out, "WEBP", **options)
    data = out.getvalue()
    return b"".join(chunk(kind, data[start:end]) for kind, start, end in chunks(data, 12, len(data)) if kind != b"VP8X")
