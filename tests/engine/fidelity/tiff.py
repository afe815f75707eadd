"""Writes TIFF files of any kind (TIFF 6.0; Adobe Photoshop TIFF Technical Notes): every tag is chosen by the caller."""

import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
NONE, LZW, DEFLATE, PACKBITS, OLD_DEFLATE = 1, 5, 8, 32773, 32946

_CODES = {1: "B", 3: "H", 4: "I", 9: "i", 11: "f", 12: "d", 16: "Q"}


def tiff(
    samples: NDArray[np.generic],
    photometric: int,
    *,
    bits: int | None = None,
    order: str = "<",
    planar: bool = False,
    extra: tuple[int, ...] = (),
    compression: int = NONE,
    predictor: int = 1,
    rows_per_strip: int = 16,
    tile: int = 0,
    fill_order: int = 1,
    tags: Mapping[int, tuple[int, tuple[int | float, ...] | bytes]] | None = None,
    big: bool = False,
    strip_sizes: Callable[[list[int]], list[int]] = lambda sizes: sizes,
    next_directory: int = 0,
) -> bytes:
    """A TIFF of `samples`: height x width, or height x width x samples.

    `bits` below 8 packs the samples. `tags` adds or replaces tags: a tag's type and values. `strip_sizes` changes the
    StripByteCounts that are written, and nothing else.
    """
    if samples.ndim == 2:
        samples = samples[:, :, None]
    height, width, count = samples.shape
    bits = bits or samples.dtype.itemsize * 8
    kind = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}[samples.dtype.kind]
    planes = [samples[:, :, index : index + 1] for index in range(count)] if planar else [samples]
    blocks = [
        _compressed(_encoded(block, bits, order, predictor), compression, block, fill_order)
        for plane in planes
        for block in (_tiles(plane, tile) if tile else _strips(plane, rows_per_strip))
    ]
    entries: dict[int, tuple[int, tuple[int | float, ...] | bytes]] = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (bits,) * count),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        266: (3, (fill_order,)),
        277: (3, (count,)),
        284: (3, (2 if planar else 1,)),
        317: (3, (predictor,)),
        339: (3, (kind,) * count),
    }
    if extra:
        entries[338] = (3, extra)
    if tile:
        entries |= {322: (4, (tile,)), 323: (4, (tile,))}
    else:
        entries[278] = (4, (rows_per_strip,))
    offsets_tag, sizes_tag = (324, 325) if tile else (273, 279)
    return _file(blocks, entries | dict(tags or {}), offsets_tag, sizes_tag, order, big, strip_sizes, next_directory)


def _strips(plane: NDArray[np.generic], rows: int) -> list[NDArray[np.generic]]:
    return [plane[top : top + rows] for top in range(0, plane.shape[0], rows)]


def _tiles(plane: NDArray[np.generic], side: int) -> list[NDArray[np.generic]]:
    height, width, _ = plane.shape
    padded = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")
    return [
        padded[top : top + side, left : left + side] for top in range(0, height, side) for left in range(0, width, side)
    ]


def _encoded(block: NDArray[np.generic], bits: int, order: str, predictor: int) -> bytes:
    rows, width, count = block.shape
    if bits < 8:
        flat = block.reshape(rows, width * count).astype(np.uint8)
        expanded = np.unpackbits(flat[:, :, None], axis=2)[:, :, 8 - bits :].reshape(rows, -1)
        return np.packbits(expanded, axis=1).tobytes()
    if predictor == 2:
        block = np.concatenate([block[:, :1], np.diff(block, axis=1)], axis=1).astype(block.dtype)
    if predictor == 3:  # Adobe's technical note 3: bytes of a row by significance, then their differences
        planes = block.astype(block.dtype.newbyteorder(">")).reshape(rows, width * count)
        raw = planes.view(np.uint8).reshape(rows, width * count, -1).transpose(0, 2, 1).reshape(rows, -1)
        differences = raw.copy()
        differences[:, count:] = raw[:, count:] - raw[:, :-count]
        return differences.tobytes()
    return block.astype(block.dtype.newbyteorder(order)).tobytes()


