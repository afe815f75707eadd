"""Large PNGs of 8 bits are decoded by another decoder than Pillow's: both must agree, and what it lacks is Pillow's."""

import io
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from pymager.engine import png8
from pymager.errors import PictureError
from tests.engine.handmade import GRAY, GRAY_ALPHA, PALETTE, PNG, RGB, RGBA, chunk, header
from tests.engine.hostile import HOSTILE
from tests.engine.rendering import inspected, rendered
from tests.pictures import encoded

CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
COVERED = (GRAY, RGB, PALETTE, RGBA)
WIDTH, HEIGHT = 37, 29
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7 (section 8.1): the first column and row, and the distances."""
TRANSPARENT = {GRAY: struct.pack(">H", 7), RGB: struct.pack(">3H", 1, 2, 3), PALETTE: bytes(range(0, 250, 10))}


@pytest.fixture(autouse=True)
def _also_small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png8, "_MIN_PIXELS", 1)


def _rows(width: int, height: int, channels: int, filters: int | None) -> bytes:
    """Random bytes are valid filtered rows. `filters` is the type of all rows; None takes all types in turn."""
    dice = random.Random(width * height)
    return b"".join(
        bytes([row % 5 if filters is None else filters]) + dice.randbytes(width * channels) for row in range(height)
    )


def _pixels(channels: int, filters: int | None, *, interlaced: bool) -> bytes:
    if not interlaced:
        return _rows(WIDTH, HEIGHT, channels, filters)
    sizes = [(-(-(WIDTH - x) // dx), -(-(HEIGHT - y) // dy)) for x, y, dx, dy in PASSES]
    return b"".join(_rows(*size, channels, filters) for size in sizes)


def _png(
    kind: int,
    pixels: bytes,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
    parts: int = 1,
    compressed: bytes | None = None,
) -> bytes:
    """A PNG whose pixels are in so many chunks."""
    head = bytearray(header(WIDTH, HEIGHT, 8, kind))
    head[20] = interlaced
    head[-4:] = struct.pack(">I", zlib.crc32(head[4:-4]))
    data = zlib.compress(pixels) if compressed is None else compressed
    step = -(-len(data) // parts)
    chunks = b"".join(chunk(b"IDAT", data[start : start + step]) for start in range(0, len(data), step))
    palette = chunk(b"PLTE", bytes(range(3, 153))) if kind == PALETTE else b""
    return PNG + bytes(head) + palette + before + chunks + after + chunk(b"IEND")


def _loaded(data: bytes) -> tuple[bool, ImageFile.ImageFile]:
    """Whether the decoder took the picture, and the picture."""
    file = io.BytesIO(data)
    picture = Image.open(file)
    assert isinstance(picture, ImageFile.ImageFile)
    return png8.load(picture, file), picture


def _assert_equal_to_pillow(data: bytes) -> None:
    taken, picture = _loaded(data)
    assert taken
    with Image.open(io.BytesIO(data)) as expected:
        expected.load()
        assert (picture.mode, picture.size, picture.info) == (expected.mode, expected.size, expected.info)
        assert picture.tobytes() == expected.tobytes()
        assert picture.getpalette("RGB") == expected.getpalette("RGB")
        assert picture.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()


@pytest.mark.parametrize("kind", COVERED)
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("filters", [0, 1, 2, 3, 4, None])
def test_pixels_are_those_of_pillow(kind: int, interlaced: bool, filters: int | None) -> None:
    pixels = _pixels(CHANNELS[kind], filters, interlaced=interlaced)
    _assert_equal_to_pillow(_png(kind, pixels, interlaced=interlaced))


@pytest.mark.parametrize("kind", TRANSPARENT)
@pytest.mark.parametrize("interlaced", [False, True])
def test_transparent_colors_are_those_of_pillow(kind: int, interlaced: bool) -> None:
    pixels = _pixels(CHANNELS[kind], 0, interlaced=interlaced)
    _assert_equal_to_pillow(_png(kind, pixels, interlaced=interlaced, before=chunk(b"tRNS", TRANSPARENT[kind])))


@pytest.mark.parametrize("kind", COVERED)
def test_pixels_in_many_chunks_and_chunks_around_them_are_read(kind: int) -> None:
    before = chunk(b"gAMA", struct.pack(">I", 45_455)) + chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1))
    after = chunk(b"tEXt", b"Copyright\0Ada") + chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    data = _png(kind, _pixels(CHANNELS[kind], None, interlaced=False), before=before, after=after, parts=50)
    _assert_equal_to_pillow(data)
    assert _loaded(data)[1].info["Copyright"] == "Ada"


def test_bytes_after_the_last_pixel_are_ignored_as_pillow_does() -> None:
    pixels = _pixels(3, 1, interlaced=False)
    _assert_equal_to_pillow(_png(RGB, pixels + bytes(5_000)))
    _assert_equal_to_pillow(_png(RGB, b"", compressed=zlib.compress(pixels) + b"more"))


def _uncovered() -> Iterator[tuple[str, bytes]]:
    pixels = _pixels(3, 0, interlaced=False)
    yield "gray with alpha", _png(GRAY_ALPHA, _pixels(2, 0, interlaced=False))
    yield "animated", _png(RGB, pixels, before=chunk(b"acTL", struct.pack(">II", 1, 0)))
    wrong = bytearray(_png(RGB, pixels))
    wrong[-14] ^= 1  # in the checksum of the pixels
    yield "wrong checksum", bytes(wrong)
    yield "without an end", _png(RGB, pixels)[:-12]
    for mode, name in (("1", "1 bit"), ("I;16", "16 bits")):
        out = io.BytesIO()
        Image.new(mode, (WIDTH, HEIGHT), 1).save(out, "PNG")
        yield name, out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"), list(_uncovered()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_other_kinds_are_left_to_pillow(name: str, data: bytes) -> None:
    taken, picture = _loaded(data)
    assert not taken
    with Image.open(io.BytesIO(data)) as expected:
        assert picture.tobytes() == expected.tobytes()


INCOMPLETE = {
    "a row is missing": zlib.compress(_pixels(3, 0, interlaced=False)[: -(WIDTH * 3 + 1)]),
    "a byte is missing": zlib.compress(_pixels(3, 0, interlaced=False)[:-1]),
    "the data is cut": zlib.compress(_pixels(3, 0, interlaced=False))[:1_000],
    "nothing": zlib.compress(b""),
    "not compressed": b"\xff" * 100,
    "a filter that does not exist": zlib.compress(b"\7" + _pixels(3, 0, interlaced=False)[1:]),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_picture_that_lacks_pixels_is_not_taken_and_refused(name: str) -> None:
    data = _png(RGB, b"", compressed=INCOMPLETE[name])
    assert not _loaded(data)[0]
    with pytest.raises(PictureError):
        inspected(data)


def test_an_interlaced_picture_that_lacks_a_pass_is_not_taken_and_refused() -> None:
    data = _png(RGB, _pixels(3, 0, interlaced=True)[: -(WIDTH * 3 + 1)], interlaced=True)
    assert not _loaded(data)[0]
    with pytest.raises(PictureError):
        inspected(data)


@pytest.mark.parametrize("name", sorted(name for name in HOSTILE if "png" in name))
def test_hostile_files_are_judged_as_without_the_decoder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = HOSTILE[name]()
    verdicts = []
    for smallest in (1, 1 << 62):
        monkeypatch.setattr(png8, "_MIN_PIXELS", smallest)
        try:
            verdicts.append(repr(inspected(data)))
        except PictureError as error:
            verdicts.append(repr(error))
    assert verdicts[0] == verdicts[1]


def test_a_picture_cut_anywhere_and_with_any_byte_changed_is_shown_as_pillow_shows_it_or_refused() -> None:
    """What the decoder takes, Pillow shows with the same pixels, or refuses for a checksum of the pixels' bytes."""
    whole = _png(RGB, _pixels(3, None, interlaced=False), parts=3)
    dice = random.Random(7)
    taken_ones = 0
    for _ in range(600):
        data = bytearray(whole[: dice.randrange(60, len(whole) + 1)] if dice.random() < 0.3 else whole)
        if dice.random() < 0.9:
            data[dice.randrange(33, len(data))] = dice.randrange(256)
        try:
            taken, picture = _loaded(bytes(data))
        except (OSError, SyntaxError):
            continue
        if taken:
            taken_ones += 1
            with Image.open(io.BytesIO(bytes(data))) as expected:
                assert picture.tobytes() == expected.tobytes()
    assert taken_ones > 5


