"""Animations and single frames through the whole pipeline."""

import io
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.render import render
from pymager.errors import FrameNotFound, NotAPicture, PictureError, VariantTooLarge
from pymager.formats import Encoding
from pymager.variants.variant import Variant
from tests.engine import moving
from tests.engine.handmade import SRGB_BLUE, SRGB_GREEN, SRGB_RED, chunk, matrix_profile
from tests.engine.hostile import HOSTILE
from tests.engine.moving import premultiplied
from tests.engine.rendering import ALL, inspected, job_rendered, opened, rendered
from tests.engine.test_animations import FORMATS, TOLERANCES, TRICKY_APNGS, TRICKY_GIFS, TRICKY_WEBPS, assert_alike
from tests.pictures import encoded

SIZE = (96, 64)


def animated(data: bytes, width: int, height: int, format: str, **options: Any) -> moving.Film:
    variant = rendered(data, width, height, format, animated=True, **options)
    assert variant is not None
    return moving.read(variant)


def still(picture: moving.Pixels) -> bytes:
    """A frame as a PNG."""
    pixels = picture.astype(np.float64)
    pixels[:, :, :3] *= 255 / np.maximum(pixels[:, :, 3:], 1)
    return encoded(Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8)), "PNG")


@pytest.mark.parametrize(("source", "target"), [*product(FORMATS, FORMATS)])
def test_an_animation_keeps_its_frames_times_and_plays_in_every_format(source: str, target: str) -> None:
    data = moving.original(source, alpha=True, plays=3)
    film = animated(data, *SIZE, target)
    tolerance = TOLERANCES[target] + (TOLERANCES["avif"] if source == "avif" else 0)
    assert_alike(film, moving.read(data), tolerance, 10 if target == "gif" else 1)


OPTIONS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "smaller": (48, 32, {}),
    "cover": (30, 30, {}),
    "contain": (64, 64, {"fit": "contain"}),
    "contain with a color": (64, 64, {"fit": "contain", "bg": "204060"}),
    "one side": (48, 0, {}),
    "crop": (32, 32, {"crop": "10p,10p,50p,50p"}),
    "rotate": (32, 48, {"rotate": 90}),
    "flip": (48, 32, {"flip": "h", "gravity": "west"}),
}


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_frame_goes_through_the_same_steps_as_a_still_picture(name: str, alpha: bool) -> None:
    width, height, options = OPTIONS[name]
    data = moving.original("webp", alpha=alpha, plays=0)
    film, original = animated(data, width, height, "png", **options), moving.read(data)
    assert len(film.frames) == len(original.frames)
    for frame, source in zip(film.frames, original.frames, strict=True):
        expected = premultiplied(opened(rendered(still(source), width, height, "png", **options)))
        assert frame.shape == expected.shape
        assert np.abs(frame - expected).max() <= 2


@pytest.mark.parametrize("format", FORMATS)
def test_a_profile_applies_to_every_frame(format: str) -> None:
    """Red and green are exchanged by the profile."""
    profile = matrix_profile(SRGB_GREEN, SRGB_RED, SRGB_BLUE, 2.2)
    frames = [Image.new("RGB", (16, 16), color) for color in ((250, 10, 10), (10, 250, 10))]
    data = encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50, lossless=True, icc_profile=profile
    )
    red, green = (frame[8, 8] for frame in animated(data, 16, 16, format).frames)
    assert red[1] > 200 > 60 > red[0]
    assert green[0] > 200 > 60 > green[1]


def test_the_gamma_of_an_apng_applies_to_every_frame() -> None:
    parts = [moving.apng_part((0, 0, 8, 8), (128, 128, 128, 255)), moving.apng_part((0, 0, 8, 8), (64, 64, 64, 255))]
    data = moving.apng((8, 8), parts)
    brighter = data[:33] + chunk(b"gAMA", (100_000).to_bytes(4)) + data[33:]
    plain, changed = animated(data, 8, 8, "png"), animated(brighter, 8, 8, "png")
    assert [int(frame[4, 4, 0]) for frame in plain.frames] == [128, 64]
    assert [int(frame[4, 4, 0]) for frame in changed.frames] == [188, 137]


def test_the_orientation_of_an_apng_applies_to_every_frame() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = moving.original("png", alpha=True, plays=0)
    turned = data[:33] + chunk(b"eXIf", exif.tobytes()[6:]) + data[33:]
    plain, film = animated(data, 96, 64, "png"), animated(turned, 64, 96, "png")
    assert len(film.frames) == len(plain.frames) == 6
    for frame, other in zip(film.frames, plain.frames, strict=True):
        assert np.array_equal(frame, np.rot90(other, -1))


