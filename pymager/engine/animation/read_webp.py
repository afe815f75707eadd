"""The parts of an animated WebP (RFC 9649, section 2.7.1)."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from struct import error as struct_error
from struct import pack, unpack_from

from pymager.engine.animation.parts import Disposal, Part, Parts
from pymager.engine.containers.container import Box, Data

_FRAME_HEADER_BYTES = 16
_CLEARS, _REPLACES = 0x01, 0x02
_ALPHA_FLAG = 0x10
_LOSSLESS_ALPHA = 1 << 28
_PIXEL_CHUNKS = (b"ALPH", b"VP8 ", b"VP8L")


def read(data: Data) -> Parts | None:
    """The parts of an animated WebP; None for a still one. The background color is ignored, as in browsers.

    Raises `ValueError` if a part has no pixels.
    """
    size, plays, parts = (0, 0), 0, list[Part]()
    for kind, start, end in chunks(data, 12, len(data)):
        if kind == b"VP8X":
            size = _int24(data, start + 4) + 1, _int24(data, start + 7) + 1
        elif kind == b"ANIM":
            (plays,) = unpack_from("<H", data, start + 4)
        elif kind == b"ANMF":
            parts.append(_part(data, start, end))
    return Parts(size, plays, tuple(parts)) if parts and 0 not in size else None


def chunks(data: Data, position: int, limit: int) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk from a position on, and the start and the end of its content."""
    while position + 8 <= limit:
        kind, length = unpack_from("<4sI", data, position)
        start, end = position + 8, position + 8 + length
        if end > limit:
            return
        yield kind, start, end
        position = end + (length & 1)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and its padding."""
    return kind + pack("<I", len(content)) + content + bytes(len(content) & 1)


def file(*chunks: bytes) -> bytes:
    """A file that consists of the chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + pack("<I", len(body)) + body


def features(size: tuple[int, int], flags: int) -> bytes:
    """A VP8X chunk, with the size of the canvas."""
    width, height = size
    return chunk(
        b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def _int24(data: Data, position: int) -> int:
    value = data[position : position + 3]
    if len(value) < 3:
        raise struct_error("the chunk is too short")
    return int.from_bytes(value, "little")


def _part(data: Data, start: int, end: int) -> Part:
    left, top, width, height, duration = (_int24(data, start + 3 * index) for index in range(5))
    flags = data[start + 15]
    area: Box = (2 * left, 2 * top, 2 * left + width + 1, 2 * top + height + 1)
    pixels = {kind: (first, last) for kind, first, last in chunks(data, start + _FRAME_HEADER_BYTES, end)}
    if b"VP8 " not in pixels and b"VP8L" not in pixels:
        raise ValueError("a frame has no pixels")
    has_alpha = b"ALPH" in pixels or (
        b"VP8L" in pixels and bool(unpack_from("<I", data, pixels[b"VP8L"][0] + 1)[0] & _LOSSLESS_ALPHA)
    )
    still = partial(_still, data, pixels, (width + 1, height + 1))
    disposal = Disposal.CLEAR if flags & _CLEARS else Disposal.KEEP
    return Part(area, Fraction(duration), disposal, not flags & _REPLACES, has_alpha, still)


def _still(data: Data, pixels: dict[bytes, tuple[int, int]], size: tuple[int, int]) -> bytes:
    kept = [chunk(kind, data[slice(*pixels[kind])]) for kind in _PIXEL_CHUNKS if kind in pixels]
    return file(features(size, _ALPHA_FLAG), *kept) if len(kept) > 1 else file(*kept)
