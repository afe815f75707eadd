"""Kinds of JPEG (ITU-T T.81; JFIF; Adobe's APP14; EXIF)."""

import base64
import struct
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from tests.engine.fidelity import patches, profiles
from tests.engine.fidelity.kind import Kind
from tests.pictures import encoded

# The patches in arithmetic coding, which no package here writes: made by libjpeg-turbo's `jpegtran -arithmetic` 2.1.5.
ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA"
    "sKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/yQARCAAw"
    "ADADAREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD+THds28gJX4Z/qscK8VgZtdUbXFFeY1ZDkytu8ZvAdz048pT2YaOOZ8c6Zt"
    "EtNJ4x2VfTrBmCwV3R3XQiKcQYguaGaTF0zcWA/9k="
)
ARITHMETIC_PROGRESSIVE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA"
    "sKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/ygARCAAw"
    "ADADAREAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAAAfwvjWSxGLbVnorNaFZZtH2bI49UpYbzKhtcbrOSABp3sR/kk59QdCtHs+9kJ7U2ux"
    "fC40IRpgIhhZfbV0WQbZ+R5t7cwP/MAAQQBf/aAAgBAQABBQKw/8wABBEF/9oACAEDAQE/AbD/zAAEEQX/2gAIAQIBAT8BsP/MAAQQBf/aAAgB"
    "AQAGPwKw/8wABBAF/9oACAEBAAE/IbD/2gAMAwEAAgADAAAAEEvG/8wABBEF/9oACAEDAQE/ELD/zAAEEQX/2gAIAQIBAT8QsP/MAAQQBf/aAA"
    "gBAQABPxCw/9k="
)


def plain(picture: Image.Image | None = None, **options: Any) -> bytes:
    return encoded(picture or patches.picture(), "JPEG", **{"quality": 95, "subsampling": 0, **options})


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segment(data: bytes, marker: int, content: bytes) -> bytes:
    return data[:2] + segment(marker, content) + data[2:]


def exif(
    order: str, entries: dict[int, tuple[int, int]], sub: dict[int, tuple[int, int]] | None = None, interop: str = ""
) -> bytes:
    """An Exif segment: tags of IFD 0 and of the Exif IFD as (type, value), and an interoperability index."""
    magic = b"II*\0" if order == "<" else b"MM\0*"

    def entry(tag: int, type: int, count: int, value: bytes) -> bytes:
        return struct.pack(f"{order}HHI", tag, type, count) + value.ljust(4, b"\0")

    def number(type: int, value: int) -> bytes:
        return struct.pack(order + ("H" if type == 3 else "I"), value)

    first = dict(entries)
    size0 = 2 + 12 * (len(first) + (sub is not None)) + 4
    sub_at = 8 + size0
    body = b""
    if sub is not None:
        size1 = 2 + 12 * (len(sub) + bool(interop)) + 4
        interop_at = sub_at + size1
        lines = [entry(tag, type, 1, number(type, value)) for tag, (type, value) in sub.items()]
        if interop:
            lines.append(entry(0xA005, 4, 1, number(4, interop_at)))
        body += struct.pack(order + "H", len(lines)) + b"".join(lines) + bytes(4)
        if interop:
            body += struct.pack(order + "H", 1) + entry(1, 2, 4, interop.encode() + b"\0") + bytes(4)
    lines = [entry(tag, type, 1, number(type, value)) for tag, (type, value) in sorted(first.items())]
    if sub is not None:
        lines.append(entry(0x8769, 4, 1, number(4, sub_at)))
    return b"Exif\0\0" + magic + struct.pack(order + "IH", 8, len(lines)) + b"".join(lines) + bytes(4) + body


def cmyk(adobe: bool = True, transform: int = 0, progressive: bool = False) -> bytes:
    """CMYK of the patches' complements. Pillow writes Adobe's inverted samples."""
    inks = np.dstack([255 - patches.RGB, np.zeros_like(patches.GRAY)])
    data = encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=95, subsampling=0, progressive=progressive)
    at = data.index(b"Adobe") - 4
    if not adobe:
        return data[:at] + data[at + 16 :]
    return data[: at + 15] + bytes([transform]) + data[at + 16 :]


def rgb_by_adobe() -> bytes:
    """Three components that are red, green and blue, as APP14 with transform 0 says."""
    return encoded(patches.picture(), "JPEG", quality=95, keep_rgb=True)


def rgb_by_letters() -> bytes:
    data = rgb_by_adobe()
    at = data.find(b"Adobe")
    return data if at < 0 else data[: at - 4] + data[at + 10 + 2 :]


def without_end(**options: Any) -> bytes:
    return plain(**options)[:-2]


def cut(part: float, **options: Any) -> bytes:
    data = plain(**options)
    return data[: int(len(data) * part)]


def lossless() -> bytes:
    """SOF3 with predictor 1, eight bits, three components (ITU-T T.81, annex H)."""
    pixels = patches.RGB.astype(int)
    height, width, count = pixels.shape
    previous = np.empty_like(pixels)
    previous[:, 1:] = pixels[:, :-1]
    previous[1:, 0] = pixels[:-1, 0]
    previous[0, 0] = 128
    differences = (pixels - previous + 32768) % 65536 - 32768
    # One Huffman table: sixteen categories with codes of five bits.
    bits = "".join(
        f"{size:05b}" + (f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else "")
        for value in differences.reshape(-1).tolist()
        for size in [abs(value).bit_length()]
    )
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    counts = bytes([0, 0, 0, 0, 17, *[0] * 11])
    table = segment(0xC4, b"\0" + counts + bytes(range(17)))
    frame = segment(0xC3, struct.pack(">BHHB", 8, height, width, count) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]))
    scan = segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 1, 0, 0]))
    adobe = segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0))
    return b"\xff\xd8" + adobe + table + frame + scan + coded + b"\xff\xd9"


