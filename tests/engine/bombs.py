"""Costly pictures: small files of few pixels, or pictures within all limits, that take seconds to decode.

`BOMBS` maps a name to a function that makes the bytes. In contrast to `tests.engine.hostile`, most of them are valid
pictures: only what they cost tells them from others.
"""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.engine.handmade import PNG, RGBA, chunk, header
from tests.pictures import encoded

_RGB = 2
_INTERLACED = 1
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def ppm_of_a_long_comment(length: int = 50_000_000) -> bytes:
    """One pixel after a comment, which Pillow reads byte by byte."""
    return b"P6\n#" + b"a" * length + b"\n1 1\n255\n" + bytes(3)


def ppm_of_white_space(length: int = 20_000_000) -> bytes:
    """One pixel after a header of spaces."""
    return b"P6\n" + b" " * length + b"1 1\n255\n" + bytes(3)


def ppm_of_comments_between_numbers(length: int = 2_000_000) -> bytes:
    """Comments among the pixels: Pillow copies a megabyte for each."""
    return b"P3\n1 1\n255\n" + b"#\n" * (length // 2) + b"0 0 0\n"


def ppm_of_text(width: int = 4_000, height: int = 3_000) -> bytes:
    """Numbers in decimal digits, which Pillow reads in Python."""
    return b"P3\n%d %d\n255\n" % (width, height) + b"0 1 2 " * (width * height)


def ppm_of_an_odd_maximum(width: int = 4_000, height: int = 3_000) -> bytes:
    """Samples with another maximum than 255 are scaled one by one, in Python."""
    return b"P6\n%d %d\n254\n" % (width, height) + bytes(3 * width * height)


def bmp_of_short_runs(width: int = 4_000, height: int = 3_000) -> bytes:
    """Run-length coded, one pixel in each run, which Pillow decodes in Python."""
    pixels = (b"\1\0\1\1" * (width // 2) + b"\0\0") * height + b"\0\1"
    first = 54 + 1_024
    file = struct.pack("<IIIIiiHHIIiiII", first + len(pixels), 0, first, 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + file + bytes(1_024) + pixels


def tiff_of_short_strips(count: int = 1_000_000) -> bytes:
    """One column, with a strip for each row."""
    pixels = 8 + 8 * count
    numbers = {256: 1, 257: count, 258: 8, 259: 1, 262: 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in numbers.items())
    entries += struct.pack("<HHII", 273, 4, count, 8) + struct.pack("<HHII", 277, 4, 1, 1)
    entries += struct.pack("<HHII", 278, 4, 1, 1) + struct.pack("<HHII", 279, 4, count, 8 + 4 * count)
    lists = np.arange(pixels, pixels + count, dtype="<u4").tobytes() + np.ones(count, dtype="<u4").tobytes()
    return (
        b"II*\0" + struct.pack("<I", pixels + count) + lists + bytes(count) + struct.pack("<H", 9) + entries + bytes(4)
    )


def jpeg_of_24_full_scans() -> bytes:
    """As many scans as are accepted for 100 megapixels."""
    plain = encoded(Image.new("L", (10_000, 10_000), 128), "JPEG", progressive=True)
    last = plain[plain.rindex(b"\xff\xda") : -2]
    return plain[:-2] + last * 18 + b"\xff\xd9"


def png_of_100_megapixels_in_color() -> bytes:
    """400 MB of pixels in 400 kB."""
    return PNG + header(10_000, 10_000, 8, RGBA) + chunk(b"IDAT", _deflated(10_000 * 40_001)) + chunk(b"IEND")


def png_of_100_megapixels_interlaced() -> bytes:
    """Its rows are spread over the picture in seven passes."""
    side = 10_000
    size = sum(-(-(side - top) // down) * (1 + 3 * -(-(side - left) // right)) for left, top, right, down in _ADAM7)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, _RGB, 0, 0, _INTERLACED))
    return PNG + head + chunk(b"IDAT", _deflated(size)) + chunk(b"IEND")


def _deflated(size: int) -> bytes:
    """So many zeros."""
    packer = zlib.compressobj(1)
    parts = [packer.compress(bytes(min(1 << 20, size - start))) for start in range(0, size, 1 << 20)]
    return b"".join(parts) + packer.flush()


def webp_of_98_megapixels() -> bytes:
    return encoded(_coarse(9_900), "WEBP", quality=10, method=0)


def avif_of_49_megapixels() -> bytes:
    return encoded(_coarse(7_000), "AVIF", quality=30, speed=10)


def _coarse(side: int) -> Image.Image:
    return Image.effect_noise((500, 500), 80).convert("RGB").resize((side, side), Image.Resampling.NEAREST)


def jp2_of_many_tiles() -> bytes:
    """62,500 tiles of 4x4 pixels."""
    noise = Image.effect_noise((1_000, 1_000), 80).convert("RGB")
    return encoded(noise, "JPEG2000", tile_size=(4, 4), num_resolutions=1)


def svg_of_blurs() -> bytes:
    """Each rectangle is filtered over an area that is far larger than the picture."""
    blur = '<filter id="f" x="-9" y="-9" width="99" height="99"><feGaussianBlur stdDeviation="300"/></filter>'
    shapes = '<rect width="1000" height="1000" filter="url(#f)"/>' * 200
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1000">{blur}{shapes}</svg>'.encode()


def avif_of_a_grid(columns: int = 200, rows: int = 200) -> bytes:
    """A grid of tiles of 64x64, which all have the same few bytes (ISO/IEC 23008-12 section 6.6.2.3)."""
    side, count = 64, columns * rows
    plain = encoded(Image.new("RGB", (side, side), (9, 99, 200)), "AVIF", quality=10)
    codec, tile = _box_of(plain, b"av1C"), _box_of(plain, b"mdat")[8:]
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, columns * side, rows * side)
    ids = range(2, count + 2)
    infos = _box(b"infe", struct.pack(">IHH", 2 << 24, 1, 0), b"grid\0")
    infos += b"".join(_box(b"infe", struct.pack(">IHH", 2 << 24 | 1, id, 0), b"av01\0") for id in ids)
    sizes = [
        _box(b"ispe", struct.pack(">III", 0, scale[0] * side, scale[1] * side)) for scale in ((columns, rows), (1, 1))
    ]
    properties = _box(b"ipco", *sizes, codec, _box(b"pixi", bytes(4), b"\3\x08\x08\x08"))
    associations = struct.pack(">HBBB", 1, 2, 1, 4) + b"".join(struct.pack(">HBBBB", id, 3, 2, 0x83, 4) for id in ids)
    boxes = (
        _box(b"hdlr", bytes(8), b"pict", bytes(13)),
        _box(b"pitm", struct.pack(">IH", 0, 1)),
        _box(b"iinf", struct.pack(">IH", 0, count + 1), infos),
        _box(b"iref", bytes(4), _box(b"dimg", struct.pack(f">HH{count}H", 1, count, *ids))),
        _box(b"iprp", properties, _box(b"ipma", struct.pack(">II", 0, count + 1), associations)),
    )
    kind = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")

    def meta(start: int) -> bytes:
        places = struct.pack(">HHHII", 1, 0, 1, start, len(grid))
        places += b"".join(struct.pack(">HHHII", id, 0, 1, start + len(grid), len(tile)) for id in ids)
        return _box(b"meta", bytes(4), *boxes, _box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, count + 1), places))

    return kind + meta(len(kind) + len(meta(0)) + 8) + _box(b"mdat", grid, tile)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _box_of(file: bytes, kind: bytes) -> bytes:
    start = file.index(kind) - 4
    return file[start : start + int.from_bytes(file[start : start + 4])]


BOMBS: dict[str, Callable[[], bytes]] = {
    make.__name__: make
    for make in (
        ppm_of_a_long_comment,
        ppm_of_white_space,
        ppm_of_comments_between_numbers,
        ppm_of_text,
        ppm_of_an_odd_maximum,
        bmp_of_short_runs,
        tiff_of_short_strips,
        jpeg_of_24_full_scans,
        png_of_100_megapixels_in_color,
        png_of_100_megapixels_interlaced,
        webp_of_98_megapixels,
        avif_of_49_megapixels,
        jp2_of_many_tiles,
        svg_of_blurs,
        avif_of_a_grid,
    )
}
