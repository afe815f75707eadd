"""PNG and APNG: chunks (PNG specification, third edition, section 5)."""

from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_parts, check_pixels

_PICTURE_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"pHYs"}
)
_MAX_OTHER_CHUNKS = 10_000
"""The maximum number of chunks without pixels: Pillow takes tens of microseconds for each before it decodes a pixel."""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk from the signature to IEND."""
    container, end = walk_from(data, 0, limits)
    return Container(container.complete, container.picture_only and end == len(data), container.frames)


def walk_from(data: Data, start: int, limits: PictureLimits) -> tuple[Container, int]:
    """Walk a PNG that begins at `start`, such as one inside an icon; also returns the position of its end."""
    position, other_chunks, frames, picture_only, kind = start + 8, 0, 0, True, b""
    while kind != b"IEND":
        length, kind = unpack_from(">I4s", data, position)
        if kind == b"IHDR":
            check_pixels(unpack_from(">II", data, position + 8), limits)
        elif kind == b"fcTL":
            frames += 1
            check_frames(frames, limits)
        elif kind not in (b"IDAT", b"fdAT"):
            other_chunks += 1
            check_parts(other_chunks, _MAX_OTHER_CHUNKS, "chunks without pixels")
        picture_only = picture_only and kind in _PICTURE_CHUNKS
        position += length + 12
    return Container(position <= len(data), picture_only, max(1, frames)), position