@pytest.mark.parametrize("format", ["jpeg", "bmp", "tiff"])
def test_an_animation_in_a_still_format_is_its_first_frame(format: str) -> None:
    data = moving.original("gif", alpha=False, plays=0)
    assert rendered(data, 48, 32, format) == rendered(data, 48, 32, format, animated=False)


@pytest.mark.parametrize("format", FORMATS)
def test_a_still_original_gives_the_still_picture(format: str) -> None:
    data = encoded(moving.scene(0, alpha=True), "PNG")
    assert rendered(data, 48, 32, format, animated=True) == rendered(data, 48, 32, format)


@pytest.mark.parametrize("format", FORMATS)
def test_each_frame_can_be_had_alone(format: str) -> None:
    data = moving.original(format, alpha=True, plays=0)
    for number, expected in enumerate(moving.read(data).frames):
        frame = premultiplied(opened(rendered(data, *SIZE, "png", frame=number)))
        assert np.abs(frame - expected).mean() <= (TOLERANCES["avif"] if format == "avif" else 0.5)


@pytest.mark.parametrize("data", [*TRICKY_GIFS.values(), *TRICKY_APNGS.values(), *TRICKY_WEBPS.values()])
def test_each_frame_of_a_tricky_animation_can_be_had_alone(data: bytes) -> None:
    for number, expected in enumerate(moving.read(data).frames[1:], 1):
        frame = premultiplied(opened(rendered(data, 12, 10, "png", frame=number)))
        assert np.abs(frame - expected).max() <= 2


@pytest.mark.parametrize("format", FORMATS)
def test_a_frame_beyond_the_last_is_not_found(format: str) -> None:
    data = moving.original(format, alpha=True, plays=0)
    rendered(data, 8, 8, frame=5)
    for number in (6, 999_999):
        with pytest.raises(FrameNotFound, match=f"no frame or page {number}"):
            rendered(data, 8, 8, frame=number)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000"])
def test_a_still_picture_has_one_frame(format: str) -> None:
    data = encoded(moving.scene(0, alpha=False), format)
    assert rendered(data, 9, 8, frame=0) == rendered(data, 9, 8)
    with pytest.raises(FrameNotFound):
        rendered(data, 9, 8, frame=1)


def test_the_pages_of_a_tiff_are_frames() -> None:
    """Of all kinds: those that Pillow reads, and those that pymager decodes itself."""
    gray = np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (30, 1))
    pages = [
        Image.fromarray(gray),
        Image.fromarray(np.dstack([gray, gray[:, ::-1], gray])),
        Image.fromarray(gray.astype(np.float32) / 255),
        Image.fromarray(np.dstack([gray[::-1], gray, gray[:, ::-1]])).convert("CMYK"),
        Image.fromarray(gray.astype(np.uint16) * 257),
    ]
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
        data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression=compression)
        for number, page in enumerate(pages):
            alone = rendered(encoded(page, "TIFF", compression=compression), 20, 15)
            assert rendered(data, 20, 15, frame=number) == alone, (compression, number)
        for number in (5, 6, 100):
            with pytest.raises(FrameNotFound):
                rendered(data, 20, 15, frame=number)


def test_a_page_has_its_own_size_orientation_and_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    exchanged = matrix_profile(SRGB_GREEN, SRGB_RED, SRGB_BLUE, 2.2)
    first, second = Image.new("RGB", (40, 30), (9, 9, 9)), Image.new("RGB", (16, 32), (250, 10, 10))
    second.encoderinfo = {"tiffinfo": {274: 6}, "icc_profile": exchanged}
    data = encoded(first, "TIFF", save_all=True, append_images=[second], icc_profile=profile)
    picture = opened(rendered(data, 0, 16, frame=1))
    assert picture.size == (32, 16)
    red, green, _ = picture.convert("RGB").getpixel((8, 8))
    assert green > 200 > 60 > red


def test_the_directories_of_a_tiff_can_form_a_circle() -> None:
    data = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    (start,) = (int.from_bytes(data[4:8], "little"),)
    count = int.from_bytes(data[start : start + 2], "little")
    end = start + 2 + 12 * count
    data[end : end + 4] = start.to_bytes(4, "little")
    assert rendered(bytes(data), 4, 4) is not None
    with pytest.raises(FrameNotFound):
        rendered(bytes(data), 4, 4, frame=1)


def test_a_variant_with_too_many_pixels_in_all_frames_is_refused() -> None:
    data = moving.original("gif", alpha=False, plays=0)
    limits = PictureLimits(ALL.decoders, animation_pixels=6 * 48 * 32)
    assert rendered(data, 48, 32, "gif", limits, animated=True)
    with pytest.raises(VariantTooLarge, match="would have 6 frames of 48x33 = 9504 pixels; at most 9216 are allowed"):
        rendered(data, 48, 33, "gif", limits, animated=True)
    assert rendered(data, 48, 33, "gif", limits, frame=5)
    assert rendered(data, 48, 33, "gif", limits)


