"""TIFF that Pillow reads wrong or not at all: 16 bits and more, floating point, planes, associated alpha, Lab.

Pillow still decompresses: the compressed strips or tiles are put into a TIFF of 8-bit gray, whose pixels are then the
bytes of the samples. Sections are those of TIFF 6.0; technical notes are Adobe's for Photoshop.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine import icc, wide
from pymager.engine.containers.container import Data
from pymager.engine.containers.tiff import (
    BITS,
    BLACK_IS_ZERO,
    CIELAB,
    COMPRESSION,
    EXTRA_SAMPLES,
    FILL_ORDER,
    HEIGHT,
    ICCLAB,
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
    Tags,
)
from pymager.engine.wide import Samples

Array = NDArray[Any]

_NONE, _DEFLATE, _OLD_DEFLATE = 1, 8, 32_946
_HORIZONTAL, _FLOATING_POINT = 2, 3
_MAX_16_BITS = 65_535
_ASSOCIATED, _UNASSOCIATED = 1, 2
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_LAB_D50 = (0.9642, 1.0, 0.8249)


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


def decode(data: Data, tags: Tags, order: str, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The first picture of a file; also returns the profile that is left to apply."""
    layout = _layout(tags, order)
    values = _values(data, tags, layout)
    colors = values.shape[2] - len(layout.extra)
    alpha = _alpha(values, layout, colors)
    color = values[:, :, :colors]
    if layout.photometric in (CIELAB, ICCLAB):
        return wide.picture(_lab_to_srgb(color, layout), _bytes(alpha)), None
    wide_color = _in_16_bits(color)
    if layout.photometric == WHITE_IS_ZERO:
        wide_color = 65_535 - wide_color
    if alpha is not None and _ASSOCIATED in layout.extra:
        wide_color = wide.unassociated(wide_color, alpha)
    if layout.photometric == SEPARATED:
        return _separated(wide_color, alpha, profile)
    narrow, left = wide.narrowed(wide_color, profile)
    return wide.picture(narrow, _bytes(alpha)), left


def _separated(color: Samples, alpha: Samples | None, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    from pymager.engine import color as colors

    inks = Image.fromarray(np.ascontiguousarray((color >> 8).astype(np.uint8)), "CMYK")
    if alpha is None:
        return inks, profile
    shown = colors.converted(inks, profile, gray=False).convert("RGB")
    shown.putalpha(Image.fromarray(np.ascontiguousarray((alpha >> 8).astype(np.uint8))))
    return shown, None


def _layout(tags: Tags, order: str) -> Layout:
    bits, samples = tags.get(BITS, (1,)), tags.get(SAMPLES, (1,))[0]
    formats = tags.get(SAMPLE_FORMAT, (1,))
    photometric = tags[PHOTOMETRIC][0]
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
    )


