"""Reads the samples of the first picture of a TIFF, in bands of rows.

Pillow still decompresses: a compressed strip or tile is put into a TIFF of 8-bit gray, whose pixels are then the bytes
of the samples. Sections are those of TIFF 6.0; technical notes are Adobe's for Photoshop.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine.containers.container import Data, Tags
from pymager.engine.containers.tiff import (
    BITS,
    BLACK_IS_ZERO,
    CIELAB,
    COLOR_MAP,
    COMPRESSION,
    EXTRA_SAMPLES,
    FILL_ORDER,
    HEIGHT,
    ICCLAB,
    PALETTE,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    RGB,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES,
    SEPARATED,
    STRIP_OFFSETS,
    STRIP_SIZES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_SIZES,
    TILE_WIDTH,
    WHITE_IS_ZERO,
    WIDTH,
)
from pymager.engine.wide import Samples
from pymager.errors import Undecodable

Array = NDArray[Any]

_NONE, _DEFLATE, _OLD_DEFLATE = 1, 8, 32_946
_HORIZONTAL, _FLOATING_POINT = 2, 3
_BAND_BYTES = 16 << 20
_MAX_TILE_BYTES = 128 << 20
_MAX_BLOCKS = 50_000
_PACKED_SLACK_BYTES = 1_024
_ASSOCIATED, _UNASSOCIATED = 1, 2
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of the first picture of a TIFF are stored."""

    width: int
    height: int
    samples: int
    type: np.dtype[Any]
    photometric: int
    planar: bool
    extra: tuple[int, ...]
    compression: int
    predictor: int
    reversed_bits: bool
    palette: Samples | None = None

    @property
    def colors(self) -> int:
        """The number of color channels."""
        return self.samples - len(self.extra)

    @property
    def alpha(self) -> int | None:
        """The number of the alpha channel; samples of another meaning are ignored (section 18).

        A single extra sample of unspecified meaning is alpha: libvips, ImageMagick and ffmpeg agree on that.
        """
        for index, meaning in enumerate(self.extra):
            if meaning in (_ASSOCIATED, _UNASSOCIATED) or len(self.extra) == 1:
                return self.colors + index
        return None

    @property
    def is_associated(self) -> bool:
        """Whether colors are multiplied by alpha."""
        return _ASSOCIATED in self.extra


def layout_of(tags: Tags, order: str) -> Layout:
    """The layout that the tags describe. Raises `KeyError` and `ValueError`."""
    bits, samples = tags.get(BITS, (1,)), tags.get(SAMPLES, (1,))[0]
    formats = tags.get(SAMPLE_FORMAT, (1,))
    photometric = tags.get(PHOTOMETRIC, (WHITE_IS_ZERO,))[0]
    kind = _KINDS[formats[0]]
    colors = {RGB: 3, SEPARATED: 4, CIELAB: 3, ICCLAB: 3}.get(photometric, 1)
    extra = tags.get(EXTRA_SAMPLES, ())
    extra = tuple(extra[: max(0, samples - colors)]) + (0,) * (samples - colors - len(extra))
    return Layout(
        tags[WIDTH][0],
        tags[HEIGHT][0],
        samples,
        np.dtype(f"{order}{kind}{bits[0] // 8}"),
        photometric,
        tags.get(PLANAR, (1,))[0] == 2,
        extra,
        tags.get(COMPRESSION, (1,))[0],
        tags.get(PREDICTOR, (1,))[0],
        tags.get(FILL_ORDER, (1,))[0] == 2,
        np.array(tags[COLOR_MAP][: 3 << 8], np.uint16).reshape(3, -1).T if photometric == PALETTE else None,
    )


