"""Kinds of BMP, ICO, PNM, TGA, PCX, SGI and JPEG 2000."""

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.engine.fidelity import boxes, patches, profiles
from tests.engine.fidelity.kind import Kind
from tests.engine.fidelity.png import PALETTE, chunk, png
from tests.engine.fidelity.png import RGBA as PNG_RGBA
from tests.engine.fidelity.png_kinds import COLORS, INDEXES, wide
from tests.pictures import encoded

RGB, RGBA, GRAY = patches.RGB, patches.RGBA, patches.GRAY


def saved(pixels: Any, format: str, **options: Any) -> bytes:
    return encoded(patches.picture(pixels), format, **options)


def bmp(
    rows: NDArray[np.uint8],
    bits: int,
    *,
    palette: bytes = b"",
    compression: int = 0,
    masks: tuple[int, ...] = (),
    header: int = 40,
    top_down: bool = False,
    raw: bytes | None = None,
    height: int = 48,
    width: int = 48,
    file: bool = True,
) -> bytes:
    """A BMP of packed rows, top row first."""
    padded = [row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in rows]
    pixels = b"".join(padded if top_down else padded[::-1]) if raw is None else raw
    info = struct.pack(
        "<IiiHHIIiiII",
        header,
        width,
        -height if top_down else height,
        1,
        bits,
        compression,
        len(pixels),
        2835,
        2835,
        len(palette) // 4,
        0,
    )
    extra = struct.pack(f"<{len(masks)}I", *masks)
    if header > 40:
        info = (info + extra).ljust(header, b"\0")
        if header >= 108:
            info = info[:56] + b"BGRs" + info[60:]
        extra = b""
    start = 14 + len(info) + len(extra) + len(palette)
    body = info + extra + palette + pixels
    return (b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, start) + body) if file else body


BMP_PALETTE = b"".join(bytes([int(b), int(g), int(r), 0]) for r, g, b in patches.COLORS.reshape(-1, 3))


def packed(indexes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    flat = np.unpackbits(indexes[:, :, None].astype(np.uint8), axis=2)[:, :, 8 - bits :].reshape(indexes.shape[0], -1)
    return np.packbits(flat, axis=1)


def bgr(pixels: NDArray[np.uint8] = RGB) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, :, [2, 1, 0, *range(3, pixels.shape[2])]]).reshape(48, -1)


def high_color(bits: tuple[int, int, int]) -> NDArray[np.uint8]:
    r, g, b = bits
    value = (
        (RGB[:, :, 0].astype(np.uint16) >> (8 - r)) << (g + b)
        | (RGB[:, :, 1].astype(np.uint16) >> (8 - g)) << b
        | RGB[:, :, 2].astype(np.uint16) >> (8 - b)
    )
    return value.astype("<u2").view(np.uint8).reshape(48, -1)


def rle8() -> bytes:
    out = b""
    for row in INDEXES[::-1]:
        out += b"".join(bytes([16, row[x]]) for x in (0, 16, 32)) + b"\0\0"
    return out + b"\0\1"


def rle4() -> bytes:
    out = b""
    for row in INDEXES[::-1]:
        out += b"".join(bytes([16, row[x] << 4 | row[x]]) for x in (0, 16, 32)) + b"\0\0"
    return out + b"\0\1"


def mask_rows(pattern: NDArray[np.uint8]) -> bytes:
    rows = np.packbits(pattern, axis=1)
    return b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in rows[::-1])


MASK = (patches.ALPHA == 0).astype(np.uint8)


def icon(*entries: tuple[int, bytes]) -> bytes:
    """An ICO of 48x48 entries: bits per pixel, and a PNG or a bitmap without a file header."""
    head, body = struct.pack("<HHH", 0, 1, len(entries)), b""
    start = 6 + 16 * len(entries)
    for bits, data in entries:
        head += struct.pack("<BBBBHHII", 48, 48, 0, 0, 1, bits, len(data), start + len(body))
        body += data
    return head + body


def icon_bitmap(bits: int, mask: NDArray[np.uint8] = MASK, pixels: NDArray[np.uint8] = RGBA) -> bytes:
    if bits == 32:
        rows, palette = bgr(pixels), b""
    elif bits == 24:
        rows, palette = bgr(), b""
    else:
        rows, palette = packed(INDEXES & ((1 << bits) - 1), bits), BMP_PALETTE[: 4 << bits].ljust(4 << bits, b"\0")
    return bmp(rows, bits, palette=palette, height=96, file=False) + mask_rows(mask)


NO_ALPHA = np.dstack([RGB, np.zeros_like(GRAY)])


def pnm(magic: bytes, data: bytes, maximum: int | None = 255, comment: bytes = b"") -> bytes:
    top = b"" if maximum is None else b"%d\n" % maximum
    return magic + b"\n" + comment + b"48 48\n" + top + data


def text(values: NDArray[np.generic]) -> bytes:
    return b"\n".join(b" ".join(b"%d" % int(v) for v in row.reshape(-1)) for row in values) + b"\n"


