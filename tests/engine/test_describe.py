"""Descriptions of uploads: frames, transparency, the dominant color, and placeholders."""

import base64
import io
import math
from collections.abc import Iterator
from typing import Any

import fast_thumbhash
import numpy as np
import pytest
from PIL import Image, ImageCms

from pymager.ports import Description
from tests.engine.checks import TURNS
from tests.engine.rendering import inspected, rendered
from tests.engine.test_inspect import SAMPLES
from tests.pictures import encoded, photograph

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_FRAMES = {"animated png": 3, "animated gif": 3, "animated webp": 3, "animated avif": 3, "tiff with several pages": 3}
RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 200, 20), (20, 20, 210), (255, 255, 255)


def described(data: bytes, **options: Any) -> Description:
    return inspected(data, **options).description


def halves(left: Any, right: Any, size: tuple[int, int] = (160, 120), mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, size, right)
    picture.paste(left, (0, 0, size[0] * 3 // 4, size[1]))
    return picture


def blurhash(picture: Image.Image, across: int, down: int) -> str:
    """The BlurHash of an RGB picture, by the algorithm of https://github.com/woltapp/blurhash (Algorithm.md)."""
    levels = np.asarray(picture, dtype=float) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    height, width = linear.shape[:2]
    factors = []
    for y in range(down):
        for x in range(across):
            waves = np.outer(
                np.cos(np.pi * y * np.arange(height) / height), np.cos(np.pi * x * np.arange(width) / width)
            )
            factors.append((linear * waves[..., None]).mean(axis=(0, 1)) * (1 if x == y == 0 else 2))
    largest = max(abs(value) for factor in factors[1:] for value in factor)
    quantized = max(0, min(82, math.floor(largest * 166 - 0.5)))
    scale = (quantized + 1) / 166
    digits = [(across - 1 + (down - 1) * 9, 1), (quantized, 1), (_average(factors[0]), 4)]
    digits += [(_detail(factor / scale), 2) for factor in factors[1:]]
    return "".join(_base83(value, length) for value, length in digits)


def _average(factor: Any) -> int:
    srgb = np.where(factor <= 0.0031308, factor * 12.92, 1.055 * factor ** (1 / 2.4) - 0.055)
    red, green, blue = (int(level * 255 + 0.5) for level in srgb)
    return (red << 16) + (green << 8) + blue


def _detail(factor: Any) -> int:
    red, green, blue = (
        max(0, min(18, math.floor(math.copysign(abs(value) ** 0.5, value) * 9 + 9.5))) for value in factor
    )
    return red * 19 * 19 + green * 19 + blue


def _base83(value: int, length: int) -> str:
    return "".join(_ALPHABET[value // 83**place % 83] for place in reversed(range(length)))


def averages(found: str) -> tuple[int, ...]:
    """The average color and opacity in a ThumbHash, as its library reads them, from 0 to 255."""
    hash = base64.b64decode(found, validate=True)
    return tuple(round(level * 255) for level in fast_thumbhash.thumb_hash_to_average_rgba(hash))


def near(found: Any, expected: Any, tolerance: int) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(found, expected, strict=True))


def levels(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_is_described(name: str) -> None:
    description = described(SAMPLES[name])
    assert description.frames == _FRAMES.get(name, 1)
    assert 5 <= len(base64.b64decode(description.thumbhash, validate=True)) <= 25
    assert len(description.blurhash) == 28
    assert set(description.blurhash) <= set(_ALPHABET)
    assert description.alpha is False or name in ("ico", "svg")
    shown = Image.open(io.BytesIO(rendered(SAMPLES[name], 100, 75) or SAMPLES[name])).convert("RGB").resize((1, 1), 4)
    assert near(averages(description.thumbhash)[:3], shown.getpixel((0, 0)), 24)


def test_several_pictures_that_are_no_animation_are_one_frame() -> None:
    views = encoded(photograph(60, 40), "MPO", save_all=True, append_images=[photograph(60, 40, 1)])
    assert described(views).frames == 1
    assert described(encoded(photograph(64, 64), "ICO", sizes=[(16, 16), (32, 32), (64, 64)])).frames == 1


def _transparent() -> Iterator[tuple[str, bytes, bool]]:
    clear = Image.new("RGBA", (700, 500), (10, 20, 30, 255))
    yield "an alpha channel without use", encoded(clear, "PNG"), False
    clear.putpixel((699, 499), (10, 20, 30, 254))
    yield "the last pixel", encoded(clear, "PNG"), True
    yield "the last pixel of a WebP", encoded(clear, "WEBP", lossless=True, exact=True), True
    yield "the last pixel of a TIFF", encoded(clear, "TIFF"), True
    yield "the last pixel, gray", encoded(clear.convert("LA"), "PNG"), True
    yield "no alpha channel", encoded(clear.convert("RGB"), "PNG"), False
    indexed = halves(1, 0, (64, 64), "P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    yield "an index that is used", encoded(indexed, "PNG", transparency=1), True
    yield "an index that is not used", encoded(indexed, "PNG", transparency=2), False
    yield "an index of a GIF", encoded(indexed, "GIF", transparency=1), True
    yield "a color that is used", encoded(halves(RED, BLUE), "PNG", transparency=BLUE), True
    yield "a color that is not used", encoded(halves(RED, BLUE), "PNG", transparency=GREEN), False
    yield "a JPEG", encoded(photograph(64, 48), "JPEG"), False
    yield "CMYK", encoded(photograph(64, 48).convert("CMYK"), "TIFF"), False
    yield "opaque AVIF", encoded(photograph(64, 48).convert("RGBA"), "AVIF"), False


_TRANSPARENT = {name: (data, expected) for name, data, expected in _transparent()}


@pytest.mark.parametrize("name", _TRANSPARENT)
def test_transparency_is_that_of_pixels(name: str) -> None:
    data, expected = _TRANSPARENT[name]
    assert described(data).alpha is expected


def test_a_frame_that_does_not_cover_the_canvas_is_transparent_around_it() -> None:
    frame = encoded(Image.new("P", (8, 8), 0), "GIF")
    canvas = frame[:6] + (32).to_bytes(2, "little") * 2 + frame[10:]
    description = described(canvas)
    assert description.alpha is True
    assert averages(description.thumbhash)[3] < 64


def test_only_the_first_frame_is_described() -> None:
    red, clear = Image.new("RGBA", (40, 30), (*RED, 255)), Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    description = described(encoded(red, "PNG", save_all=True, append_images=[clear, clear.rotate(90)], duration=50))
    assert (description.alpha, description.dominant) == (False, "#dc1414")


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "TIFF"])
def test_the_dominant_color_of_flat_areas_is_exact(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    assert described(encoded(halves(BLUE, RED), format, **options)).dominant == "#1414d2"


def test_invisible_pixels_have_no_color() -> None:
    picture = halves((*RED, 0), (*GREEN, 255), mode="RGBA")
    assert described(encoded(picture, "PNG")).dominant == "#14c814"
    faint = halves((*RED, 40), (*GREEN, 255), mode="RGBA")  # three times as many pixels, of a sixth of the weight
    assert described(encoded(faint, "PNG")).dominant == "#14c814"


def test_a_clear_picture_has_the_color_of_the_background() -> None:
    clear = encoded(Image.new("RGBA", (30, 20), (*RED, 0)), "PNG")
    assert described(clear, background=(1, 2, 3)).dominant == "#010203"


def test_the_dominant_color_of_noise_around_a_color_is_near_it() -> None:
    noise = np.random.default_rng(5).normal(0, 3, (200, 300, 3))
    picture = Image.fromarray((np.array([200, 120, 40]) + noise).clip(0, 255).astype(np.uint8))
    assert near(levels(described(encoded(picture, "PNG")).dominant), (200, 120, 40), 5)


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (64, 64), (64, 3), (1, 1), (1, 60)])
def test_a_blurhash_is_that_of_the_algorithm(size: tuple[int, int]) -> None:
    for seed in range(3):
        picture = photograph(*size, seed)
        across, down = (3, 4) if size[1] > size[0] else (4, 3)
        assert described(encoded(picture, "PNG")).blurhash == blurhash(picture, across, down)


def test_the_largest_component_of_a_blurhash_counts_with_its_sign_dropped() -> None:
    picture = halves((0, 0, 0), WHITE, (64, 40))  # darker at the left: the first component is negative
    assert described(encoded(picture, "PNG")).blurhash == blurhash(picture, 4, 3)


def test_a_blurhash_is_over_the_background() -> None:
    picture = halves((*RED, 0), (*BLUE, 255), (64, 40), "RGBA")
    expected = blurhash(halves((9, 8, 7), BLUE, (64, 40)), 4, 3)
    assert described(encoded(picture, "PNG"), background=(9, 8, 7)).blurhash == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_placeholders_are_upright(format: str, orientation: int) -> None:
    upright = halves(RED, BLUE, (80, 40))
    turn = TURNS[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    plain, tagged = (described(encoded(picture, format, **options, **lossless)) for picture, options in (
        (upright, {}), (stored, {"exif": exif})
    ))  # fmt: skip
    assert near(base64.b64decode(plain.thumbhash), base64.b64decode(tagged.thumbhash), 1)
    assert tagged.blurhash[0] == plain.blurhash[0] == "L"
    assert near(levels(tagged.dominant), levels(plain.dominant), 2)


def test_colors_are_in_srgb() -> None:
    swapped = ImageCms.ImageCmsProfile(io.BytesIO(_profile_with_swapped_red_and_green()))
    data = encoded(Image.new("RGB", (60, 40), (255, 0, 0)), "PNG", icc_profile=swapped.tobytes())
    shown = Image.open(io.BytesIO(rendered(data, 20, 10) or b"")).convert("RGB").getpixel((5, 5))
    assert shown != (255, 0, 0)
    description = described(data)
    assert near(levels(description.dominant), shown, 1)
    assert near(averages(description.thumbhash)[:3], shown, 12)


def _profile_with_swapped_red_and_green() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA", "LA"])
def test_a_fine_pattern_of_a_large_picture_is_gray(mode: str) -> None:
    for size in ((2000, 1500), (4000, 3000), (3001, 2999)):
        rows, columns = np.indices(size[::-1])
        pattern = Image.fromarray((((rows + columns) % 2) * 255).astype(np.uint8))
        data = encoded(
            pattern.convert("I;16").point(lambda level: level * 257) if mode == "I;16" else pattern.convert(mode), "PNG"
        )
        assert near(averages(described(data).thumbhash)[:3], (128, 128, 128), 16), (mode, size)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3_000_000, 1), (2, 900_000)])
def test_extreme_sizes_are_described(size: tuple[int, int]) -> None:
    found = inspected(encoded(Image.new("RGB", size, RED), "PNG"))
    assert (found.width, found.height) == size
    assert found.description.dominant == "#dc1414"
    assert near(averages(found.description.thumbhash), (*RED, 255), 10)
