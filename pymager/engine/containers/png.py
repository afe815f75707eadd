"""PNG and APNG: chunks (PNG specification, third edition, section 5)."""

from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_frames, check_parts, check_pixels

_PICTURE = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"pHYs"}
)
_ANCILLARY = 10_000
"""Most other chunks in a file: Pillow takes tens of microseconds for each before a pixel is decoded."""


def walk(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk from the signature to IEND."""
    container, end = walk_from(data, 0, limits)
    return Container(container.complete, container.bare and end == len(data), container.frames)


def walk_from(data: Data, start: int, limits: PictureLimits) -> tuple[Container, int]:
    """Walk a PNG that begins at `start`, as one inside an icon does; also returns where it ends."""
    position, others, frames, bare, kind = start + 8, 0, 0, True, b""
    while kind != b"IEND":
        length, kind = unpack_from(">I4s", data, position)
        if kind == b"IHDR":
            check_pixels(unpack_from(">II", data, position + 8), limits)
        elif kind == b"fcTL":
            frames += 1
            check_frames(frames, limits)
        elif kind not in (b"IDAT", b"fdAT"):
            others += 1
            check_parts(others, _ANCILLARY)
        bare = bare and kind in _PICTURE
        position += length + 12
    return Container(position <= len(data), bare, max(1, frames)), position