def _compressed(raw: bytes, compression: int, block: NDArray[np.generic], fill_order: int) -> bytes:
    if compression in (DEFLATE, OLD_DEFLATE):
        raw = zlib.compress(raw)
    elif compression == PACKBITS:
        raw = _packbits(raw, block.shape[0])
    elif compression == LZW:
        raw = _lzw(raw)
    if fill_order == 2:
        raw = bytes(int(f"{byte:08b}"[::-1], 2) for byte in raw)
    return raw


def _packbits(raw: bytes, rows: int) -> bytes:
    """Literal runs only; each row is packed by itself (TIFF 6.0, section 9)."""
    row_bytes, out = len(raw) // rows, b""
    for start in range(0, len(raw), row_bytes):
        row = raw[start : start + row_bytes]
        for first in range(0, row_bytes, 128):
            run = row[first : first + 128]
            out += bytes([len(run) - 1]) + run
    return out


def _lzw(raw: bytes) -> bytes:
    """TIFF 6.0, section 13."""
    clear, end = 256, 257
    codes, bits = [(clear, 9)], 9
    table = {bytes([value]): value for value in range(256)}
    next_code, prefix = 258, b""
    for value in raw:
        longer = prefix + bytes([value])
        if longer in table:
            prefix = longer
            continue
        codes.append((table[prefix], bits))
        table[longer] = next_code
        next_code += 1
        if next_code == 1 << bits and bits < 12:
            bits += 1
        if next_code >= 4094:
            codes.append((clear, bits))
            table = {bytes([value]): value for value in range(256)}
            next_code, bits = 258, 9
        prefix = bytes([value])
    if prefix:
        codes.append((table[prefix], bits))
        if next_code + 1 == 1 << bits and bits < 12:
            bits += 1
    codes.append((end, bits))
    text = "".join(f"{code:0{width}b}" for code, width in codes)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _file(
    blocks: list[bytes],
    entries: dict[int, tuple[int, tuple[int | float, ...] | bytes]],
    offsets_tag: int,
    sizes_tag: int,
    order: str,
    big: bool,
    strip_sizes: Callable[[list[int]], list[int]],
    next_directory: int,
) -> bytes:
    start = 16 if big else 8
    offsets = [start]
    for block in blocks:
        offsets.append(offsets[-1] + len(block) + (len(block) & 1))
    sizes = strip_sizes([len(block) for block in blocks])
    entries.setdefault(offsets_tag, (16 if big else 4, tuple(offsets[:-1])))
    entries.setdefault(sizes_tag, (16 if big else 4, tuple(sizes)))
    body = b"".join(block + bytes(len(block) & 1) for block in blocks)
    directory, extra = b"", b""
    field, inline = ("Q", 8) if big else ("I", 4)
    directory_start = offsets[-1]
    extra_start = directory_start + (8 + 20 * len(entries) + 8 if big else 2 + 12 * len(entries) + 4)
    for tag, (type, values) in sorted(entries.items()):
        if isinstance(values, bytes):
            data, number = values, len(values)
        elif type == 5:
            data = struct.pack(
                f"{order}{2 * len(values)}I", *(part for v in values for part in (round(v * 10_000), 10_000))
            )
            number = len(values)
        else:
            data, number = struct.pack(f"{order}{len(values)}{_CODES[type]}", *values), len(values)
        if len(data) > inline:
            where = struct.pack(order + field, extra_start + len(extra))
            extra += data + bytes(len(data) & 1)
        else:
            where = data.ljust(inline, b"\0")
        directory += struct.pack(f"{order}HH{field}", tag, type, number) + where
    count = struct.pack(order + ("Q" if big else "H"), len(entries))
    tail = struct.pack(order + field, next_directory)
    magic = b"II" if order == "<" else b"MM"
    if big:
        head = magic + struct.pack(f"{order}HHHQ", 43, 8, 0, directory_start)
    else:
        head = magic + struct.pack(f"{order}HI", 42, directory_start)
    return head + body + count + directory + tail + extra