def bands(data: Data, tags: Tags, layout: Layout) -> Iterator[tuple[int, Array]]:
    """The samples in bands of rows: the first row of each, and rows x columns x samples."""
    tiled = TILE_OFFSETS in tags
    offsets = tags[TILE_OFFSETS] if tiled else tags[STRIP_OFFSETS]
    sizes = tags.get(TILE_SIZES if tiled else STRIP_SIZES, ())
    sizes = sizes if len(sizes) == len(offsets) else (0,) * len(offsets)
    width, height = layout.width, layout.height
    if tiled:
        block_width, block_height = tags[TILE_WIDTH][0], tags[TILE_HEIGHT][0]
    else:
        block_width, block_height = width, min(height, tags.get(ROWS_PER_STRIP, (height,))[0])
    if not block_width or not block_height:
        raise ValueError("strips or tiles without pixels")
    if len(offsets) > _MAX_BLOCKS:
        raise Undecodable(f"the TIFF has {len(offsets)} strips or tiles; at most {_MAX_BLOCKS} are accepted")
    across, down = -(-width // block_width), -(-height // block_height)
    planes, samples = (layout.samples, 1) if layout.planar else (1, layout.samples)
    if len(offsets) < across * down * planes:
        raise ValueError("a strip or tile is missing")
    row_bytes = block_width * samples * layout.type.itemsize
    if tiled and row_bytes * block_height > _MAX_TILE_BYTES:
        raise Undecodable(
            f"a tile of the TIFF has {row_bytes * block_height} bytes; at most {_MAX_TILE_BYTES} are accepted"
        )
    step = block_height if tiled else max(1, _BAND_BYTES // (row_bytes * planes))
    for top in range(0, height, block_height):
        rows_in_block = block_height if tiled else min(block_height, height - top)
        first_block = top // block_height * across
        readers = [
            [
                _reader(data, offsets[index], sizes[index], layout, rows_in_block, row_bytes)
                for index in range(plane * down * across + first_block, plane * down * across + first_block + across)
            ]
            for plane in range(planes)
        ]
        for first in range(0, rows_in_block, step):
            rows = min(step, rows_in_block - first)
            shown = min(rows, height - top - first)
            band = np.empty((shown, width, layout.samples), layout.type)
            for plane, columns in enumerate(readers):
                for column, read in enumerate(columns):
                    block = _differences_undone(read(rows), layout, rows, block_width, samples)
                    left = column * block_width
                    right = min(left + block_width, width)
                    band[:, left:right, plane : plane + samples] = block[:shown, : right - left]
            if shown > 0:
                yield top + first, band


def _reader(data: Data, offset: int, size: int, layout: Layout, rows: int, row_bytes: int) -> Callable[[int], bytes]:
    """A function that returns the bytes of the next rows of a strip or tile. An impossible size is ignored.

    The function raises `ValueError` if bytes are missing.
    """
    end = offset + size if size > 0 and offset + size <= len(data) else len(data)
    end = min(end, offset + 2 * rows * row_bytes + _PACKED_SLACK_BYTES)  # no compression here makes data twice as long
    if layout.compression == _NONE:
        return _sliced(data, offset, layout, row_bytes)
    packed = _in_order(data[offset:end], layout)
    if layout.compression in (_DEFLATE, _OLD_DEFLATE):
        return _inflated(packed, row_bytes)
    whole = _unpacked_by_libtiff(packed, layout.compression, rows, row_bytes)
    return _sliced(whole, 0, None, row_bytes)


def _sliced(data: Data, offset: int, layout: Layout | None, row_bytes: int) -> Callable[[int], bytes]:
    position = offset

    def read(rows: int) -> bytes:
        nonlocal position
        raw = data[position : position + rows * row_bytes]
        position += rows * row_bytes
        return _checked(raw if layout is None else _in_order(raw, layout), rows * row_bytes)

    return read


def _inflated(packed: bytes, row_bytes: int) -> Callable[[int], bytes]:
    unpacker, rest = zlib.decompressobj(), packed

    def read(rows: int) -> bytes:
        nonlocal rest
        raw = unpacker.decompress(rest, rows * row_bytes)
        rest = unpacker.unconsumed_tail
        return _checked(raw, rows * row_bytes)

    return read


def _checked(raw: bytes, expected: int) -> bytes:
    if len(raw) < expected:
        raise ValueError("a strip or tile ends too early")
    return raw


def _in_order(data: bytes, layout: Layout) -> bytes:
    """Bytes with the most significant bit first (section 8, FillOrder)."""
    return data.translate(_REVERSED_BITS) if layout.reversed_bits else data


def _unpacked_by_libtiff(packed: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """Decompress by a TIFF of 8-bit gray that has these bytes as its only strip."""
    entries = (
        (256, 4, row_bytes),
        (257, 4, rows),
        (258, 3, 8),
        (259, 3, compression),
        (262, 3, BLACK_IS_ZERO),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, rows),
        (279, 4, len(packed)),
    )
    padded = packed + bytes(len(packed) & 1)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(padded)) + padded + struct.pack("<H", len(entries))
    file = head + b"".join(struct.pack("<HHII", tag, type, 1, value) for tag, type, value in entries) + bytes(4)
    with Image.open(BytesIO(file), formats=("TIFF",)) as picture:
        return picture.tobytes()


def _differences_undone(raw: bytes, layout: Layout, rows: int, columns: int, samples: int) -> Array:
    """Samples from bytes that may be differences (section 14; technical note 3 for floating point)."""
    if layout.predictor == _FLOATING_POINT:
        size = layout.type.itemsize
        planes = np.frombuffer(raw, np.uint8)[: rows * columns * samples * size].reshape(rows, columns * size, samples)
        sums = np.cumsum(planes, axis=1, dtype=np.uint8).reshape(rows, size, columns * samples)
        return sums.transpose(0, 2, 1).copy().view(layout.type.newbyteorder(">")).reshape(rows, columns, samples)
    values = np.frombuffer(raw, layout.type, rows * columns * samples).reshape(rows, columns, samples)
    if layout.predictor != _HORIZONTAL:
        return values
    unsigned = np.dtype(f"u{layout.type.itemsize}")
    native = values.astype(layout.type.newbyteorder("=")).view(unsigned)
    return np.cumsum(native, axis=1, dtype=unsigned).view(layout.type.newbyteorder("="))
