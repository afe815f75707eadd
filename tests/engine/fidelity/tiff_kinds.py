"""Kinds of TIFF (TIFF 6.0; Adobe Photoshop TIFF Technical Notes 1 to 3; DNG 1.4 for half floats)."""

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.engine.fidelity import patches, profiles
from tests.engine.fidelity.kind import Kind
from tests.engine.fidelity.other_kinds import INDEXES, saved, spec, spec_gray, wide
from tests.engine.fidelity.tiff import (
    ASSOCIATED,
    BLACK_IS_ZERO,
    CIELAB,
    DEFLATE,
    ICCLAB,
    LZW,
    OLD_DEFLATE,
    PACKBITS,
    PALETTE,
    RGB,
    SEPARATED,
    UNASSOCIATED,
    UNSPECIFIED,
    WHITE_IS_ZERO,
    YCBCR,
    tiff,
)

Samples = NDArray[Any]
GRAYS, COLORS, ALPHA = patches.GRAY, patches.RGB, patches.ALPHA

TYPES: dict[str, Callable[[Samples], Samples]] = {
    "8": lambda values: values,
    "16": wide,
    "32": lambda values: values.astype(np.uint32) * 0x01010101,
    "half": lambda values: (values / 255).astype(np.float16),
    "float": lambda values: (values / 255).astype(np.float32),
    "double": lambda values: (values / 255).astype(np.float64),
}


def with_alpha(values: Samples, associated: bool) -> Samples:
    alpha = ALPHA[:, :, None].astype(float)
    values = values[:, :, None] if values.ndim == 2 else values
    shown = np.round(values * alpha / 255) if associated else values
    return np.concatenate([shown, alpha], axis=2).astype(np.uint8)


def spec_alpha() -> list[tuple[int, ...]]:
    return [
        (*map(int, c), int(a)) for c, a in zip(patches.COLORS.reshape(-1, 3), patches.ALPHAS.reshape(-1), strict=True)
    ]


def spec_gray_alpha() -> list[tuple[int, ...]]:
    return [
        (int(v),) * 3 + (int(a),) for v, a in zip(patches.GRAYS.reshape(-1), patches.ALPHAS.reshape(-1), strict=True)
    ]


def inks(values: Samples = COLORS) -> Samples:
    """Cyan, magenta, yellow and black that give the patches by R = (1 - C)(1 - K) with K = 0."""
    return np.dstack([255 - values, np.zeros(values.shape[:2], np.uint8)])


def lab(icc: bool, bits: int = 8) -> Samples:
    """L* of the grays, with a* = b* = 0. CIELAB has signed a* and b*, ICCLAB unsigned ones with an offset."""
    y = np.where(GRAYS <= 10, GRAYS / 255 / 12.92, ((GRAYS / 255 + 0.055) / 1.055) ** 2.4)
    lightness = np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)
    scale = {(False, 8): 255, (True, 8): 255, (False, 16): 65535, (True, 16): 65280}[icc, bits]
    middle = (128 if bits == 8 else 32768) if icc else 0
    planes = [np.round(lightness / 100 * scale), np.full_like(y, middle), np.full_like(y, middle)]
    return np.dstack(planes).astype(np.uint8 if bits == 8 else np.uint16)