def twelve_bits() -> bytes:
    data = bytearray(plain())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = 0xC1, 12
    return bytes(data)


KINDS = [
    Kind("baseline-444.jpg", plain, tolerance=3),
    Kind("baseline-422.jpg", partial(plain, subsampling=1), tolerance=3),
    Kind("baseline-420.jpg", partial(plain, subsampling=2), tolerance=3),
    Kind("gray.jpg", partial(plain, patches.picture(patches.GRAY)), tolerance=3),
    Kind("progressive.jpg", partial(plain, progressive=True), tolerance=3),
    Kind("progressive-420.jpg", partial(plain, progressive=True, subsampling=2), tolerance=3),
    Kind("restarts.jpg", partial(plain, restart_marker_blocks=2), tolerance=3),
    Kind("low-quality.jpg", partial(plain, quality=30), tolerance=3),
    Kind("optimized.jpg", partial(plain, optimize=True), tolerance=3),
    Kind("cmyk-adobe.jpg", cmyk, tolerance=4),
    Kind("cmyk-adobe-progressive.jpg", partial(cmyk, progressive=True), tolerance=4),
    Kind("ycck.jpg", partial(cmyk, transform=2), tolerance=4),
    Kind("cmyk-without-adobe.jpg", partial(cmyk, adobe=False), tolerance=4),
    Kind("rgb-adobe.jpg", rgb_by_adobe, tolerance=3),
    Kind("rgb-letters.jpg", rgb_by_letters, tolerance=3),
    Kind("icc-display-p3.jpg", partial(plain, icc_profile=profiles.DISPLAY_P3), tolerance=3),
    Kind("icc-adobe-rgb.jpg", partial(plain, icc_profile=profiles.ADOBE_RGB), tolerance=3),
    Kind("icc-linear.jpg", partial(plain, icc_profile=profiles.LINEAR_SRGB), tolerance=4),
    Kind(
        "icc-gray-linear.jpg",
        partial(plain, patches.picture(patches.GRAY), icc_profile=profiles.GRAY_LINEAR),
        tolerance=4,
    ),
    Kind("icc-gray-of-rgb.jpg", partial(plain, icc_profile=profiles.GRAY_LINEAR), tolerance=3),
    Kind(
        "icc-rgb-of-gray.jpg",
        partial(plain, patches.picture(patches.GRAY), icc_profile=profiles.DISPLAY_P3),
        tolerance=3,
    ),
    Kind("icc-large.jpg", partial(plain, icc_profile=profiles.DISPLAY_P3 + bytes(150_000)), tolerance=3),
    Kind("icc-broken.jpg", partial(plain, icc_profile=b"not a profile"), tolerance=3),
    *(
        Kind(
            f"orientation-{number}.jpg",
            partial(lambda n: with_segment(plain(), 0xE1, exif(">", {0x0112: (3, n)})), number),
            tolerance=3,
        )
        for number in range(1, 9)
    ),
    Kind(
        "orientation-little-endian.jpg", lambda: with_segment(plain(), 0xE1, exif("<", {0x0112: (3, 6)})), tolerance=3
    ),
    Kind(
        "exif-adobe-rgb.jpg",
        lambda: with_segment(plain(), 0xE1, exif("<", {0x0112: (3, 1)}, {0xA001: (3, 65535)}, "R03")),
        tolerance=3,
    ),
    Kind(
        "exif-srgb.jpg",
        lambda: with_segment(plain(), 0xE1, exif("<", {0x0112: (3, 1)}, {0xA001: (3, 1)}, "R98")),
        tolerance=3,
    ),
    Kind("without-end.jpg", without_end, "like baseline-444.jpg", 3),
    Kind("without-end-progressive.jpg", partial(without_end, progressive=True), "like progressive.jpg", 3),
    Kind("without-end-420.jpg", partial(without_end, subsampling=2), "like baseline-420.jpg", 3),
    Kind("without-end-gray.jpg", partial(without_end, picture=patches.picture(patches.GRAY)), "like gray.jpg", 3),
    Kind("bytes-after-end.jpg", lambda: plain() + b"trailing data of a phone" * 50, tolerance=3),
    Kind("bytes-instead-of-end.jpg", lambda: without_end() + b"SEFHe\0\0\0SEFT" * 20, tolerance=3),
    Kind("fill-bytes.jpg", lambda: plain().replace(b"\xff\xdb", b"\xff\xff\xff\xdb"), tolerance=3),
    Kind(
        "multi-picture.jpg",
        lambda: encoded(
            patches.picture(), "MPO", save_all=True, append_images=[patches.picture()], quality=95, subsampling=0
        ),
        tolerance=3,
    ),
    Kind("arithmetic.jpg", lambda: ARITHMETIC, "like baseline-444.jpg", 3),
    Kind("arithmetic-progressive.jpg", lambda: ARITHMETIC_PROGRESSIVE, "like baseline-444.jpg", 3),
    Kind("comment.jpg", lambda: with_segment(plain(), 0xFE, b"\xff\xd9 a comment"), tolerance=3),
    Kind(
        "lossless.jpg",
        lossless,
        "spec",
        0,
        expected=lambda: [(*map(int, c), 255) for c in patches.COLORS.reshape(-1, 3)],
    ),
    Kind("twelve-bits.jpg", twelve_bits, refused="12 bits"),
    Kind("cut-in-half.jpg", partial(cut, 0.5), refused="incomplete|damaged"),
    Kind("cut-in-half-progressive.jpg", partial(cut, 0.5, progressive=True), refused="incomplete|damaged"),
    Kind("cut-at-nine-tenths.jpg", partial(cut, 0.9), refused="incomplete|damaged"),
]
