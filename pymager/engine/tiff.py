"""TIFF that Pillow reads wrong or not at all: 16 bits and more, floating point, planes, associated alpha, Lab.

Pillow still decompresses: the compressed strips or tiles are put into a TIFF of 8-bit gray, whose pixels are then the
bytes of the samples. Sections are those of TIFF 6.0; technical notes are Adobe's for Photoshop.
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

from pymager.engine import color as colors
from pymager.engine import icc, wide
from pymager.engine.containers.container import Data
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
    Tags,
)
from pymager.engine.wide import Samples
from pymager.errors import Undecodable

Array = NDArray[Any]

_NONE, _DEFLATE, _OLD_DEFLATE = 1, 8, 32_946
_HORIZONTAL, _FLOATING_POINT = 2, 3
_MAX_16_BITS = 65_535
_BAND_BYTES = 16 << 20
_MAX_TILE_BYTES = 128 << 20
_MAX_BLOCKS = 50_000
_PACKED_SLACK_BYTES = 1_024
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


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of values that becomes 0 to 65535: `low` becomes 0, and a difference is multiplied by `factor`."""

    low: float
    high: float
    factor: float


def decode(data: Data, tags: Tags, order: str, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The first picture of a file; also returns the profile that is left to apply.

    It is decoded and reduced to 8 bits in bands of rows, so that it never needs more memory than Pillow's picture and
    one band. Raises `ValueError` and `KeyError` for a broken file.
    """
    layout = _layout(tags, order)
    curves = icc.curves_of(profile, layout.colors) if profile and layout.colors in (1, 3) else None
    scale = _scale(data, tags, layout)
    picture: Image.Image | None = None
    for top, values in _bands(data, tags, layout):
        band = _band(values, layout, scale, curves, profile)
        if picture is None:
            picture = Image.new(band.mode, (layout.width, layout.height))
        picture.paste(band, (0, top))
    if picture is None:
        raise ValueError("the picture has no rows")
    is_converted = curves is not None or layout.photometric in (CIELAB, ICCLAB)
    is_converted = is_converted or (layout.photometric == SEPARATED and layout.alpha is not None)
    return picture, None if is_converted else profile


def _band(
    values: Array, layout: Layout, scale: Scale | None, curves: icc.Curves | None, profile: bytes | None
) -> Image.Image:
    """A band of rows as a picture with 8 bits per channel."""
    color = values[:, :, : layout.colors]
    alpha = None if layout.alpha is None else _in_16_bits(values[:, :, layout.alpha : layout.alpha + 1], scale)[:, :, 0]
    if layout.photometric in (CIELAB, ICCLAB):
        return wide.picture(_lab_to_srgb(color, layout), _bytes(alpha))
    wide_color = _in_16_bits(color, scale) if layout.palette is None else layout.palette[values[:, :, 0]]
    if layout.photometric == WHITE_IS_ZERO:
        wide_color = _MAX_16_BITS - wide_color
    if alpha is not None and layout.is_associated:
        wide_color = wide.unassociated(wide_color, alpha)
    if layout.photometric == SEPARATED:
        return _separated(wide_color, alpha, profile)
    narrow = (wide_color >> 8).astype(np.uint8) if curves is None else icc.to_srgb(wide_color, curves)
    return wide.picture(narrow, _bytes(alpha))


def _separated(color: Samples, alpha: Samples | None, profile: bytes | None) -> Image.Image:
    """CMYK; with alpha it is converted here, because no mode of Pillow has both."""
    inks = Image.fromarray(np.ascontiguousarray((color >> 8).astype(np.uint8)), "CMYK")
    if alpha is None:
        return inks
    shown = colors.converted(inks, profile, gray=False).convert("RGB")
    shown.putalpha(Image.fromarray(np.ascontiguousarray((alpha >> 8).astype(np.uint8))))
    return shown


def _layout(tags: Tags, order: str) -> Layout:
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


def _bands(data: Data, tags: Tags, layout: Layout) -> Iterator[tuple[int, Array]]:
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


def _bytes(alpha: Samples | None) -> NDArray[np.uint8] | None:
    return None if alpha is None else (alpha >> 8).astype(np.uint8)


def _in_16_bits(values: Array, scale: Scale | None) -> Samples:
    """Integers by their upper bits, signed ones of 8 and 16 bits from the lowest value on; other values by a scale."""
    if scale is not None:
        finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=scale.high, neginf=scale.low)
        return np.asarray(np.rint((finite - scale.low) * scale.factor), np.uint16)
    bits = values.dtype.itemsize * 8
    native = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "i":
        unsigned = np.dtype(f"u{values.dtype.itemsize}")
        native = native.view(unsigned) ^ unsigned.type(1 << bits - 1)
    if bits == 8:
        return native.astype(np.uint16) * 257
    return native.astype(np.uint16) if bits == 16 else (native >> (bits - 16)).astype(np.uint16)


def _scale(data: Data, tags: Tags, layout: Layout) -> Scale | None:
    """How values become 16-bit samples that no type defines: floating point, and signed integers of 32 bits or more.

    In floating point, white is 1 if no value is larger, 255 if no value is larger than that. Integers that fit into 16
    bits are 16-bit samples. Other ranges are stretched. Values that are not a number are black.
    """
    kind, size = layout.type.kind, layout.type.itemsize
    if kind != "f" and not (kind == "i" and size >= 4):
        return None
    low, high = 0.0, 0.0
    for _, values in _bands(data, tags, layout):
        color = np.nan_to_num(values[:, :, : layout.colors].astype(np.float32), posinf=1.0, neginf=0.0)
        low, high = min(low, float(color.min())), max(high, float(color.max()))
    if kind == "f" and low >= 0 and high <= 255:
        return Scale(0.0, 1.0 if high <= 1 else 255.0, _MAX_16_BITS if high <= 1 else 257.0)
    if kind == "i" and low >= 0 and high <= _MAX_16_BITS:
        return Scale(0.0, float(_MAX_16_BITS), 1.0)
    if kind == "i":
        low = min(float(values.min()) for _, values in _bands(data, tags, layout))
    return Scale(low, high, _MAX_16_BITS / max(high - low, 1e-30))


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
