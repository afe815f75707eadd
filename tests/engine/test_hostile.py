"""Hostile files are refused before they cost much time or memory; only pictures are accepted."""

import resource
import struct
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pymager.engine.inspect import read_header
from pymager.engine.limits import PictureLimits
from pymager.errors import NotAPicture, PictureError, Undecodable
from tests.engine import bombs, handmade
from tests.engine.checks import four_colors
from tests.engine.hostile import HARMLESS, HOSTILE
from tests.engine.rendering import ALL, format_and_size, inspected, opened, rendered
from tests.pictures import encoded, jpeg


@cache
def made(name: str) -> bytes:
    return HOSTILE[name]()


def test_hostile_files_are_many_and_small() -> None:
    assert len(HOSTILE) > 30
    assert all(len(made(name)) < 5_000_000 for name in HOSTILE)


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - HARMLESS))
def test_a_hostile_file_is_refused_without_decoding_it(name: str) -> None:
    data = made(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(PictureError) as upload:
        inspected(data)
    with pytest.raises(PictureError):
        rendered(data, 40, 30)
    assert time.process_time() - start < 5  # some would take minutes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB; some would take gigabytes
    assert "/" not in str(upload.value)


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_an_unusual_picture_is_accepted(name: str) -> None:
    data = made(name)
    found = inspected(data)
    assert found.width * found.height > 65_000
    assert rendered(data, 40, 30)


@pytest.mark.parametrize(
    "name",
    [
        "jpeg_of_10000_scans",
        "jpeg_of_large_size_and_many_scans",
        "webp_of_34_bytes",
        "gif_of_100000_frames",
        "tiff_of_40000_directories",
        "tiff_of_a_huge_tile",
        "png_of_200000_texts",
        "ico_of_a_huge_png",
        "avif_of_a_large_grid",
        "ppm_of_a_long_comment",
        "pbm_of_white_space",
        "ppm_of_many_comments",
        "tiff_of_short_strips",
    ],
)
def test_the_message_names_the_limit_that_a_file_exceeds(name: str) -> None:
    with pytest.raises(Undecodable, match=r"\d"):
        inspected(made(name))


def test_what_is_just_within_the_limits_on_headers_is_accepted() -> None:
    comment = b"#" + b"a" * 65_300 + b"\n"
    for kind, size, pixels in (
        (b"P6", b"2 1 255\n", bytes(6)),
        (b"P4", b"2 1\n", bytes(1)),
        (b"P3", b"2 1 9 ", b"0 " * 6),
    ):
        assert format_and_size(kind + b"\n" + comment + size + pixels + b" " * 700) == ("ppm", 2, 1)
    assert format_and_size(bombs.avif_of_a_grid(37, 27)) == ("avif", 2_368, 1_728)
    assert format_and_size(bombs.tiff_of_short_strips(100_000)) == ("tiff", 1, 100_000)


@pytest.mark.parametrize(
    ("make", "height", "kind"),
    [
        (bombs.ppm_of_text, 1_100, "PPM in decimal digits"),
        (bombs.ppm_of_an_odd_maximum, 1_100, "PPM whose largest value is not 255"),
        (bombs.bmp_of_short_runs, 2_100, "BMP in run-length encoding"),
    ],
    ids=["digits", "odd maximum", "runs"],
)
def test_an_encoding_that_takes_long_to_decode_is_accepted_with_fewer_pixels_and_still_rendered(
    make: Callable[[int, int], bytes], height: int, kind: str
) -> None:
    data = make(2_000, height)
    with pytest.raises(Undecodable, match=f"{kind} of {2_000 * height} pixels"):
        inspected(data)
    assert opened(rendered(data, 8, 4)).size == (8, 4), "it may have been accepted before"


@pytest.mark.parametrize("header", [b"P6 +2000 0001100 +254\n", b"P6 2_000 1_100 0254\n", b"P0CMYK 2000 1100 254\n"])
def test_no_spelling_of_a_header_hides_a_slow_encoding(header: bytes) -> None:
    with pytest.raises(Undecodable, match="PPM whose largest value is not 255 of 2200000 pixels"):
        inspected(header + bytes(8_800_000))


def test_a_gray_picture_of_16_bits_is_decoded_fast_and_accepted() -> None:
    assert format_and_size(b"P5 2000 1100 65535\n" + bytes(4_400_000)) == ("ppm", 2_000, 1_100)


def test_a_picture_without_pixels_is_refused_with_its_header(tmp_path: Path) -> None:
    """Of 32 bits, which Pillow does not open."""
    tags = {256: 0, 257: 5, 258: 32, 259: 1, 262: 1, 273: 8, 277: 1, 278: 5, 279: 4}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    file = tmp_path / "empty.tiff"
    file.write_bytes(b"II*\0" + struct.pack("<I", 12) + bytes(4) + struct.pack("<H", len(tags)) + entries + bytes(4))
    with pytest.raises(NotAPicture):
        read_header(file, ALL)


def test_pixels_are_counted_exactly() -> None:
    data = encoded(four_colors(40, 30), "PNG")
    assert inspected(data, PictureLimits(ALL.decoders, pixels=1_200)).width == 40
    with pytest.raises(Undecodable, match="40x30 = 1200 pixels; at most 1199"):
        inspected(data, PictureLimits(ALL.decoders, pixels=1_199))
    with pytest.raises(Undecodable):
        rendered(data, 10, 10, limits=PictureLimits(ALL.decoders, pixels=1_199))


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_frames_are_counted_exactly(format: str) -> None:
    frames = [four_colors().rotate(90 * turn) for turn in range(5)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    assert inspected(data, PictureLimits(ALL.decoders, frames=5)).width == 64
    with pytest.raises(Undecodable, match="more than 4 frames"):
        inspected(data, PictureLimits(ALL.decoders, frames=4))


def test_scans_are_counted_exactly() -> None:
    """Pillow's progressive JPEGs in color have ten."""
    data = jpeg(200, 100, progressive=True)
    assert inspected(data, PictureLimits(ALL.decoders, scans=10)).width == 200
    with pytest.raises(Undecodable, match="more than 9 scans"):
        inspected(data, PictureLimits(ALL.decoders, scans=9))


def test_bytes_like_a_scan_inside_a_segment_are_not_counted() -> None:
    plain = jpeg(200, 100)
    comment = b"\xff\xda\xff\xd9" * 1_000
    data = plain[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + plain[2:]
    assert inspected(data, PictureLimits(ALL.decoders, scans=1)).width == 200


def test_a_decoder_that_runs_out_of_memory_raises_memory_error() -> None:
    """A gigapixel does not fit into the address space that is left; `pymager.engine.worker` makes the message."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    data = handmade.PNG + handmade.header(32_000, 32_000, 8, handmade.RGBA) + handmade.chunk(b"IDAT", b"")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (128 << 20), hard))
    try:
        with pytest.raises(MemoryError):
            inspected(data + handmade.chunk(b"IEND"), PictureLimits(ALL.decoders, pixels=10**10))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_picture_of_a_format_that_is_not_accepted_is_refused() -> None:
    with pytest.raises(NotAPicture, match="accepted formats: png, jpeg"):
        inspected(encoded(four_colors(), "GIF"), PictureLimits(("PNG", "JPEG", "MPO")))
