"""Hostile files: each is small, quick to make, and tries to use up a decoder's time or memory.

`HOSTILE` maps a name to a function that makes the bytes. All of them must be refused, except those in `HARMLESS`,
which are valid pictures.
"""

import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from tests.engine import bombs
from tests.engine.handmade import GRAY, PNG, RGBA, chunk, gif_frame, header
from tests.pictures import encoded

_IEND = chunk(b"IEND")
_PIXEL = chunk(b"IDAT", zlib.compress(b"\0\0"))


def _jpeg_of_10000_scans() -> bytes:
    plain = encoded(Image.new("L", (4000, 3000), 128), "JPEG", progressive=True)
    last = plain[plain.rindex(b"\xff\xda") : -2]
    return plain[:-2] + last * 10_000 + b"\xff\xd9"


def _jpeg_of_large_size_and_many_scans() -> bytes:
    """An allowed number of scans, each over 36 megapixels."""
    plain = encoded(Image.new("L", (6000, 6000), 128), "JPEG", progressive=True)
    last = plain[plain.rindex(b"\xff\xda") : -2]
    return plain[:-2] + last * 80 + b"\xff\xd9"


def _jpeg_declaring_huge() -> bytes:
    plain = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    frame = plain.index(b"\xff\xc0")
    plain[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(plain)


def _jpeg_of_fill_bytes() -> bytes:
    """Four megabytes of FF before a byte that is not a marker: a search that backtracks at each of them never ends."""
    return b"\xff\xd8" + b"\xff" * 4_000_000 + b"\0"


def _webp_of_34_bytes() -> bytes:
    """A lossless WebP of 16383x16383 that consists of its header."""
    bits = struct.pack("<I", 16_382 | 16_382 << 14)
    data = b"\x2f" + bits + bytes(8)
    return (
        b"RIFF" + struct.pack("<I", 4 + 8 + len(data) + 1) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data + b"\0"
    )


def _webp_of_100000_frames() -> bytes:
    frame = b"ANMF" + struct.pack("<I", 16) + bytes(16)
    body = (
        b"VP8X" + struct.pack("<I", 10) + b"\2" + bytes(9) + b"ANIM" + struct.pack("<I", 6) + bytes(6) + frame * 100_000
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _png_declaring_huge() -> bytes:
    return PNG + header(2_000_000_000, 2_000_000_000, 8, RGBA) + _PIXEL + _IEND


def _png_of_zeros() -> bytes:
    """A valid gigapixel of one bit, in 120 kB."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1_000_000)) for _ in range(125)) + packer.flush()
    return PNG + header(31_600, 31_600, 1, GRAY) + chunk(b"IDAT", data) + _IEND


def _png_of_200000_texts() -> bytes:
    return PNG + header(1, 1, 8, GRAY) + chunk(b"tEXt", b"a\0b") * 200_000 + _PIXEL + _IEND


def _png_of_text_bombs() -> bytes:
    """A hundred compressed texts of 20 megabytes each."""
    text = chunk(b"zTXt", b"a\0\0" + _zeros())
    return PNG + header(1, 1, 8, GRAY) + text * 100 + _PIXEL + _IEND


def _png_of_profile_bombs() -> bytes:
    profile = chunk(b"iCCP", b"a\0\0" + _zeros())
    return PNG + header(1, 1, 8, GRAY) + profile * 100 + _PIXEL + _IEND


def _apng_of_100000_frames() -> bytes:
    control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 1, 0, 0))
    return PNG + header(1, 1, 8, GRAY) + chunk(b"acTL", bytes(8)) + control * 100_000 + _PIXEL + _IEND


def _gif_declaring_huge() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + gif_frame(0, 0, 1, 1, 1) + b";"


def _gif_with_a_huge_frame() -> bytes:
    """The frame is far larger than the canvas of 1x1, which decoders therefore enlarge."""
    frame = bytearray(gif_frame(0, 0, 1, 1, 1))
    frame[1:9] = struct.pack("<HHHH", 0, 0, 65_535, 65_535)
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + bytes(frame) + b";"


def _gif_of_100000_frames() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + gif_frame(0, 0, 1, 1, 1) * 100_000 + b";"


def _gif_of_stray_bytes() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + bytes(4_000_000)


def _tiff_of_40000_directories() -> bytes:
    """Each has the tags of a picture of 1x1, and the offset of the next one."""
    tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    size = 2 + len(entries) + 4
    directories = (
        struct.pack("<H", len(tags)) + entries + struct.pack("<I", 9 + size * (index + 1)) for index in range(40_000)
    )
    return b"II*\0" + struct.pack("<I", 9) + b"\0" + b"".join(directories) + bytes(6)


def _tiff_of_a_huge_tile() -> bytes:
    """A picture of 1x1 in a tile of 32768x32768, which is decoded completely."""
    values = {256: 1, 257: 1, 258: 8, 259: 8, 262: 1, 277: 1, 322: 32_768, 323: 32_768, 324: 8, 325: 100}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
    return b"II*\0" + struct.pack("<I", 200) + bytes(192) + struct.pack("<H", len(values)) + entries + bytes(4)


def _tiff_of_shared_strips() -> bytes:
    """Five hundred directories that share one list of 300,000 strips."""
    count, first = 300_000, 8 + 1_200_000
    entries = struct.pack("<HHII", 273, 4, count, 8) + struct.pack("<HHII", 279, 4, count, 8)
    directories = (struct.pack("<H", 2) + entries + struct.pack("<I", first + 30 * (index + 1)) for index in range(500))
    return b"II*\0" + struct.pack("<I", first) + bytes(1_200_000) + b"".join(directories) + bytes(30)


def _ico_of_a_huge_png() -> bytes:
    """An icon whose directory says 16x16, with a PNG of 30000x30000."""
    inner = PNG + header(30_000, 30_000, 8, RGBA) + _PIXEL + _IEND
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def _ico_of_many_texts() -> bytes:
    inner = PNG + header(1, 1, 8, GRAY) + chunk(b"tEXt", b"a\0b") * 200_000 + _PIXEL + _IEND
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 1, 1, 0, 0, 1, 32, len(inner), 22) + inner


def _bmp_declaring_huge() -> bytes:
    """Run-length coded, so that the size of the file says nothing about the number of pixels."""
    return (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 100, 0, 1078, 40, 60_000, 60_000, 1, 8, 1, 0, 0, 0, 0, 0) + bytes(1026)
    )


def _avif_declaring_huge() -> bytes:
    plain = bytearray(encoded(Image.new("RGB", (16, 16)), "AVIF"))
    size = plain.index(b"ispe") + 8
    plain[size : size + 8] = struct.pack(">II", 60_000, 60_000)
    return bytes(plain)


def _jp2_declaring_huge() -> bytes:
    plain = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG2000"))
    image = plain.index(b"ihdr") + 4
    plain[image : image + 8] = struct.pack(">II", 60_000, 60_000)
    code = plain.index(b"\xff\x51") + 6
    plain[code : code + 8] = struct.pack(">II", 60_000, 60_000)
    return bytes(plain)


def _avif_of_a_large_grid() -> bytes:
    """More tiles than any camera makes, and more than a decoder reads in a moment."""
    return bombs.avif_of_a_grid(90, 90)


def _ppm_of_a_long_comment() -> bytes:
    return bombs.ppm_of_a_long_comment(4_000_000)


def _pbm_of_white_space() -> bytes:
    return b"P4 " + b" " * 4_000_000 + b"1 1\n" + bytes(1)


def _ppm_of_many_comments() -> bytes:
    return bombs.ppm_of_comments_between_numbers()


def _tiff_of_short_strips() -> bytes:
    return bombs.tiff_of_short_strips(300_000)


def _ppm_declaring_huge() -> bytes:
    return b"P6\n100000 100000\n255\n" + bytes(100)


def _tga_declaring_huge() -> bytes:
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, 65_535, 65_535, 24, 0) + bytes(100)


def _pcx_declaring_huge() -> bytes:
    return (
        struct.pack("<BBBBHHHHHH", 10, 5, 1, 8, 0, 0, 65_534, 65_534, 72, 72) + bytes(52) + b"\1\xff\xff" + bytes(800)
    )


def _sgi_declaring_huge() -> bytes:
    return struct.pack(">HBBHHHH", 474, 1, 1, 3, 65_535, 65_535, 3) + bytes(600)


def _jxl_declaring_huge() -> bytes:
    """A codestream of 2^30 x 2^30 pixels that consists of its header."""
    side = (1 << 32) - 1  # the longest form, and the largest number in it
    bits = side << 1 | 0 << 33 | side << 36 | 1 << 68
    return b"\xff\x0a" + bits.to_bytes(40, "little")


def _jxl_of_100000_boxes() -> bytes:
    head = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "
    return head + b"\0\0\0\x08free" * 100_000


def _jpeg_cut_in_half() -> bytes:
    plain = encoded(Image.effect_noise((500, 500), 80), "JPEG")
    return plain[: len(plain) // 2]


def _html() -> bytes:
    return b"<!doctype html><title>No picture</title><script>alert(1)</script>"


def _postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(hello) show\n"


def _empty() -> bytes:
    return b""


def _png_of_100_megapixels() -> bytes:
    """The largest accepted picture, in 100 kB."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1_000_100)) for _ in range(100)) + packer.flush()
    return PNG + header(10_000, 10_000, 8, GRAY) + chunk(b"IDAT", data) + _IEND


def _strip_of_one_pixel() -> bytes:
    """1x65537 pixels, like a ruler or a spacer."""
    return encoded(Image.linear_gradient("L").resize((1, 65_537)), "PNG")


@cache
def _zeros() -> bytes:
    """Twenty megabytes of zeros, compressed."""
    return zlib.compress(bytes(20_000_000), 9)


HARMLESS: frozenset[str] = frozenset({"png_of_100_megapixels", "strip_of_one_pixel"})

HOSTILE: dict[str, Callable[[], bytes]] = {
    make.__name__.removeprefix("_"): make
    for make in (
        _jpeg_of_10000_scans,
        _jpeg_of_large_size_and_many_scans,
        _jpeg_declaring_huge,
        _jpeg_of_fill_bytes,
        _webp_of_34_bytes,
        _webp_of_100000_frames,
        _png_declaring_huge,
        _png_of_zeros,
        _png_of_200000_texts,
        _png_of_text_bombs,
        _png_of_profile_bombs,
        _apng_of_100000_frames,
        _gif_declaring_huge,
        _gif_with_a_huge_frame,
        _gif_of_100000_frames,
        _gif_of_stray_bytes,
        _tiff_of_40000_directories,
        _tiff_of_a_huge_tile,
        _tiff_of_shared_strips,
        _ico_of_a_huge_png,
        _ico_of_many_texts,
        _bmp_declaring_huge,
        _avif_declaring_huge,
        _jp2_declaring_huge,
        _avif_of_a_large_grid,
        _ppm_of_a_long_comment,
        _pbm_of_white_space,
        _ppm_of_many_comments,
        _tiff_of_short_strips,
        _ppm_declaring_huge,
        _tga_declaring_huge,
        _pcx_declaring_huge,
        _sgi_declaring_huge,
        _jxl_declaring_huge,
        _jxl_of_100000_boxes,
        _jpeg_cut_in_half,
        _html,
        _postscript,
        _empty,
        _png_of_100_megapixels,
        _strip_of_one_pixel,
    )
}
