"""The parts of an APNG (PNG specification, third edition, sections 4.9, 11.3.6 and 13.18)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from struct import error as struct_error
from struct import pack, unpack_from

from pymager.engine.animation.parts import Disposal, Part, Parts
from pymager.engine.containers.container import Box, Data
from pymager.engine.containers.png import chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DISPOSALS = {1: Disposal.CLEAR, 2: Disposal.RESTORE}
_DEFAULT_DENOMINATOR = 100
_COLOR_TYPES_WITH_ALPHA = (4, 6)
_SEQUENCE_BYTES = 4


@dataclass(slots=True)
class _Frame:
    control: bytes
    pixels: list[tuple[int, int]] = field(default_factory=list)


def read(data: Data) -> Parts | None:
    """The parts of an APNG; None for a PNG that is not animated.

    The picture that is shown where animations are not supported is left out, unless it is the first part. Raises
    `ValueError` if a part has no pixels, or is not within the picture.
    """
    header, shared, plays, frames = b"", dict[bytes, bytes](), -1, list[_Frame]()
    for kind, start, end in chunks(data):
        if kind == b"IHDR":
            header = data[start:end]
        elif kind in (b"PLTE", b"tRNS"):
            shared.setdefault(kind, data[start:end])
        elif kind == b"acTL" and end - start == 8 and not frames and _has_checksum(data, start, end):
            plays = int.from_bytes(data[start + 4 : end])
        elif kind == b"fcTL" and end - start == 26:
            frames.append(_Frame(data[start:end]))
        elif kind == b"IDAT" and frames and len(frames) == 1:
            frames[0].pixels.append((start, end))
        elif kind == b"fdAT" and frames:
            frames[-1].pixels.append((start + _SEQUENCE_BYTES, end))
        elif kind == b"IDAT" and plays < 0:
            return None  # section 11.3.6.1: acTL is before the pixels
    if plays < 0 or not frames or len(header) != 13:
        return None
    has_alpha = header[9] in _COLOR_TYPES_WITH_ALPHA or b"tRNS" in shared
    return Parts(
        unpack_from(">II", header), plays, tuple(_part(data, header, shared, frame, has_alpha) for frame in frames)
    )


def chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk, and the start and the end of its content. A chunk that is cut ends the file."""
    kind, position = b"", len(SIGNATURE)
    while kind != b"IEND":
        try:
            length, kind = unpack_from(">I4s", data, position)
        except struct_error:
            return
        start = position + 8
        position = start + length + 4
        if position > len(data):
            return
        yield kind, start, start + length


def _has_checksum(data: Data, start: int, end: int) -> bool:
    return zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4])


def _part(data: Data, header: bytes, shared: dict[bytes, bytes], frame: _Frame, has_alpha: bool) -> Part:
    width, height, left, top, numerator, denominator, disposal, blend = unpack_from(">IIIIHHBB", frame.control, 4)
    area: Box = (left, top, left + width, top + height)
    canvas_width, canvas_height = unpack_from(">II", header)
    if not (frame.pixels and width and height and area[2] <= canvas_width and area[3] <= canvas_height):
        raise ValueError("a frame has no pixels, or is not within the picture")
    milliseconds = Fraction(numerator * 1000, denominator or _DEFAULT_DENOMINATOR)
    still = partial(_still, data, pack(">II", width, height) + header[8:], shared, frame.pixels)
    return Part(area, milliseconds, _DISPOSALS.get(disposal, Disposal.KEEP), blend == 1, has_alpha, still)


def _still(data: Data, header: bytes, shared: dict[bytes, bytes], pixels: list[tuple[int, int]]) -> bytes:
    parts = [SIGNATURE, chunk(b"IHDR", header), *(chunk(kind, shared[kind]) for kind in sorted(shared))]
    parts.append(chunk(b"IDAT", b"".join(data[start:end] for start, end in pixels)))
    return b"".join([*parts, chunk(b"IEND", b"")])
