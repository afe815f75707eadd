"""Writes large PNGs: smaller ones than Pillow's encoder does, in 0.5 to 0.8 of the time.

All rows have one filter, and numpy applies it to many of them at once; a choice for each row costs more than it saves
(PNG specification, third edition, section 12.7). The best filter and compression are found by trying them on some rows.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from struct import pack
from typing import Any, TypeAlias

import deflate
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine.animation.read_png import chunks
from pymager.engine.containers.png import chunk

Rows: TypeAlias = NDArray[np.uint8]
"""Rows x bytes."""

_COLOR_TYPES = {"L": 0, "RGB": 2, "RGBA": 6}
_NONE, _UP, _PAETH = 0, 2, 4
_BAND_BYTES = 1 << 15  # so that all arrays of a band stay in the processor's cache
_SAMPLED_DIVISOR = 16
_STRIP_ROWS = 9
_MIN_STRIPS = 4
_PHOTOGRAPHIC = 0.85
"""The filtered bytes of a photograph, compressed by runs, are less than this share of the others with matches."""
_GRAIN, _FLAT = 0.6, 0.1
"""What matches leave of the unfiltered bytes: a photograph leaves more than the second, noise more than the first."""
_REMOTE_MATCHES = 0.9
"""What is drawn repeats itself in a whole picture more than in a few rows, if it is not filtered."""
_MATCH_LEVEL = 6  # libdeflate's
_LARGE_MATCH_LEVEL = 4  # zlib's
_MAX_MATCHED_BYTES = 16 << 20
"""The largest picture for libdeflate, which needs all filtered bytes at once; larger ones are left to zlib."""
_CHUNK_BYTES = 1 << 20
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class _Way:
    """A filter, and whether its bytes are compressed by their repetitions, or only by runs and frequencies.

    Grain leaves a photograph no repetitions worth the search: without it, the bytes are fewer and the search is saved.
    """

    filter: int
    matches: bool


def write(picture: Image.Image, options: dict[str, Any]) -> bytes:
    """The file of a picture in L, RGB or RGBA. `options` are those of Pillow's encoder that add chunks, as `exif`."""
    width, height = picture.size
    out = BytesIO()
    out.write(_SIGNATURE + chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[picture.mode], 0, 0, 0)))
    out.writelines(_other_chunks(picture.mode, options))
    out.writelines(chunk(b"IDAT", part) for part in _compressed(picture, _best_way(picture)))
    out.write(chunk(b"IEND", b""))
    return out.getvalue()


def _other_chunks(mode: str, options: dict[str, Any]) -> list[bytes]:
    """The chunks that Pillow's encoder writes before the pixels of any picture."""
    if options.keys() <= {"compress_level"}:
        return []
    out = BytesIO()
    Image.new(mode, (1, 1)).save(out, "PNG", **options)
    file = out.getvalue()
    return [file[start - 8 : end + 4] for kind, start, end in chunks(file) if kind not in (b"IHDR", b"IDAT", b"IEND")]


def _best_way(picture: Image.Image) -> _Way:
    """The way in which some rows become smallest."""
    strips, step = _strips(picture), len(picture.mode)
    filtered = {kind: _filtered_strips(strips, kind, step) for kind in _PREDICTORS}
    sizes = {_Way(kind, True): len(_packed(rows, matches=True)) for kind, rows in filtered.items()}
    drawn, total = sizes[_Way(_NONE, True)], len(filtered[_NONE])
    by_runs = len(_packed(filtered[_PAETH], matches=False))
    if drawn > _GRAIN * total or (drawn > _FLAT * total and by_runs < _PHOTOGRAPHIC * drawn):
        sizes[_Way(_PAETH, False)] = by_runs
    else:
        sizes[_Way(_NONE, True)] = int(drawn * _REMOTE_MATCHES)
    return min(sizes, key=lambda way: sizes[way])


