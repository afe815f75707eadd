"""Kinds of GIF, WebP and AVIF (GIF89a; RFC 9649; AV1 Image File Format 1.1, MIAF)."""

import base64
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from tests.engine import handmade
from tests.engine.fidelity import boxes, patches, profiles
from tests.engine.fidelity import jpeg_kinds as jpeg
from tests.engine.fidelity.kind import Kind
from tests.pictures import encoded

RGB, RGBA, GRAY = patches.RGB, patches.RGBA, patches.GRAY


# The patches at twice their size with 12 bits, encoded by libheif's `heif-enc -A -b 12` 1.15.1 from a PNG of 16 bits.
TWELVE_BITS = base64.b64decode(
    "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOptZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA"
    "AAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAEOAAEAAAAAAAAAagAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGF2MDEAAAAAamlwcnAA"
    "AABLaXBjbwAAABNjb2xybmNseAACAAIABoAAAAAMYXYxQ4FAbAAAAAAUaXNwZQAAAAAAAABgAAAAYAAAABBwaXhpAAAAAAMMDAwAAAAXaXBtYQ"
    "AAAAAAAAABAAEEgYIDhAAAAHJtZGF0EgAKClgZr99jQICBuEAyWhBgAEEEEQC0VVcY2ZUG07S3Tj1f2pghnqSFEYcPri7CJ4/l9bKRCiAu6mxw"
    "UrYb3pKwZoYvu3F8VUMfCYW+N46GwdR+tumG6qzWcOwxO42PjBSsAKoDT4BpEw=="
)


def saved(pixels: Any, format: str, **options: Any) -> bytes:
    return encoded(patches.picture(pixels), format, **options)


def gif(**options: Any) -> bytes:
    return encoded(patches.picture().quantize(16), "GIF", **options)


def transparent_gif() -> bytes:
    picture = patches.picture().quantize(16)
    return encoded(picture, "GIF", transparency=picture.getpixel((40, 20)))


def moved_gif() -> bytes:
    """A first frame that covers the middle only."""
    palette = bytes((200, 100, 50, 40, 160, 90, 60, 80, 200, 255, 255, 255))
    return handmade.gif(48, 48, [handmade.gif_frame(16, 16, 16, 16, 1)], palette)


def local_palette_gif() -> bytes:
    frame = handmade.gif_frame(0, 0, 48, 48, 2)
    descriptor, rest = frame[:9], frame[10:]
    return handmade.gif(
        48, 48, [descriptor + b"\x81" + bytes((1, 2, 3, 4, 5, 6, 180, 60, 160, 7, 8, 9)) + rest], bytes(12)
    )


def frames(count: int = 3) -> list[Image.Image]:
    return [patches.picture(np.roll(RGB, 16 * (n + 1), axis=1)) for n in range(count - 1)]


def animated(format: str, **options: Any) -> bytes:
    return encoded(patches.picture(), format, save_all=True, append_images=frames(), duration=100, **options)


def avif(pixels: Any = RGB, **options: Any) -> bytes:
    return saved(pixels, "AVIF", **{"quality": 95, "subsampling": "4:4:4", "speed": 8, **options})


def exif(number: int) -> bytes:
    return jpeg.exif(">", {0x0112: (3, number)})


def seen(pixels: Any = RGB) -> list[tuple[int, ...]]:
    return patches.middles(patches.picture(np.ascontiguousarray(pixels)))


def cropped(width: int, height: int, x: tuple[int, int], y: tuple[int, int], *more: bytes, **options: Any) -> bytes:
    return boxes.with_properties(avif(**options), boxes.clean_aperture(width, height, x, y), *more)