def ycbcr(subsampling: int) -> bytes:
    """Uncompressed YCbCr by ITU-R BT.601, full range; with a subsampling of 2 in data units of 2x2 (section 21)."""
    r, g, b = (COLORS[:, :, index].astype(float) for index in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = 128 + (b - y) / 1.772, 128 + (r - y) / 1.402
    planes = [np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in (y, cb, cr)]
    tags: dict[int, Any] = {530: (3, (subsampling, subsampling)), 532: (5, (0, 255, 128, 255, 128, 255))}
    if subsampling == 1:
        return tiff(np.dstack(planes), YCBCR, tags=tags)
    luma = planes[0].reshape(24, 2, 24, 2).transpose(0, 2, 1, 3).reshape(24, 24, 4)
    units = np.concatenate([luma, planes[1][::2, ::2, None], planes[2][::2, ::2, None]], axis=2)
    data = units.reshape(24, 24 * 6)
    return tiff(
        data,
        YCBCR,
        rows_per_strip=24,
        tags=tags
        | {256: (4, (48,)), 257: (4, (48,)), 258: (3, (8, 8, 8)), 277: (3, (3,)), 278: (4, (48,)), 339: (3, (1, 1, 1))},
    )


def color_map(bits: int) -> dict[int, Any]:
    table = np.zeros((1 << bits, 3), np.uint16)
    count = min(9, 1 << bits)
    table[:count] = patches.COLORS.reshape(-1, 3)[:count].astype(np.uint16) * 257
    return {320: (3, tuple(int(value) for value in table.T.reshape(-1)))}


def indexed(bits: int) -> list[tuple[int, ...]]:
    return [spec()[index & ((1 << bits) - 1)] for index in range(9)]


def narrow_gray(bits: int) -> list[tuple[int, ...]]:
    top = (1 << bits) - 1
    return [(round((int(v) >> (8 - bits)) * 255 / top),) * 3 + (255,) for v in patches.GRAYS.reshape(-1)]


def signed(bits: int) -> bytes:
    values = (GRAYS.astype(np.int32) - 128) * (1 if bits == 8 else 256)
    return tiff(values.astype(np.int8 if bits == 8 else np.int16), BLACK_IS_ZERO)


def broken_second_directory() -> bytes:
    return tiff(COLORS, RGB, next_directory=0x7FFFFFF0)


def garbage_second_directory() -> bytes:
    data = tiff(COLORS, RGB, next_directory=0)
    at = data.rindex(struct.pack("<HHI", 339, 3, 3)) + 12
    return data[:at] + struct.pack("<I", len(data)) + data[at + 4 :] + b"\xff\xff" + b"\x77" * 30


ORDERS = {"little": "<", "big": ">"}


def gray_kinds() -> list[Kind]:
    kinds = []
    for order, sign in ORDERS.items():
        for bits in (1, 2, 4):
            for name, photometric in (("black", BLACK_IS_ZERO), ("white", WHITE_IS_ZERO)):
                top = (1 << bits) - 1
                values = GRAYS >> (8 - bits)
                make = partial(tiff, values if photometric else top - values, photometric, bits=bits, order=sign)
                kinds.append(
                    Kind(
                        f"gray-{bits}-{name}-is-zero-{order}.tiff", make, "spec", 1, expected=partial(narrow_gray, bits)
                    )
                )
        for type, convert in TYPES.items():
            for name, photometric in (("black", BLACK_IS_ZERO), ("white", WHITE_IS_ZERO)):
                values = GRAYS if photometric else 255 - GRAYS
                make = partial(tiff, convert(values), photometric, order=sign)
                kinds.append(Kind(f"gray-{type}-{name}-is-zero-{order}.tiff", make, "spec", 1, expected=spec_gray))
    return kinds


def rgb_kinds() -> list[Kind]:
    kinds = []
    for order, sign in ORDERS.items():
        for type, convert in TYPES.items():
            for planar in (False, True):
                name = f"rgb-{type}-{'planar' if planar else 'chunky'}-{order}.tiff"
                make = partial(tiff, convert(COLORS), RGB, order=sign, planar=planar)
                kinds.append(Kind(name, make, "spec", 1, expected=spec))
    return kinds


def alpha_kinds() -> list[Kind]:
    kinds = []
    for type in ("8", "16"):
        for order, sign in ORDERS.items():
            for planar in (False, True):
                for name, extra in (
                    ("associated", ASSOCIATED),
                    ("unassociated", UNASSOCIATED),
                    ("unspecified", UNSPECIFIED),
                ):
                    for color, values, photometric in (("rgb", COLORS, RGB), ("gray", GRAYS, BLACK_IS_ZERO)):
                        samples = TYPES[type](with_alpha(values, extra == ASSOCIATED))
                        make = partial(tiff, samples, photometric, order=sign, planar=planar, extra=(extra,))
                        clear = spec_alpha if color == "rgb" else spec_gray_alpha
                        expected = clear
                        layout = "planar" if planar else "chunky"
                        kinds.append(
                            Kind(
                                f"{color}-alpha-{type}-{name}-{layout}-{order}.tiff", make, "spec", 2, expected=expected
                            )
                        )
    return kinds


def layout_kinds() -> list[Kind]:
    compressions = {"none": 1, "packbits": PACKBITS, "lzw": LZW, "deflate": DEFLATE, "old-deflate": OLD_DEFLATE}
    kinds = []
    for name, compression in compressions.items():
        for type in ("8", "16"):
            for tile in (0, 32):
                for predictor in (1, 2) if name in ("lzw", "deflate") else (1,):
                    make = partial(
                        tiff,
                        TYPES[type](COLORS),
                        RGB,
                        compression=compression,
                        tile=tile,
                        predictor=predictor,
                        planar=type == "16",
                    )
                    label = (
                        f"{name}-{type}-{'tiles' if tile else 'strips'}{'-predictor' if predictor == 2 else ''}.tiff"
                    )
                    kinds.append(Kind(label, make, "spec", 1, expected=spec))
    return kinds


KINDS = [
    *gray_kinds(),
    *rgb_kinds(),
    *alpha_kinds(),
    *layout_kinds(),
    *(
        Kind(
            f"palette-{bits}.tiff",
            partial(lambda b: tiff(INDEXES & ((1 << b) - 1), PALETTE, bits=b, tags=color_map(b)), bits),
            "spec",
            0,
            expected=partial(indexed, bits),
        )
        for bits in (1, 2, 4, 8)
    ),
    Kind(
        "float-predictor.tiff",
        lambda: tiff(TYPES["float"](COLORS), RGB, compression=DEFLATE, predictor=3),
        "spec",
        1,
        expected=spec,
    ),
    Kind(
        "half-predictor.tiff",
        lambda: tiff(TYPES["half"](COLORS), RGB, compression=DEFLATE, predictor=3),
        "spec",
        1,
        expected=spec,
    ),
    Kind(
        "gray-float-predictor.tiff",
        lambda: tiff(TYPES["float"](GRAYS), BLACK_IS_ZERO, compression=LZW, predictor=3),
        "spec",
        1,
        expected=spec_gray,
    ),
    Kind(
        "gray-16-predictor-big.tiff",
        lambda: tiff(wide(GRAYS), BLACK_IS_ZERO, order=">", compression=LZW, predictor=2),
        "spec",
        1,
        expected=spec_gray,
    ),
    Kind(
        "gray-32-predictor.tiff",
        lambda: tiff(TYPES["32"](GRAYS), BLACK_IS_ZERO, compression=DEFLATE, predictor=2),
        "spec",
        1,
        expected=spec_gray,
    ),
    Kind("cmyk-8.tiff", lambda: tiff(inks(), SEPARATED, tags={332: (3, (1,))}), "spec", 2, expected=spec),
    Kind(
        "cmyk-8-planar.tiff",
        lambda: tiff(inks(), SEPARATED, planar=True, tags={332: (3, (1,))}),
        "spec",
        2,
        expected=spec,
    ),
    Kind("cmyk-16.tiff", lambda: tiff(wide(inks()), SEPARATED, tags={332: (3, (1,))}), "spec", 2, expected=spec),
    Kind(
        "cmyk-16-big.tiff",
        lambda: tiff(wide(inks()), SEPARATED, order=">", tags={332: (3, (1,))}),
        "spec",
        2,
        expected=spec,
    ),
    Kind(
        "cmyk-alpha-8.tiff",
        lambda: tiff(np.dstack([inks(), ALPHA]), SEPARATED, extra=(UNASSOCIATED,), tags={332: (3, (1,))}),
        "spec",
        2,
        expected=spec_alpha,
    ),
    Kind(
        "cmyk-alpha-16.tiff",
        lambda: tiff(wide(np.dstack([inks(), ALPHA])), SEPARATED, extra=(UNASSOCIATED,), tags={332: (3, (1,))}),
        "spec",
        2,
        expected=spec_alpha,
    ),
    Kind(
        "cmyk-alpha-unspecified.tiff",
        lambda: tiff(np.dstack([inks(), ALPHA]), SEPARATED, extra=(UNSPECIFIED,), tags={332: (3, (1,))}),
        "spec",
        2,
        expected=spec_alpha,
    ),
    Kind(
        "separated-five-inks.tiff",
        lambda: tiff(np.dstack([inks(), ALPHA]), SEPARATED, tags={332: (3, (2,)), 334: (3, (5,))}),
        refused="5|inks",
    ),
    Kind("cielab-8.tiff", lambda: tiff(lab(False), CIELAB), "spec", 3, expected=spec_gray),
    Kind("cielab-16.tiff", lambda: tiff(lab(False, 16), CIELAB), "spec", 3, expected=spec_gray),
    Kind("icclab-8.tiff", lambda: tiff(lab(True), ICCLAB), "spec", 3, expected=spec_gray),
    Kind("icclab-16.tiff", lambda: tiff(lab(True, 16), ICCLAB), "spec", 3, expected=spec_gray),
    Kind("ycbcr.tiff", lambda: ycbcr(1), "spec", 3, expected=spec),
    Kind("ycbcr-subsampled.tiff", lambda: ycbcr(2), refused="subsampled YCbCr"),
    Kind("jpeg.tiff", lambda: saved(COLORS, "TIFF", compression="jpeg", quality=95), "imagemagick", 3),
    Kind("group4.tiff", lambda: _fax(), "imagemagick", 0),
    Kind("zstd.tiff", lambda: saved(COLORS, "TIFF", compression="zstd"), "spec", 0, expected=spec),
    Kind("signed-8.tiff", partial(signed, 8), "spec", 1, expected=spec_gray),
    Kind("signed-16.tiff", partial(signed, 16), "spec", 1, expected=spec_gray),
    Kind("fill-order.tiff", lambda: tiff(GRAYS, BLACK_IS_ZERO, fill_order=2), "spec", 0, expected=spec_gray),
    Kind("big-tiff.tiff", lambda: tiff(COLORS, RGB, big=True), "spec", 0, expected=spec),
    Kind(
        "big-tiff-16-planar.tiff",
        lambda: tiff(wide(COLORS), RGB, big=True, planar=True, order=">"),
        "spec",
        1,
        expected=spec,
    ),
    Kind(
        "icc-display-p3.tiff",
        lambda: tiff(COLORS, RGB, tags={34675: (7, profiles.DISPLAY_P3)}),
        "like icc-display-p3.png",
        3,
    ),
    Kind(
        "icc-display-p3-16-planar.tiff",
        lambda: tiff(wide(COLORS), RGB, planar=True, tags={34675: (7, profiles.DISPLAY_P3)}),
        "like icc-display-p3.png",
        3,
    ),
    Kind(
        "icc-gray.tiff",
        lambda: tiff(GRAYS, BLACK_IS_ZERO, tags={34675: (7, profiles.GRAY_LINEAR)}),
        "like icc-gray.png",
        3,
    ),
    Kind(
        "icc-gray-16.tiff",
        lambda: tiff(wide(GRAYS), BLACK_IS_ZERO, tags={34675: (7, profiles.GRAY_LINEAR)}),
        "like icc-gray.png",
        3,
    ),
    Kind(
        "icc-gray-alpha.tiff",
        lambda: tiff(
            with_alpha(GRAYS, False), BLACK_IS_ZERO, extra=(UNASSOCIATED,), tags={34675: (7, profiles.GRAY_LINEAR)}
        ),
        "like icc-gray-alpha.png",
        3,
    ),
    *(
        Kind(
            f"orientation-{number}.tiff",
            partial(lambda n: tiff(COLORS, RGB, tags={274: (3, (n,))}), number),
            f"like orientation-{number}.jpg",
            4,
        )
        for number in range(1, 9)
    ),
    *(
        Kind(
            f"orientation-16-planar-{number}.tiff",
            partial(lambda n: tiff(wide(COLORS), RGB, planar=True, tags={274: (3, (n,))}), number),
            f"like orientation-{number}.jpg",
            4,
        )
        for number in (3, 6)
    ),
    Kind("second-directory-beyond-end.tiff", broken_second_directory, "spec", 0, expected=spec),
    Kind("second-directory-garbage.tiff", garbage_second_directory, "spec", 0, expected=spec),
    Kind(
        "strip-sizes-too-long.tiff",
        lambda: tiff(COLORS, RGB, strip_sizes=lambda sizes: [size * 1000 for size in sizes]),
        "spec",
        0,
        expected=spec,
    ),
    Kind(
        "strip-sizes-zero.tiff",
        lambda: tiff(COLORS, RGB, strip_sizes=lambda sizes: [0 for _ in sizes]),
        "spec",
        0,
        expected=spec,
    ),
    Kind(
        "strip-sizes-huge.tiff",
        lambda: tiff(COLORS, RGB, strip_sizes=lambda sizes: [0xFFFFFFFF for _ in sizes]),
        "spec",
        0,
        expected=spec,
    ),
    Kind(
        "premultiplied-white.tiff",
        lambda: tiff(with_alpha(GRAYS, True), BLACK_IS_ZERO, extra=(ASSOCIATED,)),
        "spec",
        2,
        expected=spec_gray_alpha,
    ),
    Kind("complex.tiff", lambda: tiff(TYPES["float"](GRAYS), BLACK_IS_ZERO, tags={339: (3, (6,))}), refused="complex"),
    Kind("transparency-mask.tiff", lambda: tiff((GRAYS > 100).astype(np.uint8), 4, bits=1), refused="mask"),
    Kind(
        "very-many-samples.tiff",
        lambda: tiff(GRAYS, BLACK_IS_ZERO, planar=True, tags={277: (4, (1 << 31,))}),
        refused="2147483648 samples per pixel",
    ),
    Kind("cut.tiff", lambda: tiff(COLORS, RGB)[:3000], refused="incomplete|damaged"),
]


def _fax() -> bytes:
    from tests.pictures import encoded

    return encoded(
        patches.picture(GRAYS).point(lambda value: 255 if value > 100 else 0).convert("1", dither=0),
        "TIFF",
        compression="group4",
    )
