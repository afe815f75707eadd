"""Writes PNG files of any kind (PNG specification, third edition): the chunks are chosen by the caller."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from tests.engine.handmade import GRAY, GRAY_ALPHA, PALETTE, PNG, RGB, RGBA, chunk, header

__all__ = ["GRAY", "GRAY_ALPHA", "PALETTE", "RGB", "RGBA", "bad_checksum", "chunk", "png"]

_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png(
    samples: NDArray[np.unsignedinteger],
    kind: int,
    *before: bytes,
    bits: int = 0,
    interlaced: bool = False,
    after: bytes = b"",
    end: bytes = chunk(b"IEND"),
) -> bytes:
    """A PNG of `samples`: height x width, or height x width x samples; 16-bit samples if their type has 16 bits.

    `before` are chunks before the pixels, `after` those behind them. `bits` below 8 packs the samples.
    """
    bits = bits or samples.dtype.itemsize * 8
    height, width = samples.shape[:2]
    start = header(width, height, bits, kind)
    if interlaced:
        body = start[8:-4]
        start = chunk(b"IHDR", body[:-1] + b"\1")
        raw = b"".join(
            _rows(samples[top::down, left::right], bits)
            for top, left, down, right in _ADAM7
            if top < height and left < width
        )
    else:
        raw = _rows(samples, bits)
    return PNG + start + b"".join(before) + chunk(b"IDAT", zlib.compress(raw, 1)) + after + end


def bad_checksum(kind: bytes, data: bytes) -> bytes:
    whole = chunk(kind, data)
    return whole[:-4] + bytes(byte ^ 0x55 for byte in whole[-4:])


def profile(icc: bytes) -> bytes:
    return chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(*values: float) -> bytes:
    """White, red, green, blue, as x and y."""
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def code_points(primaries: int, transfer: int, matrix: int = 0, full_range: int = 1) -> bytes:
    """The chunk cICP, with the numbers of ITU-T H.273."""
    return chunk(b"cICP", bytes([primaries, transfer, matrix, full_range]))


def _rows(samples: NDArray[np.unsignedinteger], bits: int) -> bytes:
    height = samples.shape[0]
    flat = samples.reshape(height, -1)
    if bits == 16:
        lines = [row.astype(">u2").tobytes() for row in flat]
    elif bits == 8:
        lines = [row.astype(np.uint8).tobytes() for row in flat]
    else:
        expanded = np.unpackbits(flat.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bits :].reshape(height, -1)
        lines = [row.tobytes() for row in np.packbits(expanded, axis=1)]
    return b"".join(b"\0" + line for line in lines)
