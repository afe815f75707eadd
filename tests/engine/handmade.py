"""Pictures and profiles made byte by byte, so that their meaning comes from a specification and not from Pillow."""

import struct
import zlib
from collections.abc import Iterable

PNG = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6

SRGB_RED = (0.4360747, 0.2225045, 0.0139322)
SRGB_GREEN = (0.3850649, 0.7168786, 0.0971045)
SRGB_BLUE = (0.1430804, 0.0606169, 0.7141733)
"""The primaries of sRGB in XYZ, adapted to D50."""


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A PNG chunk (PNG specification, section 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int, kind: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))


def png(width: int, height: int, depth: int, kind: int, row: bytes, *before: bytes) -> bytes:
    """A PNG of equal rows, with the chunks `before` its pixels."""
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + row) * height))
    return PNG + header(width, height, depth, kind) + b"".join(before) + pixels + chunk(b"IEND")


def gif(width: int, height: int, frames: Iterable[bytes], palette: bytes) -> bytes:
    """A GIF89a with a global color table, whose size is a power of two; the background is color 0."""
    size = (len(palette) // 3 - 1).bit_length() - 1
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80 | size, 0, 0) + palette + b"".join(frames) + b";"


def gif_frame(left: int, top: int, width: int, height: int, color: int) -> bytes:
    """A frame of one color (0 to 3), in LZW codes that never grow: a clear code precedes each pixel."""
    codes = [4, color] * (width * height) + [5]
    bits = sum(code << 3 * index for index, code in enumerate(codes))
    packed = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(part)]) + part for part in (packed[i : i + 255] for i in range(0, len(packed), 255)))
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x02" + blocks + b"\0"


def matrix_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], gamma: float) -> bytes:
    """An RGB profile with three primaries and one gamma (ICC.1:2001-04, section 6.3.1.2)."""
    primaries = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", primaries | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def gray_profile(gamma: float) -> bytes:
    """A gray profile with one gamma (ICC.1:2001-04, section 6.3.1.1)."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def black_ink_profile() -> bytes:
    """A CMYK profile in which only black matters: it reduces lightness L* from 100 to 0 (lut8Type, section 6.5.8)."""
    identity = bytes(range(256))
    corners = b"".join(bytes([0 if index & 1 else 255, 128, 128]) for index in range(16))
    matrix = struct.pack(">9i", *(65_536 if index % 4 == 0 else 0 for index in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + corners + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), **tags}
    directory, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02400000, kind, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz((0.9642, 1.0, 0.8249))[8:]
    return head.ljust(128, b"\0") + directory + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65_536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