def jp2(pixels: Any = RGB, **options: Any) -> bytes:
    return saved(pixels, "JPEG2000", irreversible=False, **options)


def jp2_16(samples: NDArray[np.uint16]) -> bytes:
    from PIL import Image

    picture = Image.frombytes("I;16", (48, 48), samples.astype("<u2").tobytes())
    return encoded(picture, "JPEG2000", irreversible=False)


def icc_color(profile: bytes) -> bytes:
    return b"\2\0\0" + profile


def edited(
    edit: Callable[[list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]], data: Callable[[], bytes] = jp2
) -> bytes:
    return boxes.with_jp2_boxes(data(), edit)


def before_codestream(*added: tuple[bytes, bytes]) -> bytes:
    return edited(lambda parts: [*parts[:-1], *added, parts[-1]])


def jp2_with_long_codestream() -> bytes:
    data = jp2()
    at = data.index(b"jp2c") - 4
    (size,) = struct.unpack_from(">I", data, at)
    size = size or len(data) - at
    return data[:at] + struct.pack(">I", size + 103) + data[at + 4 :]


def jp2_palette() -> bytes:
    """One component of indexes, a palette of nine colors, and three mapped channels (I.5.3.4, I.5.3.5)."""

    def edit(parts: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        header = boxes.split(dict(parts)[b"jp2h"])
        palette = struct.pack(">HB", 9, 3) + b"\7\7\7" + patches.COLORS.tobytes()
        mapping = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
        header = [(kind, b"\1\0\0" + struct.pack(">I", 16) if kind == b"colr" else content) for kind, content in header]
        header += [(b"pclr", palette), (b"cmap", mapping)]
        return [(kind, boxes.joined(header) if kind == b"jp2h" else content) for kind, content in parts]

    return edited(edit, lambda: jp2(INDEXES))


SPEC = [(*map(int, color), 255) for color in patches.COLORS.reshape(-1, 3)]
SPEC_GRAY = [(int(v), int(v), int(v), 255) for v in patches.GRAYS.reshape(-1)]


def spec() -> list[tuple[int, ...]]:
    return SPEC


def spec_gray() -> list[tuple[int, ...]]:
    return SPEC_GRAY


KINDS = [
    *(
        Kind(
            f"{bits}-bits.bmp",
            partial(lambda b: bmp(packed(INDEXES & ((1 << b) - 1), b), b, palette=BMP_PALETTE[: 4 << b]), bits),
        )
        for bits in (1, 4, 8)
    ),
    Kind("24-bits.bmp", lambda: bmp(bgr(), 24)),
    Kind("32-bits.bmp", lambda: bmp(bgr(np.dstack([RGB, np.zeros_like(GRAY)])), 32)),
    Kind("555.bmp", lambda: bmp(high_color((5, 5, 5)), 16), tolerance=4),
    Kind("565.bmp", lambda: bmp(high_color((5, 6, 5)), 16, compression=3, masks=(0xF800, 0x7E0, 0x1F)), tolerance=4),
    Kind("bitfields-32.bmp", lambda: bmp(bgr(RGBA), 32, compression=3, masks=(0xFF0000, 0xFF00, 0xFF))),
    Kind(
        "v4-alpha.bmp",
        lambda: bmp(bgr(RGBA), 32, compression=3, header=108, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ),
    Kind(
        "v5-alpha.bmp",
        lambda: bmp(bgr(RGBA), 32, compression=3, header=124, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ),
    Kind("top-down.bmp", lambda: bmp(bgr(), 24, top_down=True)),
    Kind("rle8.bmp", lambda: bmp(INDEXES, 8, palette=BMP_PALETTE, compression=1, raw=rle8())),
    Kind("rle4.bmp", lambda: bmp(INDEXES, 4, palette=BMP_PALETTE, compression=2, raw=rle4())),
    Kind("cut.bmp", lambda: bmp(bgr(), 24)[:-3000], refused="incomplete|damaged"),
    *(Kind(f"icon-{bits}-bits.ico", partial(lambda b: icon((b, icon_bitmap(b))), bits)) for bits in (4, 8, 24, 32)),
    Kind("icon-1-bit.ico", lambda: icon((1, icon_bitmap(1)))),
    Kind("icon-png.ico", lambda: icon((32, png(RGBA, PNG_RGBA)))),
    Kind("icon-palette-png.ico", lambda: icon((8, png(INDEXES, PALETTE, COLORS)))),
    Kind("icon-deepest-last.ico", lambda: icon((4, icon_bitmap(4, pixels=RGBA)), (32, icon_bitmap(32)))),
    Kind("icon-deepest-first.ico", lambda: icon((32, icon_bitmap(32)), (4, icon_bitmap(4)))),
    Kind("icon-without-alpha.ico", lambda: icon((32, icon_bitmap(32, pixels=NO_ALPHA)))),
    Kind("plain.pbm", lambda: pnm(b"P4", np.packbits(patches.GRAY < 100, axis=1).tobytes(), None), "imagemagick"),
    Kind("text.pbm", lambda: pnm(b"P1", text((patches.GRAY < 100).astype(int)), None), "imagemagick"),
    Kind("plain.pgm", lambda: pnm(b"P5", patches.GRAY.tobytes()), "imagemagick"),
    Kind("text.pgm", lambda: pnm(b"P2", text(patches.GRAY)), "imagemagick"),
    Kind("16-bits.pgm", lambda: pnm(b"P5", wide(patches.GRAY).astype(">u2").tobytes(), 65535), "imagemagick"),
    Kind(
        "maximum-100.pgm",
        lambda: pnm(b"P5", (patches.GRAY.astype(int) * 100 // 255).astype(np.uint8).tobytes(), 100),
        "imagemagick",
    ),
    Kind("plain.ppm", lambda: pnm(b"P6", RGB.tobytes()), "imagemagick"),
    Kind("text.ppm", lambda: pnm(b"P3", text(RGB)), "imagemagick"),
    Kind("16-bits.ppm", lambda: pnm(b"P6", wide(RGB).astype(">u2").tobytes(), 65535), "imagemagick"),
    Kind("comment.ppm", lambda: pnm(b"P6", RGB.tobytes(), comment=b"# a comment\n"), "imagemagick"),
    Kind(
        "float.pfm", lambda: b"PF\n48 48\n-1.0\n" + (RGB[::-1] / 255).astype("<f4").tobytes(), refused="not a picture"
    ),
    Kind(
        "gray-float.pfm",
        lambda: b"Pf\n48 48\n-1.0\n" + (patches.GRAY[::-1] / 255).astype("<f4").tobytes(),
        "spec",
        1,
        expected=spec_gray,
    ),
    Kind("24-bits.tga", lambda: saved(RGB, "TGA"), "imagemagick"),
    Kind("32-bits.tga", lambda: saved(RGBA, "TGA"), "imagemagick"),
    Kind("gray.tga", lambda: saved(GRAY, "TGA"), "imagemagick"),
    Kind("run-length.tga", lambda: saved(RGB, "TGA", compression="tga_rle"), "imagemagick"),
    Kind("palette.tga", lambda: encoded(patches.picture().quantize(16), "TGA"), "imagemagick"),
    Kind("24-bits.pcx", lambda: saved(RGB, "PCX"), "imagemagick"),
    Kind("gray.pcx", lambda: saved(GRAY, "PCX"), "imagemagick"),
    Kind("palette.pcx", lambda: encoded(patches.picture().quantize(16), "PCX"), "imagemagick"),
    Kind("rgb.sgi", lambda: saved(RGB, "SGI"), "imagemagick"),
    Kind("rgba.sgi", lambda: saved(RGBA, "SGI"), "imagemagick"),
    Kind("gray.sgi", lambda: saved(GRAY, "SGI"), "imagemagick"),
    Kind("rgb.jp2", jp2, "imagemagick"),
    Kind("gray.jp2", partial(jp2, GRAY), "imagemagick"),
    Kind(
        "rgba.jp2",
        partial(jp2, RGBA),
        "spec",
        1,
        expected=lambda: [
            (*map(int, c), int(a))
            for c, a in zip(patches.COLORS.reshape(-1, 3), patches.ALPHAS.reshape(-1), strict=True)
        ],
    ),
    Kind("gray-16.jp2", lambda: jp2_16(wide(patches.GRAY)), "imagemagick"),
    Kind("codestream.j2k", partial(jp2, no_jp2=True), "imagemagick"),
    Kind(
        "irreversible.jp2",
        lambda: saved(RGB, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=[50]),
        "imagemagick",
        3,
    ),
    Kind(
        "icc-display-p3.jp2",
        lambda: boxes.with_jp2_color(jp2(), icc_color(profiles.DISPLAY_P3)),
        "like icc-display-p3.png",
        3,
    ),
    Kind(
        "icc-gray.jp2", lambda: boxes.with_jp2_color(jp2(GRAY), icc_color(profiles.GRAY_LINEAR)), "like icc-gray.png", 3
    ),
    Kind("unknown-box.jp2", lambda: before_codestream((b"abcd", b"anything")), "spec", 0, expected=spec),
    Kind(
        "jpx-boxes.jp2",
        lambda: before_codestream(
            (b"jpch", boxes.box(b"lbl ", b"x")), (b"jplh", b""), (b"asoc", b"geography"), (b"XML ", b"<gml/>")
        ),
        "spec",
        0,
        expected=spec,
    ),
    Kind("long-codestream.jp2", jp2_with_long_codestream, "spec", 0, expected=spec),
    Kind("palette.jp2", jp2_palette, "spec", 1, expected=spec),
    Kind("cut.jp2", lambda: jp2()[:-300], refused="incomplete|damaged"),
    Kind("png-in-icon-chunk.ico", lambda: icon((32, png(RGBA, PNG_RGBA, chunk(b"tEXt", b"a\0b"))))),
]
