"""Pictures without a library for pictures."""

import random
import struct
import zlib


def png(width: int, height: int, seed: int = 0, *, noise: bool = False) -> bytes:
    """A PNG of one color, or of noise, which hardly compresses; another one for each seed."""
    source = random.Random(seed)
    color = source.randbytes(3)
    rows = b"".join(b"\0" + (source.randbytes(3 * width) if noise else color * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def size_of(png: bytes) -> tuple[int, int]:
    """The width and height of a PNG."""
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack_from(">II", png, 16)
    return width, height


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