KINDS = [
    Kind("plain.gif", gif),
    Kind("interlaced.gif", partial(gif, interlace=1)),
    Kind("transparent.gif", transparent_gif),
    Kind("gray.gif", lambda: saved(GRAY, "GIF")),
    Kind("moved.gif", moved_gif),
    Kind("local-palette.gif", local_palette_gif),
    Kind("animated.gif", partial(animated, "GIF")),
    Kind("without-trailer.gif", lambda: gif()[:-1]),
    Kind("animated-without-trailer.gif", lambda: animated("GIF")[:-1]),
    Kind("cut-in-first-frame.gif", lambda: gif()[:-60], refused="incomplete|damaged"),
    Kind("bytes-after-end.gif", lambda: gif() + b"anything" * 20),
    Kind("comment.gif", lambda: gif(comment=b"; a comment")),
    Kind(
        "gif87.gif",
        lambda: handmade.gif(
            48, 48, [handmade.gif_frame(0, 0, 48, 48, 2)], bytes((0, 0, 0, 9, 9, 9, 200, 100, 50, 1, 1, 1))
        ).replace(b"GIF89a", b"GIF87a"),
    ),
    Kind("lossy.webp", lambda: saved(RGB, "WEBP", quality=95), tolerance=3),
    Kind("lossless.webp", lambda: saved(RGB, "WEBP", lossless=True)),
    Kind("lossy-alpha.webp", lambda: saved(RGBA, "WEBP", quality=95), tolerance=3),
    Kind("lossless-alpha.webp", lambda: saved(RGBA, "WEBP", lossless=True, exact=True)),
    Kind("icc.webp", lambda: saved(RGB, "WEBP", lossless=True, icc_profile=profiles.DISPLAY_P3)),
    Kind("icc-alpha.webp", lambda: saved(RGBA, "WEBP", lossless=True, exact=True, icc_profile=profiles.DISPLAY_P3)),
    *(
        Kind(f"exif-{n}.webp", partial(lambda n: saved(RGB, "WEBP", lossless=True, exif=exif(n)), n))
        for n in (1, 3, 6, 8)
    ),
    Kind("animated.webp", partial(animated, "WEBP", lossless=True)),
    Kind("bytes-after-end.webp", lambda: saved(RGB, "WEBP", lossless=True) + b"anything" * 20),
    Kind("cut.webp", lambda: saved(RGB, "WEBP", quality=95)[:-120], refused="incomplete|damaged"),
    Kind("444.avif", avif, tolerance=3),
    Kind("420.avif", partial(avif, subsampling="4:2:0"), tolerance=3),
    Kind("422.avif", partial(avif, subsampling="4:2:2"), tolerance=3),
    Kind("400.avif", partial(avif, GRAY, subsampling="4:0:0"), tolerance=3),
    Kind("12-bits.avif", lambda: TWELVE_BITS, "like 444.avif", 5),
    Kind("limited-range.avif", partial(avif, range="limited"), tolerance=4),
    Kind("alpha.avif", partial(avif, RGBA), "spec", 3, expected=partial(seen, RGBA)),
    Kind("premultiplied.avif", partial(avif, RGBA, alpha_premultiplied=True), "spec", 4, expected=partial(seen, RGBA)),
    Kind("icc.avif", partial(avif, icc_profile=profiles.DISPLAY_P3), tolerance=3),
    *(Kind(f"turned-{n}.avif", partial(lambda n: avif(exif=exif(n)), n), tolerance=3) for n in range(1, 9)),
    Kind(
        "display-p3.avif",
        lambda: boxes.with_properties(avif(), boxes.code_points(12, 13, 6), replace=(b"colr",)),
        tolerance=4,
    ),
    Kind(
        "bt2020.avif",
        lambda: boxes.with_properties(avif(), boxes.code_points(9, 13, 6), replace=(b"colr",)),
        tolerance=4,
    ),
    Kind(
        "linear.avif",
        lambda: boxes.with_properties(avif(), boxes.code_points(1, 8, 6), replace=(b"colr",)),
        tolerance=5,
    ),
    Kind(
        "bt709.avif", lambda: boxes.with_properties(avif(), boxes.code_points(1, 1, 6), replace=(b"colr",)), tolerance=5
    ),
    Kind(
        "unspecified.avif",
        lambda: boxes.with_properties(avif(), boxes.code_points(2, 2, 6), replace=(b"colr",)),
        tolerance=4,
    ),
    Kind("cropped.avif", partial(cropped, 32, 16, (-8, 1), (0, 1)), "spec", 3, expected=partial(seen, RGB[16:32, :32])),
    Kind("cropped-corner.avif", partial(cropped, 16, 16, (-16, 1), (-16, 1)), tolerance=3),
    Kind("cropped-420.avif", partial(cropped, 32, 32, (-8, 1), (-8, 1), subsampling="4:2:0"), tolerance=3),
    Kind("cropped-odd.avif", partial(cropped, 31, 33, (-17, 2), (-15, 2)), tolerance=3),
    Kind(
        "cropped-and-turned.avif",
        partial(cropped, 32, 16, (-8, 1), (0, 1), boxes.box(b"irot", b"\1")),
        "spec",
        3,
        expected=lambda: seen(np.rot90(RGB[16:32, :32])),
    ),
    Kind(
        "cropped-outside.avif",
        lambda: boxes.with_properties(avif(), boxes.clean_aperture(64, 64, (0, 1), (0, 1))),
        tolerance=3,
    ),
    Kind("animated.avif", partial(animated, "AVIF", quality=95, subsampling="4:4:4"), "spec", 4, expected=seen),
    Kind(
        "unknown-box.avif",
        lambda: (lambda data: data[:32] + data[32:] + boxes.box(b"abcd", b"x" * 30))(avif()),
        tolerance=3,
    ),
    Kind("cut.avif", lambda: avif()[:-100], refused="incomplete|damaged"),
]
