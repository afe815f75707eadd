"""PNG and APNG: chunks (PNG specification, third edition, section 5)."""

import re
import zlib
from dataclasses import dataclass, field, replace
from struct import error as struct_error
from struct import unpack_from

from pymager.engine import colorspace
from pymager.engine.colorspace import ColorSpace
from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_frames, check_parts, check_pixels
from pymager.errors import NotAPicture

_PICTURE_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"pHYs"}
)
_KEPT_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"tRNS"})
_COLOR_CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_IEND = b"\0\0\0\0IEND\xaeB`\x82"
_MAX_OTHER_CHUNKS = 10_000
"""The maximum number of chunks without pixels: Pillow takes tens of microseconds for each before it decodes a pixel."""
_MAX_PROFILE_BYTES = 4 << 20
_MAX_EXIF_TEXT_BYTES = 1 << 20
_MAX_PILLOW_PROFILE_BYTES = 1 << 20  # Pillow refuses a PNG with a larger one
_PALETTE = 3
_SRGB_GAMMA = 2.2
_MIN_GAMMA_DIFFERENCE = 0.05  # a difference in gamma that libpng and browsers ignore
_RAW_EXIF = re.compile(rb"Raw profile type (?:exif|APP1)\0")


@dataclass(slots=True)
class _Chunks:
    """What the walk collects."""

    colors: dict[bytes, bytes] = field(default_factory=dict)
    exif: bytes | None = None
    raw_exif: bytes | None = None
    kept: list[tuple[int, int]] = field(default_factory=list)
    broken: bool = False
    last_is_cut: bool = False
    has_palette: bool = False
    has_pixels: bool = False
    frames: int = 0


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk from the signature to IEND. A file that ends before IEND has all pixels if the decoder says so."""
    container, end = walk_from(data, 0, limits)
    return replace(container, picture_only=container.picture_only and end == len(data))


def walk_from(data: Data, start: int, limits: PictureLimits) -> tuple[Container, int]:
    """Walk a PNG that begins at `start`, such as one inside an icon; also returns the position of its end.

    Raises `NotAPicture` for a PNG with a palette that has none.
    """
    position, other_chunks, frames, picture_only, kind = start + 8, 0, 0, True, b""
    chunks, color_type, cut = _Chunks(), -1, False
    while kind != b"IEND":
        try:
            length, kind = unpack_from(">I4s", data, position)
        except struct_error:
            chunks.broken = True
            cut = frames < chunks.frames
            break
        if kind == b"IHDR":
            check_pixels(unpack_from(">II", data, position + 8), limits)
            color_type = data[position + 17]
        elif kind == b"fcTL":
            frames += 1
            check_frames(frames, limits)
        elif kind not in (b"IDAT", b"fdAT"):
            other_chunks += 1
            check_parts(other_chunks, _MAX_OTHER_CHUNKS, "chunks without pixels")
        picture_only = picture_only and kind in _PICTURE_CHUNKS
        _collect(data, chunks, kind, position, length)
        position += length + 12
        if position > len(data):
            chunks.broken, cut = True, frames < chunks.frames or kind == b"fdAT"
            break
    if color_type == _PALETTE and not chunks.has_palette:
        raise NotAPicture("the PNG has colors by index, but no palette (PLTE); send a valid picture")
    color = _color(chunks.colors)
    if isinstance(color, bytes) and len(color) > _MAX_PILLOW_PROFILE_BYTES:
        chunks.broken = True
    picture_only = picture_only and not chunks.broken and not color
    exif = chunks.exif or chunks.raw_exif or b""
    repaired = _repaired(data, start, chunks) if chunks.broken and start == 0 else None
    frames = max(1, frames) if chunks.frames else 1
    return Container(picture_only, frames, cut_frames=cut, color=color, exif=exif, repaired=repaired), position


def _collect(data: Data, chunks: _Chunks, kind: bytes, position: int, length: int) -> None:
    """Note a chunk. One that is ancillary and has a wrong checksum is ignored (section 13.2)."""
    end = position + 12 + length
    if kind in _KEPT_CHUNKS:
        if chunks.kept and chunks.kept[-1][1] == position and end <= len(data):
            chunks.kept[-1] = chunks.kept[-1][0], end
        else:
            chunks.kept.append((position, min(end, len(data))))
            chunks.last_is_cut = end > len(data)
        chunks.has_palette = chunks.has_palette or (kind == b"PLTE" and length >= 3 and not chunks.has_pixels)
        chunks.has_pixels = chunks.has_pixels or kind == b"IDAT"
        return
    if kind in (b"IEND", b"fdAT"):
        return
    if zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]) or end > len(data):
        chunks.broken = True
        return
    content = data[position + 8 : end - 4]
    if kind == b"acTL" and length == 8 and not chunks.has_pixels:  # section 11.3.6.1: later ones are ignored
        chunks.frames = int.from_bytes(content[:4])
    if kind in _COLOR_CHUNKS and not chunks.has_pixels:
        chunks.colors.setdefault(kind, content)
    elif kind == b"eXIf" and not chunks.has_pixels:
        chunks.exif = chunks.exif or content
    elif kind in _TEXT_CHUNKS and chunks.raw_exif is None and _RAW_EXIF.match(content):
        chunks.raw_exif = _exif_of_text(kind, content)


def _repaired(data: Data, start: int, chunks: _Chunks) -> bytes:
    """The file with only what the pixels need, and an end."""
    parts = [data[first:last] for first, last in chunks.kept]
    if parts and chunks.last_is_cut:
        parts[-1] = _whole(parts[-1])
    return data[start : start + 8] + b"".join(parts) + _IEND


def _whole(cut: bytes) -> bytes:
    """A chunk that the end of the file cuts short, with the length that it has."""
    body = cut[4 : 8 + int.from_bytes(cut[:4])]
    return chunk(body[:4], body[4:])


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return len(content).to_bytes(4) + kind + content + zlib.crc32(content, zlib.crc32(kind)).to_bytes(4)


def _color(chunks: dict[bytes, bytes]) -> ColorSpace | bytes:
    """What the chunks say about colors, in the order of precedence of section 4.3; empty for sRGB."""
    if len(code_points := chunks.get(b"cICP", b"")) == 4 and code_points[2] == 0 and code_points[0] != 2:
        return colorspace.by_code_points(code_points[0], code_points[1]) or b""
    if b"iCCP" in chunks:
        return _profile(chunks[b"iCCP"])
    if b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return b""
    gamma = int.from_bytes(chunks[b"gAMA"]) / 100_000
    chromaticities = None
    if len(chunks.get(b"cHRM", b"")) == 32:
        numbers = unpack_from(">8I", chunks[b"cHRM"])
        chromaticities = tuple(number / 100_000 for number in numbers)
    if not gamma > 0 or (chromaticities is None and abs(gamma * _SRGB_GAMMA - 1) < _MIN_GAMMA_DIFFERENCE):
        return b""
    return colorspace.by_gamma(gamma, chromaticities) or b""


def _profile(content: bytes) -> bytes:
    """The ICC profile of an iCCP chunk: a name, a zero, the method 0, and the compressed profile. Empty if broken."""
    name, _, rest = content.partition(b"\0")
    return _decompressed(rest[1:], _MAX_PROFILE_BYTES) if name else b""


def _exif_of_text(kind: bytes, content: bytes) -> bytes | None:
    """EXIF that ImageMagick and GEGL store as hexadecimal text: a name, a length, and digits."""
    text = content.partition(b"\0")[2]
    if kind == b"zTXt":
        text = _decompressed(text[1:], _MAX_EXIF_TEXT_BYTES)
    elif kind == b"iTXt":
        compressed, rest = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
        text = _decompressed(rest, _MAX_EXIF_TEXT_BYTES) if compressed else rest
    words = text[:_MAX_EXIF_TEXT_BYTES].split()
    if len(words) < 3 or not words[1].isdigit():
        return None
    digits = b"".join(words[2:])
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    except ValueError:
        return None


def _decompressed(data: bytes, limit: int) -> bytes:
    """What deflate gives for the data, or nothing if it is broken or gives more than `limit` bytes."""
    try:
        unpacker = zlib.decompressobj()
        result = unpacker.decompress(data, limit)
    except zlib.error:
        return b""
    return result if not unpacker.unconsumed_tail else b""
