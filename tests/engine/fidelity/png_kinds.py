"""Kinds of PNG (PNG specification, third edition)."""

import struct
import zlib
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tests.engine import handmade
from tests.engine.fidelity import jpeg_kinds as jpeg
from tests.engine.fidelity import patches, profiles
from tests.engine.fidelity.kind import Kind
from tests.engine.fidelity.png import (
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    bad_checksum,
    chromaticities,
    chunk,
    code_points,
    gamma,
    png,
    profile,
)

P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


def wide(samples: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return samples.astype(np.uint16) * 257


def narrow(bits: int) -> NDArray[np.uint8]:
    return (patches.GRAY >> (8 - bits)).astype(np.uint8)


INDEXES = patches.spread(np.arange(9, dtype=np.uint8).reshape(3, 3))
COLORS = chunk(b"PLTE", patches.COLORS.tobytes())


def palette(bits: int, *before: bytes, colors: bytes = COLORS) -> bytes:
    return png(INDEXES & ((1 << bits) - 1), PALETTE, colors, *before, bits=bits)


def raw_exif(orientation: int) -> bytes:
    """EXIF as ImageMagick writes it: hexadecimal text in a zTXt chunk."""
    exif = jpeg.exif(">", {0x0112: (3, orientation)})
    lines = exif.hex()
    text = f"\nexif\n{len(exif):8}\n" + "\n".join(lines[i : i + 72] for i in range(0, len(lines), 72)) + "\n"
    return chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode()))


def plain(*before: bytes, **options: bytes) -> bytes:
    return png(patches.RGB, RGB, *before, **options)  # type: ignore[arg-type]


def pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of SMPTE ST 2084's transfer function."""
    y = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hdr() -> NDArray[np.uint16]:
    """The patches as linear light with white at 203 cd/m2, in PQ, 16 bits; sRGB's primaries."""
    linear = np.where(patches.RGB <= 10, patches.RGB / 255 / 12.92, ((patches.RGB / 255 + 0.055) / 1.055) ** 2.4)
    return np.round(pq(linear * 203) * 65535).astype(np.uint16)


def hlg() -> NDArray[np.uint16]:
    """The patches with white at 203 of 1000 cd/m2, in HLG: the inverse OOTF, then the OETF (BT.2100, table 5)."""
    linear = (
        np.where(patches.RGB <= 10, patches.RGB / 255 / 12.92, ((patches.RGB / 255 + 0.055) / 1.055) ** 2.4) * 0.203
    )
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    scene = linear * np.maximum(luminance, 1e-9)[:, :, None] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)
    return np.round(signal * 65535).astype(np.uint16)


def transparent(bits: int, value: int) -> bytes:
    return chunk(b"tRNS", struct.pack(">H", value))