def test_an_original_with_too_many_pixels_in_all_frames_is_refused() -> None:
    data = moving.original("gif", alpha=False, plays=0)
    assert rendered(data, 8, 8, "gif", PictureLimits(ALL.decoders, animation_source_pixels=36_864), animated=True)
    limits = PictureLimits(ALL.decoders, animation_source_pixels=36_863)
    with pytest.raises(VariantTooLarge, match="made of 6 frames of 96x64 = 36864 pixels; at most 36863 are allowed"):
        rendered(data, 8, 8, "gif", limits, animated=True)
    assert rendered(data, 8, 8, "gif", limits, frame=5)


def test_the_last_of_a_thousand_small_frames_on_a_large_canvas_is_drawn() -> None:
    parts = [moving.gif_part((number % 50, 0, 1, 1), [1 + number % 3]) for number in range(1000)]
    data = moving.gif((3000, 3000), parts, palette=bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]))
    picture = opened(rendered(data, 3000, 3000, "png", frame=999)).convert("RGBA")
    assert picture.getpixel((49, 0)) == (255, 0, 0, 255)
    assert picture.getpixel((48, 0)) == (0, 0, 255, 255)
    with pytest.raises(VariantTooLarge):
        rendered(data, 10, 10, "gif", animated=True)


@pytest.mark.parametrize("format", FORMATS)
def test_an_animation_whose_later_frames_are_damaged_is_refused(format: str) -> None:
    data = bytearray(moving.original(format, alpha=True, plays=0))
    for position in range(len(data) * 2 // 3, len(data) - 40):
        data[position] ^= 0x5A
    with pytest.raises(PictureError):
        rendered(bytes(data), 24, 16, "png", animated=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_or_rendered(name: str) -> None:
    data = HOSTILE[name]()
    for format, options in (*((format, {"animated": True}) for format in FORMATS), ("png", {"frame": 3})):
        with suppress(PictureError, MemoryError):
            job_rendered(data, RenderJob(Variant(8, 8, format, **options), Encoding()))


def test_errors_of_the_encoder_are_not_errors_of_the_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "original").write_bytes(moving.original("gif", alpha=False, plays=0))
    job = RenderJob(Variant(8, 8, "gif", animated=True), Encoding())
    monkeypatch.setattr("pymager.engine.animation.write_gif._encoded", lambda indexed: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        render(tmp_path / "original", ALL, job)
    with pytest.raises(NotAPicture):
        job_rendered(b"GIF89a", job)


@pytest.mark.parametrize("format", FORMATS)
def test_an_animation_keeps_the_copyright_of_its_original(format: str) -> None:
    exif = Image.Exif()
    exif[0x8298] = "(c) Ada Example"
    pictures = [moving.scene(number, alpha=True) for number in range(6)]
    data = encoded(
        pictures[0], "WEBP", save_all=True, append_images=pictures[1:], duration=50, lossless=True, exif=exif.tobytes()
    )
    plain = rendered(data, 48, 32, format, animated=True)
    kept = rendered(data, 48, 32, format, animated=True, keep_metadata="copyright")
    assert plain is not None
    assert kept is not None
    assert b"Ada Example" not in plain
    assert (kept.count(b"(c) Ada Example") >= 2) is (format != "gif"), "in EXIF and in XMP"
    film, other = moving.read(kept), moving.read(plain)
    assert film.milliseconds == other.milliseconds
    for frame, same in zip(film.frames, other.frames, strict=True):
        assert np.array_equal(frame, same)
    if format != "gif":
        with Image.open(io.BytesIO(kept)) as picture:
            assert picture.getexif()[0x8298] == "(c) Ada Example"
            assert getattr(picture, "n_frames", 1) == 6


def test_the_description_counts_the_frames_that_a_variant_has() -> None:
    for format in FORMATS:
        assert inspected(moving.original(format, alpha=True, plays=0)).description.frames == 6
    for data in (*TRICKY_GIFS.values(), *TRICKY_APNGS.values(), *TRICKY_WEBPS.values()):
        assert inspected(data).description.frames == len(moving.read(data).frames)


def test_a_png_whose_control_chunk_is_missing_or_late_does_not_move() -> None:
    data = TRICKY_APNGS["disposal 0, blend 0"]
    start = data.index(b"acTL") - 4
    control, rest = data[start : start + 20], data[:start] + data[start + 20 :]
    end = rest.index(b"IEND") - 4
    for still in (rest, rest[:end] + control + rest[end:]):
        assert inspected(still).description.frames == 1
        assert rendered(still, 12, 10, animated=True) == rendered(still, 12, 10)
