"""WebP: RIFF chunks (RFC 9649, section 2)."""

from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_parts, check_pixels

_PICTURE_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH"})
_MAX_CHUNKS = 100_000


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the chunks. Check the size here: 34 bytes make the decoder reserve a whole canvas when it opens the file."""
    end = 8 + unpack_from("<I", data, 4)[0]
    position, chunks, frames, picture_only, cut = 12, 0, 0, True, False
    while position < end:
        kind, length = unpack_from("<4sI", data, position)
        check_pixels(_canvas_size(data, kind, position + 8), limits)
        chunks += 1
        check_parts(chunks, _MAX_CHUNKS, "chunks")
        frames += kind == b"ANMF"
        check_frames(frames, limits)
        picture_only = picture_only and kind in _PICTURE_CHUNKS
        cut = position + 8 + length > len(data)  # the padding after an odd chunk can be missing at the end
        position += 8 + length + (length & 1)
    return Container(picture_only and end == len(data), max(1, frames), cut_frames=cut and frames > 1)


def _canvas_size(data: Data, kind: bytes, position: int) -> tuple[int, int]:
    """The width and the height of the canvas that a chunk declares; 0x0 if it declares none."""
    if kind == b"VP8X":
        fields = data[position + 4 : position + 10]
        return int.from_bytes(fields[:3], "little") + 1, int.from_bytes(fields[3:], "little") + 1
    if kind == b"VP8L":
        (bits,) = unpack_from("<I", data, position + 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = unpack_from("<HH", data, position + 6)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0
