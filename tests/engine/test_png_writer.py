"""Large PNG variants are written by our own encoder: without loss, and no larger than by Pillow's."""

import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pymager.engine import encode, png_writer
from pymager.engine.animation.read_png import chunks
from pymager.engine.png_writer import write
from tests.engine.rendering import opened, rendered
from tests.pictures import encoded, photograph

PILLOW_LEVEL = 4  # that of smaller variants
MAX_GROWTH = 1.07
"""That of the gray photograph, which is generated and repeats itself. Real ones become smaller."""


def _drawing(width: int, height: int) -> Image.Image:
    """Lines, areas and letters on white."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for row in range(0, height, 12):
        draw.text((3, row), "The quick brown fox jumps over the lazy dog. " * 4, fill=(row % 256, 0, 90))
    draw.rectangle((width // 3, height // 3, width // 2, height // 2), fill=(0, 120, 60))
    return picture


def _noise(width: int, height: int, channels: int) -> Image.Image:
    samples = np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(samples[:, :, 0] if channels == 1 else samples)


def _gradient(width: int, height: int) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


PICTURES = {
    "photograph": photograph(320, 240),
    "gray photograph": photograph(320, 240).convert("L"),
    "drawing": _drawing(320, 240),
    "gray drawing": _drawing(320, 240).convert("L"),
    "gradient": _gradient(320, 240),
    "one color": Image.new("RGB", (320, 240), (1, 2, 3)),
    "noise": _noise(320, 240, 3),
    "gray noise": _noise(320, 240, 1),
    "noise with alpha": _noise(320, 240, 4),
    "one row": _noise(40_000, 1, 3),
    "one column": _noise(1, 40_000, 4),
    "fewer rows than samples": photograph(320, 20),
}


def _with_alpha(picture: Image.Image) -> Image.Image:
    picture = picture.convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


PICTURES["photograph with alpha"] = _with_alpha(PICTURES["photograph"])
PICTURES["drawing with alpha"] = _with_alpha(PICTURES["drawing"])


@pytest.mark.parametrize("name", PICTURES)
def test_no_pixel_changes(name: str) -> None:
    picture = PICTURES[name]
    found = opened(write(picture, {}))
    assert (found.mode, found.size) == (picture.mode, picture.size)
    assert found.tobytes() == picture.tobytes()


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("kind", [0, 2, 4])
@pytest.mark.parametrize("matches", [False, True])
@pytest.mark.parametrize("largest", [0, 1 << 30], ids=["streamed", "at once"])
def test_no_pixel_changes_in_any_way_of_writing(
    name: str, kind: int, matches: bool, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = PICTURES[name]
    monkeypatch.setattr(png_writer, "_best_way", lambda picture: png_writer._Way(kind, matches))
    monkeypatch.setattr(png_writer, "_MAX_MATCHED_BYTES", largest)
    data = write(picture, {})
    assert opened(data).tobytes() == picture.tobytes()
    (rows,) = (zlib.decompress(data[start:end]) for kind, start, end in chunks(data) if kind == b"IDAT")
    assert set(rows[:: len(rows) // picture.height]) == {kind}


@pytest.mark.parametrize("name", PICTURES)
def test_no_pixel_changes_if_the_pixels_need_many_chunks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_writer, "_MAX_MATCHED_BYTES", 0)
    monkeypatch.setattr(png_writer, "_CHUNK_BYTES", 1)
    data = write(PICTURES[name], {})
    assert opened(data).tobytes() == PICTURES[name].tobytes()
    assert name == "one color" or len([kind for kind, _, _ in chunks(data) if kind == b"IDAT"]) > 1


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_is_larger_than_written_by_pillow(name: str) -> None:
    picture = PICTURES[name]
    pillow = encoded(picture, "PNG", compress_level=PILLOW_LEVEL)
    assert len(write(picture, {})) <= MAX_GROWTH * len(pillow) + 20


def test_a_drawing_is_smaller_than_written_by_pillow() -> None:
    pillow = encoded(PICTURES["drawing"], "PNG", compress_level=PILLOW_LEVEL)
    assert len(write(PICTURES["drawing"], {})) < 0.9 * len(pillow)


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert write(PICTURES["photograph"], {}) == write(PICTURES["photograph"].copy(), {})


def test_the_file_has_only_the_chunks_of_the_picture_and_valid_checksums() -> None:
    data = write(PICTURES["drawing"], {"compress_level": PILLOW_LEVEL})
    assert [kind for kind, _, _ in chunks(data)] == [b"IHDR", b"IDAT", b"IEND"]
    for _, start, end in chunks(data):
        assert zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4])


def test_metadata_is_written_as_pillow_writes_it() -> None:
    exif = Image.Exif()
    exif[0x8298] = "Ada"
    options = {"compress_level": PILLOW_LEVEL, "exif": exif.tobytes()}
    picture = PICTURES["photograph with alpha"]
    expected = encoded(picture, "PNG", **options)
    data = write(picture, options)
    assert opened(data).tobytes() == picture.tobytes()
    assert opened(data).getexif() == opened(expected).getexif()
    kinds = [[kind for kind, _, _ in chunks(file) if kind != b"IDAT"] for file in (data, expected)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("difference", [-1, 0])
def test_variants_from_a_number_of_pixels_on_are_written_by_it(
    difference: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "_MIN_PNG_WRITER_PIXELS", 60 * 40 - difference)
    written: list[Image.Image] = []

    def spy(picture: Image.Image, options: dict[str, object]) -> bytes:
        written.append(picture)
        return write(picture, options)

    monkeypatch.setattr(png_writer, "write", spy)
    original = encoded(photograph(200, 150), "PNG")
    assert opened(rendered(original, 60, 40)).size == (60, 40)
    assert len(written) == (1 if difference == 0 else 0)


def test_a_variant_has_the_same_pixels_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    original = encoded(PICTURES["photograph with alpha"], "PNG")
    pixels = []
    for smallest in (1, 1 << 62):
        monkeypatch.setattr(encode, "_MIN_PNG_WRITER_PIXELS", smallest)
        pixels.append(opened(rendered(original, 250, 200)).tobytes())
    assert pixels[0] == pixels[1]