def _values(data: Data, tags: Tags, layout: Layout) -> Array:
    """All samples as rows x columns x samples."""
    tiled = TILE_OFFSETS in tags
    offsets, sizes = (
        (tags[TILE_OFFSETS], tags.get(TILE_SIZES)) if tiled else (tags[STRIP_OFFSETS], tags.get(STRIP_SIZES))
    )
    sizes = sizes if sizes and len(sizes) == len(offsets) else (0,) * len(offsets)
    width, height = layout.width, layout.height
    if tiled:
        block_width, block_height = tags[TILE_WIDTH][0], tags[TILE_HEIGHT][0]
    else:
        block_width, block_height = width, min(height, tags.get(ROWS_PER_STRIP, (height,))[0])
    across, down = -(-width // block_width), -(-height // block_height)
    planes, samples = (layout.samples, 1) if layout.planar else (1, layout.samples)
    if len(offsets) < across * down * planes:
        raise ValueError("a strip or tile is missing")
    out = np.empty((height, width, layout.samples), layout.type)
    for index in range(across * down * planes):
        plane, place = divmod(index, across * down)
        top, left = place // across * block_height, place % across * block_width
        rows = block_height if tiled else min(block_height, height - top)
        raw = _unpacked(data, offsets[index], sizes[index], layout, rows, block_width * samples * layout.type.itemsize)
        block = _differences_undone(raw, layout, rows, block_width, samples)
        shown_rows, shown_columns = min(rows, height - top), min(block_width, width - left)
        first = plane if layout.planar else 0
        out[top : top + shown_rows, left : left + shown_columns, first : first + samples] = block[
            :shown_rows, :shown_columns
        ]
    return out


def _unpacked(data: Data, offset: int, size: int, layout: Layout, rows: int, row_bytes: int) -> bytes:
    """The bytes of a strip or tile. An impossible size is ignored. Raises `ValueError` if bytes are missing."""
    expected = rows * row_bytes
    if layout.compression == _NONE:
        raw = _in_order(data[offset : offset + expected], layout)
    else:
        end = offset + size if size > 0 and offset + size <= len(data) else len(data)
        packed = _in_order(data[offset:end], layout)
        if layout.compression in (_DEFLATE, _OLD_DEFLATE):
            raw = zlib.decompressobj().decompress(packed, expected)
        else:
            raw = _unpacked_by_libtiff(packed, layout.compression, rows, row_bytes)
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


def _alpha(values: Array, layout: Layout, colors: int) -> Samples | None:
    """The alpha channel in 16 bits; samples of another meaning are ignored (section 18).

    A single sample of unspecified meaning is alpha: libvips, ImageMagick and ffmpeg agree on that.
    """
    for index, meaning in enumerate(layout.extra):
        if meaning in (_ASSOCIATED, _UNASSOCIATED) or len(layout.extra) == 1:
            return _in_16_bits(values[:, :, colors + index : colors + index + 1])[:, :, 0]
    return None


def _bytes(alpha: Samples | None) -> NDArray[np.uint8] | None:
    return None if alpha is None else (alpha >> 8).astype(np.uint8)


def _in_16_bits(values: Array) -> Samples:
    """Integers by their upper bits, signed ones of 8 and 16 bits from the lowest value on.

    No value of a signed integer of 32 bits is defined as white: values that fit into 16 bits are 16-bit values, others
    are stretched. Floating point is described in `_scaled`.
    """
    if values.dtype.kind == "f":
        return _scaled(values)
    bits = values.dtype.itemsize * 8
    native = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "i" and bits == 32:
        low, high = int(native.min()), int(native.max())
        if low < 0 or high > _MAX_16_BITS:
            return np.rint((native - np.float64(low)) * (_MAX_16_BITS / max(1, high - low))).astype(np.uint16)
        return native.astype(np.uint16)
    if values.dtype.kind == "i":
        native = native.view(f"u{values.dtype.itemsize}") ^ np.array(1 << bits - 1, f"u{values.dtype.itemsize}")
    if bits == 8:
        return native.astype(np.uint16) * 257
    return native.astype(np.uint16) if bits == 16 else (native >> (bits - 16)).astype(np.uint16)


def _scaled(values: Array) -> Samples:
    """White is 1 if no value is above 1, 255 if none is above 255; other ranges are stretched. NaN is black."""
    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low < 0 or high > 255:
        return np.asarray(np.rint((finite - low) * (_MAX_16_BITS / max(high - low, 1e-30))), np.uint16)
    return np.asarray(np.rint(finite * (_MAX_16_BITS if high <= 1 else 257)), np.uint16)


def _lab_to_srgb(values: Array, layout: Layout) -> NDArray[np.uint8]:
    """CIE L*a*b* relative to D50 (section 23; technical note 1 for ICCLAB): signed a* and b*, or with an offset."""
    small = values.dtype.itemsize == 1
    lightness = values[:, :, 0].astype(np.float32) * (
        100 / (255 if small else 65_280 if layout.photometric == ICCLAB else 65_535)
    )
    chroma = values[:, :, 1:].astype(values.dtype.newbyteorder("="))
    if layout.photometric == ICCLAB:
        a_b = chroma.astype(np.float32) - 128 if small else chroma.astype(np.float32) / 256 - 128
    else:
        a_b = chroma.view(np.int8).astype(np.float32) if small else chroma.view(np.int16).astype(np.float32) / 256
    y = (lightness + 16) / 116
    axes = (y + a_b[:, :, 0] / 500, y, y - a_b[:, :, 1] / 200)
    xyz = np.stack(
        [
            white * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
            for white, f in zip(_LAB_D50, axes, strict=True)
        ],
        axis=2,
    )
    return icc.encoded((xyz @ icc.XYZ_D50_TO_SRGB.T).astype(np.float32))