KINDS = [
    *(Kind(f"gray-{bits}.png", partial(lambda b: png(narrow(b), GRAY, bits=b), bits)) for bits in (1, 2, 4)),
    Kind("gray-8.png", lambda: png(patches.GRAY, GRAY)),
    Kind("gray-16.png", lambda: png(wide(patches.GRAY), GRAY)),
    Kind("rgb-8.png", plain),
    Kind("rgb-16.png", lambda: png(wide(patches.RGB), RGB)),
    *(Kind(f"palette-{bits}.png", partial(palette, bits)) for bits in (1, 2, 4, 8)),
    Kind("gray-alpha-8.png", lambda: png(patches.GRAY_ALPHA, GRAY_ALPHA)),
    Kind("gray-alpha-16.png", lambda: png(wide(patches.GRAY_ALPHA), GRAY_ALPHA)),
    Kind("rgba-8.png", lambda: png(patches.RGBA, RGBA)),
    Kind("rgba-16.png", lambda: png(wide(patches.RGBA), RGBA)),
    *(
        Kind(f"interlaced-gray-{bits}.png", partial(lambda b: png(narrow(b), GRAY, bits=b, interlaced=True), bits))
        for bits in (1, 2, 4)
    ),
    Kind("interlaced-rgb-8.png", lambda: png(patches.RGB, RGB, interlaced=True)),
    Kind("interlaced-rgb-16.png", lambda: png(wide(patches.RGB), RGB, interlaced=True)),
    Kind("interlaced-rgba-8.png", lambda: png(patches.RGBA, RGBA, interlaced=True)),
    Kind("interlaced-palette-4.png", lambda: png(INDEXES, PALETTE, COLORS, bits=4, interlaced=True)),
    *(
        Kind(
            f"transparent-gray-{bits}.png",
            partial(lambda b: png(narrow(b), GRAY, transparent(b, int(narrow(b)[20, 40])), bits=b), bits),
        )
        for bits in (1, 2, 4)
    ),
    Kind("transparent-gray-8.png", lambda: png(patches.GRAY, GRAY, transparent(8, 128))),
    Kind("transparent-gray-16.png", lambda: png(wide(patches.GRAY), GRAY, transparent(16, 128 * 257))),
    Kind(
        "transparent-gray-16-near.png",
        lambda: png(wide(patches.GRAY) + (patches.GRAY == 96), GRAY, transparent(16, 96 * 257)),
    ),
    Kind("transparent-rgb-8.png", lambda: plain(chunk(b"tRNS", struct.pack(">3H", 40, 160, 90)))),
    Kind(
        "transparent-rgb-16.png",
        lambda: png(wide(patches.RGB), RGB, chunk(b"tRNS", struct.pack(">3H", 40 * 257, 160 * 257, 90 * 257))),
    ),
    Kind(
        "transparent-rgb-16-near.png",
        lambda: png(
            wide(patches.RGB) + np.uint16(1), RGB, chunk(b"tRNS", struct.pack(">3H", 40 * 257, 160 * 257, 90 * 257))
        ),
    ),
    Kind(
        "transparent-rgb-16-small.png",
        lambda: png(wide(patches.RGB) // 256, RGB, chunk(b"tRNS", struct.pack(">3H", 40, 160, 90))),
    ),
    *(
        Kind(f"transparent-palette-{bits}.png", partial(palette, bits, chunk(b"tRNS", bytes([255, 0, 128]))))
        for bits in (2, 4, 8)
    ),
    Kind("icc-display-p3.png", lambda: plain(profile(profiles.DISPLAY_P3))),
    Kind("icc-display-p3-16.png", lambda: png(wide(patches.RGB), RGB, profile(profiles.DISPLAY_P3))),
    Kind("icc-display-p3-alpha.png", lambda: png(patches.RGBA, RGBA, profile(profiles.DISPLAY_P3))),
    Kind("icc-display-p3-palette.png", lambda: palette(8, profile(profiles.DISPLAY_P3))),
    Kind("icc-linear.png", lambda: plain(profile(profiles.LINEAR_SRGB)), tolerance=3),
    Kind("icc-linear-16.png", lambda: png(wide(patches.RGB) // 8, RGB, profile(profiles.LINEAR_SRGB)), tolerance=5),
    Kind("icc-gray.png", lambda: png(patches.GRAY, GRAY, profile(profiles.GRAY_LINEAR)), tolerance=3),
    Kind("icc-gray-16.png", lambda: png(wide(patches.GRAY), GRAY, profile(profiles.GRAY_LINEAR)), tolerance=3),
    Kind("icc-gray-alpha.png", lambda: png(patches.GRAY_ALPHA, GRAY_ALPHA, profile(profiles.GRAY_LINEAR)), tolerance=3),
    Kind(
        "icc-gray-alpha-16.png",
        lambda: png(wide(patches.GRAY_ALPHA), GRAY_ALPHA, profile(profiles.GRAY_LINEAR)),
        tolerance=3,
    ),
    Kind(
        "icc-gray-transparent.png",
        lambda: png(patches.GRAY, GRAY, profile(profiles.GRAY_LINEAR), transparent(8, 128)),
        tolerance=3,
    ),
    Kind("icc-gray-of-rgb.png", lambda: plain(profile(profiles.GRAY_LINEAR))),
    Kind("icc-rgb-of-gray.png", lambda: png(patches.GRAY, GRAY, profile(profiles.DISPLAY_P3)), tolerance=3),
    Kind("icc-broken.png", lambda: plain(profile(b"not a profile"))),
    Kind("icc-not-compressed.png", lambda: plain(chunk(b"iCCP", b"icc\0\0" + b"not deflate"))),
    Kind("gamma-sRGB.png", lambda: plain(gamma(0.45455))),
    Kind("gamma-1.png", lambda: plain(gamma(1.0)), tolerance=3),
    Kind("gamma-1-16.png", lambda: png(wide(patches.RGB) // 8, RGB, gamma(1.0)), tolerance=5),
    Kind("gamma-1-gray.png", lambda: png(patches.GRAY, GRAY, gamma(1.0)), tolerance=3),
    Kind("gamma-1-gray-16.png", lambda: png(wide(patches.GRAY) // 8, GRAY, gamma(1.0)), tolerance=3),
    Kind("gamma-1-gray-alpha.png", lambda: png(patches.GRAY_ALPHA, GRAY_ALPHA, gamma(1.0)), tolerance=3),
    Kind("gamma-1-palette.png", lambda: png(INDEXES, PALETTE, gamma(1.0), COLORS), tolerance=3),
    Kind("gamma-1.8.png", lambda: plain(gamma(1 / 1.8)), tolerance=3),
    Kind("gamma-0.png", lambda: plain(gamma(0))),
    Kind("gamma-and-srgb.png", lambda: plain(chunk(b"sRGB", b"\0"), gamma(1.0))),
    Kind("gamma-and-icc.png", lambda: plain(profile(profiles.DISPLAY_P3), gamma(1.0))),
    Kind("chromaticities-p3.png", lambda: plain(gamma(1 / 2.2), chromaticities(*P3)), tolerance=3),
    Kind("chromaticities-p3-alone.png", lambda: plain(chromaticities(*P3)), tolerance=3),
    Kind("chromaticities-srgb.png", lambda: plain(gamma(1 / 2.2), chromaticities(*SRGB)), tolerance=3),
    Kind("chromaticities-zero.png", lambda: plain(gamma(1 / 2.2), chromaticities(*[0.0] * 8)), tolerance=3),
    Kind("cicp-srgb.png", lambda: plain(code_points(1, 13))),
    Kind("cicp-display-p3.png", lambda: plain(code_points(12, 13)), tolerance=3),
    Kind("cicp-over-icc.png", lambda: plain(code_points(1, 13), profile(profiles.DISPLAY_P3))),
    Kind("cicp-linear.png", lambda: plain(code_points(1, 8)), tolerance=3),
    Kind("cicp-bt709.png", lambda: plain(code_points(1, 1)), tolerance=4),
    Kind("cicp-bt2020.png", lambda: plain(code_points(9, 1)), tolerance=4),
    Kind("cicp-unknown.png", lambda: plain(code_points(2, 2))),
    Kind(
        "cicp-pq.png",
        lambda: png(hdr(), RGB, code_points(1, 16)),
        "spec",
        3,
        expected=lambda: [(*map(int, c), 255) for c in patches.COLORS.reshape(-1, 3)],
    ),
    Kind(
        "cicp-hlg.png",
        lambda: png(hlg(), RGB, code_points(1, 18)),
        "spec",
        4,
        expected=lambda: [(*map(int, c), 255) for c in patches.COLORS.reshape(-1, 3)],
    ),
    *(
        Kind(
            f"exif-{number}.png", partial(lambda n: plain(chunk(b"eXIf", jpeg.exif(">", {0x0112: (3, n)})[6:])), number)
        )
        for number in (1, 3, 6, 8)
    ),
    Kind(
        "exif-raw-6.png",
        lambda: plain(raw_exif(6)),
        "spec",
        2,
        expected=lambda: [(*map(int, c), 255) for c in np.rot90(patches.COLORS, -1).reshape(-1, 3)],
    ),
    Kind("exif-and-raw.png", lambda: plain(chunk(b"eXIf", jpeg.exif(">", {0x0112: (3, 3)})[6:]), raw_exif(6))),
    Kind("exif-after-pixels.png", lambda: plain(after=chunk(b"eXIf", jpeg.exif(">", {0x0112: (3, 6)})[6:]))),
    Kind("bad-checksum-text.png", lambda: plain(bad_checksum(b"tEXt", b"Comment\0hello"))),
    Kind("bad-checksum-phys.png", lambda: plain(bad_checksum(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)))),
    Kind("bad-checksum-icc.png", lambda: plain(bad_checksum(b"iCCP", b"icc\0\0" + zlib.compress(profiles.DISPLAY_P3)))),
    Kind("bad-checksum-gamma.png", lambda: plain(bad_checksum(b"gAMA", struct.pack(">I", 100_000)))),
    Kind("bad-checksum-after-pixels.png", lambda: plain(after=bad_checksum(b"tEXt", b"Comment\0hello"))),
    Kind("bad-checksum-pixels.png", lambda: plain().replace(chunk(b"IEND"), b"")[:-4] + b"\0\0\0\0" + chunk(b"IEND")),
    Kind("without-end.png", lambda: plain(end=b"")),
    Kind("bytes-after-end.png", lambda: plain() + b"anything" * 30),
    Kind("unknown-ancillary.png", lambda: plain(chunk(b"abCd", b"\0" * 40))),
    Kind("empty-text.png", lambda: plain(chunk(b"tEXt", b""))),
    Kind("zero-length-pixels.png", lambda: plain(chunk(b"IDAT"))),
    Kind(
        "palette-after-pixels.png",
        lambda: png(INDEXES, PALETTE, after=COLORS),
        refused="PLTE",
    ),
    Kind("palette-without-colors.png", lambda: png(INDEXES, PALETTE), refused="PLTE|palette"),
    Kind(
        "cut-in-half.png",
        lambda: (lambda data: data[: len(data) // 2])(
            png(np.random.default_rng(1).integers(0, 255, (48, 48, 3), dtype=np.uint8), RGB)
        ),
        refused="incomplete|damaged",
    ),
    Kind(
        "line-of-pixels.png",
        lambda: (
            handmade.PNG
            + handmade.header(1, 60_000_000, 8, GRAY)
            + chunk(b"IDAT", zlib.compress(bytes(1000)))
            + chunk(b"IEND")
        ),
        refused="incomplete|damaged|65535|side",
    ),
]