def _strips(picture: Image.Image) -> list[Rows]:
    """Strips of the picture at equal distances, or the whole picture as one strip."""
    height = picture.height
    count = max(_MIN_STRIPS, height // (_STRIP_ROWS * _SAMPLED_DIVISOR))
    if count * _STRIP_ROWS >= height:
        return [_rows(picture, 0, height)]
    tops = [index * (height - _STRIP_ROWS) // (count - 1) for index in range(count)]
    return [_rows(picture, top, top + _STRIP_ROWS) for top in tops]


def _filtered_strips(strips: list[Rows], kind: int, step: int) -> bytes:
    """The filtered rows of strips. The first row of each is that above the second one, and is left out."""
    return b"".join(_filtered(strip[1:], strip[0], kind, step).tobytes() for strip in strips)


def _compressed(picture: Image.Image, way: _Way) -> Iterator[bytes]:
    """The zlib stream of all rows, in parts of about a megabyte if the picture is large."""
    bands = (band.tobytes() for band in _filtered_bands(picture, way.filter))
    width, height = picture.size
    if way.matches and width * height * len(picture.mode) <= _MAX_MATCHED_BYTES:
        yield _packed(b"".join(bands), matches=True)
        return
    packer, part = _stream(way), bytearray()
    for band in bands:
        part += packer.compress(band)
        if len(part) >= _CHUNK_BYTES:
            yield bytes(part)
            part.clear()
    yield bytes(part) + packer.flush()


def _packed(filtered: bytes, *, matches: bool) -> bytes:
    if matches:
        return bytes(deflate.zlib_compress(filtered, _MATCH_LEVEL))
    packer = _stream(_Way(_PAETH, False))
    return packer.compress(filtered) + packer.flush()


def _stream(way: _Way) -> "zlib._Compress":
    level = _LARGE_MATCH_LEVEL if way.matches else 1
    strategy = zlib.Z_RLE if not way.matches else zlib.Z_FILTERED if way.filter else zlib.Z_DEFAULT_STRATEGY
    return zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL + 1, strategy)


def _filtered_bands(picture: Image.Image, kind: int) -> Iterator[Rows]:
    width, height = picture.size
    step = len(picture.mode)
    count = max(1, _BAND_BYTES // (width * step))
    above = np.zeros(width * step, np.uint8)
    for top in range(0, height, count):
        rows = _rows(picture, top, min(height, top + count))
        yield _filtered(rows, above, kind, step)
        above = rows[-1]


def _rows(picture: Image.Image, top: int, bottom: int) -> Rows:
    part = picture.crop((0, top, picture.width, bottom))
    return np.frombuffer(part.tobytes(), np.uint8).reshape(bottom - top, -1)


def _filtered(rows: Rows, above: Rows, kind: int, step: int) -> Rows:
    """Rows with the type of their filter in front (section 9.2). A pixel has `step` bytes."""
    count, length = rows.shape
    result = np.empty((count, length + 1), np.uint8)
    result[:, 0] = kind
    padded = np.zeros((count + 1, step + length), np.uint8)
    padded[0, step:], padded[1:, step:] = above, rows
    predicted = _PREDICTORS[kind](padded[1:, :-step], padded[:-1, step:], padded[:-1, :-step])
    np.subtract(rows, predicted, out=result[:, 1:])
    return result


def _paeth(left: Rows, up: Rows, corner: Rows) -> Rows:
    """The neighbor that is nearest to `left + up - corner` (section 9.4)."""
    base = corner.astype(np.int16)
    to_left, to_up = up - base, left - base
    to_corner = np.abs(to_left + to_up)
    np.abs(to_left, out=to_left)
    np.abs(to_up, out=to_up)
    nearest = np.where(to_up <= to_corner, up, corner)
    return np.where(to_left <= np.minimum(to_up, to_corner), left, nearest)


_PREDICTORS: dict[int, Callable[[Rows, Rows, Rows], Rows]] = {
    _NONE: lambda left, up, corner: np.zeros_like(up),
    _UP: lambda left, up, corner: up,
    _PAETH: _paeth,
}
