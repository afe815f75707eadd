"""Writes APNG (PNG specification, third edition, sections 4.9 and 11.3.6)."""

from fractions import Fraction
from struct import pack
from typing import Any

from PIL import Image

from pymager.engine.animation.movie import Movie, changed_area, merged
from pymager.engine.animation.read_png import SIGNATURE, chunks
from pymager.engine.containers.png import chunk
from pymager.engine.encoders import saved

_MAX_UINT16 = 65_535
_MAX_PLAYS = (1 << 31) - 1
_MAX_MILLISECONDS = Fraction(_MAX_UINT16 * 1000)
_DENOMINATORS = (1000, 100, 10, 1)
_KEEP, _REPLACE = 0, 0


def write(movie: Movie) -> bytes:
    """The animation as a PNG. Each frame replaces the rectangle that it changes."""
    out, sequence, count = list[bytes](), 0, 0
    head: list[bytes] = []
    before: Image.Image | None = None
    for frame in merged(movie.frames, _MAX_MILLISECONDS):
        area = before and changed_area(before, frame.picture)
        left, top, right, bottom = area or (0, 0, *(movie.size if before is None else (1, 1)))
        options = movie.first_options if before is None else movie.options
        others, pixels = _encoded(frame.picture.crop((left, top, right, bottom)), options)
        head = head or others
        numbers = pack(">IIIII", sequence, right - left, bottom - top, left, top)
        out.append(chunk(b"fcTL", numbers + pack(">HHBB", *_delay(frame.milliseconds), _KEEP, _REPLACE)))
        sequence += 1
        if before is None:
            out.append(chunk(b"IDAT", pixels))
        else:
            out.append(chunk(b"fdAT", pack(">I", sequence) + pixels))
            sequence += 1
        before = frame.picture
        count += 1
    control = chunk(b"acTL", pack(">II", count, min(movie.plays, _MAX_PLAYS)))
    return b"".join([SIGNATURE, head[0], control, *head[1:], *out, chunk(b"IEND", b"")])


def _encoded(picture: Image.Image, options: dict[str, Any]) -> tuple[list[bytes], bytes]:
    """The chunks without pixels, of which the first is IHDR, and the content of all IDAT chunks together."""
    data = saved(picture, "PNG", **options)
    found = [(kind, data[start:end]) for kind, start, end in chunks(data)]
    others = [chunk(kind, content) for kind, content in found if kind not in (b"IDAT", b"IEND")]
    return others, b"".join(content for kind, content in found if kind == b"IDAT")


def _delay(milliseconds: Fraction) -> tuple[int, int]:
    """Numerator and denominator of a time in seconds: exact if both have 16 bits."""
    seconds = milliseconds / 1000
    if max(seconds.numerator, seconds.denominator) <= _MAX_UINT16:
        return seconds.numerator, seconds.denominator
    denominator = next(n for n in _DENOMINATORS if round(seconds * n) <= _MAX_UINT16)
    return round(seconds * denominator), denominator