def test_small_pictures_and_huge_ones_are_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _png(RGB, _pixels(3, 0, interlaced=False))
    monkeypatch.setattr(png8, "_MAX_PIXELS", WIDTH * HEIGHT - 1)
    assert not _loaded(data)[0]
    monkeypatch.setattr(png8, "_MAX_PIXELS", WIDTH * HEIGHT)
    assert _loaded(data)[0]
    monkeypatch.setattr(png8, "_MIN_PIXELS", WIDTH * HEIGHT + 1)
    assert not _loaded(data)[0]


_DECODE_WITH_LITTLE_MEMORY = """
import resource
import sys
from pathlib import Path

import kornia_rs.io, numpy
from PIL import Image

from pymager.engine import png8

with open(sys.argv[1], "rb") as file, Image.open(file) as picture:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), hard))
    print(png8.load(picture, file))
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    print(picture.getpixel((3_999, 2_999)))
"""


def test_a_picture_for_which_the_memory_is_too_small_is_left_to_pillow(tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(encoded(Image.new("RGBA", (4_000, 3_000), (1, 2, 3, 4)), "PNG"))
    command = [sys.executable, "-c", _DECODE_WITH_LITTLE_MEMORY, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["False", "(1, 2, 3, 4)", ""]


@pytest.mark.parametrize("kind", COVERED)
def test_a_variant_has_the_same_bytes_with_both_decoders(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = chunk(b"tRNS", TRANSPARENT[kind]) if kind in TRANSPARENT else b""
    data = _png(kind, _pixels(CHANNELS[kind], 1, interlaced=False), before=before)
    variants = []
    for smallest in (1, 1 << 62):
        monkeypatch.setattr(png8, "_MIN_PIXELS", smallest)
        variants.append([rendered(data, 20, 15), rendered(data, 20, 15, blur=0.5), rendered(data, WIDTH, HEIGHT)])
    assert variants[0] == variants[1]
