"""Files that once were refused, accepted, shown or slow in the wrong way."""

import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from pymager.errors import NotAPicture, PictureError
from tests.engine import handmade
from tests.engine.fidelity import patches, png, tiff
from tests.engine.fidelity.other_kinds import INDEXES, icon
from tests.engine.rendering import inspected, near, opened, quadrants, rendered
from tests.pictures import encoded

MAX_CPU_SECONDS = 5.0
"""What a hostile file may cost here; without the limits it is a minute or more."""


@pytest.mark.parametrize("side", range(1, 9))
def test_a_jpeg_can_be_smaller_than_a_block(side: int) -> None:
    for size in ((side, 20), (20, side), (side, side)):
        data = encoded(Image.new("RGB", size, (200, 100, 50)), "JPEG", quality=95)
        assert (inspected(data).width, inspected(data).height) == size
        assert rendered(data, 4, 4)


def test_a_jpeg_without_its_end_is_rendered_although_an_end_marker_is_elsewhere() -> None:
    whole = encoded(patches.picture(), "JPEG", quality=95)
    data = whole[:2] + b"\xff\xfe\0\4\xff\xd9" + whole[2:-2]
    assert inspected(data).width == 48
    assert rendered(data, 24, 24) == rendered(whole, 24, 24)


@pytest.mark.parametrize("text", [b" \n" * 3_000 + b"a" + b" \n" * 3_000, b"\nexif\n" + b"9" * 100_000])
def test_a_text_that_pretends_to_be_exif_costs_no_time(text: bytes) -> None:
    data = png.png(patches.RGB, png.RGB, png.chunk(b"tEXt", b"Raw profile type exif\0" + text))
    start = time.process_time()
    assert inspected(data).width == 48
    assert time.process_time() - start < MAX_CPU_SECONDS


@pytest.mark.parametrize("gamma", [0.0001, 1.0, 3.0, 42_000.0])
def test_a_gamma_without_meaning_does_not_refuse_a_picture(gamma: float) -> None:
    white = (0.40009, 0.16587, 0.64, 0.33, 0.64, 0.33001, 0.15, 0.06)
    data = png.png(patches.RGB, png.RGB, png.gamma(gamma), png.chromaticities(*white))
    assert rendered(data, 24, 24)
    assert inspected(data).width == 48


def test_a_large_profile_does_not_refuse_a_png() -> None:
    data = encoded(patches.picture(), "PNG", icc_profile=np.random.default_rng(1).bytes(2 << 20))
    assert inspected(data).width == 48


def test_an_interlaced_png_that_lacks_its_last_pass_is_refused() -> None:
    whole = png.png(np.full((9, 9, 3), 200, np.uint8), png.RGB, interlaced=True)
    start = whole.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", whole, start)
    raw = zlib.decompress(whole[start + 8 : start + 8 + length])[: -4 * 28]
    data = whole[:start] + png.chunk(b"IDAT", zlib.compress(raw)) + png.chunk(b"IEND")
    with pytest.raises(NotAPicture):
        inspected(data)


def test_a_png_in_an_icon_that_lacks_rows_is_refused() -> None:
    raw = b"".join(b"\0" + row.tobytes() for row in patches.RGBA[:20])
    inner = (
        handmade.PNG
        + handmade.header(48, 48, 8, handmade.RGBA)
        + png.chunk(b"IDAT", zlib.compress(raw))
        + png.chunk(b"IEND")
    )
    with pytest.raises(NotAPicture):
        inspected(icon((32, inner)))


def test_a_gif_with_a_large_frame_at_an_offset_is_transparent_around_it() -> None:
    data = handmade.gif(40, 40, [handmade.gif_frame(20, 0, 20, 20, 1)], bytes((0, 0, 0, 220, 30, 30, 0, 0, 0, 0, 0, 0)))
    found = quadrants(opened(rendered(data, 20, 20)).convert("RGBA"))
    assert [color[3] for color in found] == [0, 255, 0, 0]


def test_a_palette_of_a_tiff_is_used_in_every_layout() -> None:
    table = np.zeros((256, 3), np.uint16)
    table[:9] = patches.COLORS.reshape(-1, 3).astype(np.uint16) * 257
    tags = {320: (3, tuple(int(value) for value in table.T.reshape(-1)))}
    data = tiff.tiff(INDEXES, tiff.PALETTE, tags=tags, strip_sizes=lambda sizes: [0 for _ in sizes])
    found = patches.middles(opened(rendered(data, 24, 24)))
    assert near(found, [(*map(int, color), 255) for color in patches.COLORS.reshape(-1, 3)], 1)


def test_white_is_zero_in_planes_is_not_a_negative() -> None:
    found = patches.middles(opened(rendered(tiff.tiff(255 - patches.GRAY, tiff.WHITE_IS_ZERO, planar=True), 24, 24)))
    assert near(found, [(int(value),) * 3 + (255,) for value in patches.GRAYS.reshape(-1)], 1)


@pytest.mark.parametrize("type", [np.uint32, np.float32])
def test_lab_with_other_samples_is_refused_by_name(type: type) -> None:
    with pytest.raises(NotAPicture, match=r"L\*a\*b\*"):
        inspected(tiff.tiff(patches.RGB.astype(type), tiff.CIELAB))


def _strips(count: int, compression: int, packed: bytes) -> bytes:
    """A TIFF of 1 x count pixels of 32 bits, in as many strips, all of which are the same bytes."""
    return tiff.tiff(
        np.zeros((1, 1), np.uint32),
        tiff.BLACK_IS_ZERO,
        tags={
            257: (4, (count,)),
            259: (3, (compression,)),
            278: (4, (1,)),
            273: (4, (8,) * count),
            279: (4, (len(packed),) * count),
        },
    )


HOSTILE_TIFFS = {
    "many strips": lambda: _strips(300_000, tiff.NONE, bytes(4)),
    "many packed strips": lambda: _strips(100_000, tiff.LZW, bytes(4)),
    "large tiles": lambda: tiff.tiff(
        np.zeros((1, 100), np.uint16), tiff.BLACK_IS_ZERO, tile=16, tags={322: (4, (16,)), 323: (4, (50_000_000,))}
    ),
    "a large tile": lambda: tiff.tiff(
        np.zeros((1, 1), np.uint32), tiff.BLACK_IS_ZERO, tile=16, tags={322: (4, (10_000,)), 323: (4, (10_000,))}
    ),
    "a tile with signed sides": lambda: tiff.tiff(
        np.zeros((1, 1), np.uint8),
        tiff.BLACK_IS_ZERO,
        tile=16,
        compression=8,
        tags={322: (9, (40_000,)), 323: (9, (40_000,))},
    ),
    "many samples": lambda: tiff.tiff(np.zeros((8, 8), np.uint8), tiff.BLACK_IS_ZERO, tags={277: (4, (50_000_000,))}),
}


@pytest.mark.parametrize("name", HOSTILE_TIFFS)
def test_a_tiff_that_is_much_work_is_refused(name: str) -> None:
    data = HOSTILE_TIFFS[name]()
    start = time.process_time()
    with pytest.raises(PictureError):
        inspected(data)
    assert time.process_time() - start < MAX_CPU_SECONDS
