"""Every input becomes every output, and what comes out is a picture and nothing else."""

import struct
from typing import Any

import pytest
from PIL import Image

from pymager import formats
from tests.engine import handmade
from tests.engine.checks import four_colours
from tests.engine.rendering import inspected, near, opened, quadrants, rendered
from tests.engine.test_inspect import SAMPLES
from tests.pictures import encoded, photograph

OUTPUTS = sorted({format.name for format in formats.OUTPUTS.values()})
SECRET = b"52.3676N 4.9041E"
_XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"


def _exif() -> bytes:
    """EXIF with a description and a position (tag 0x8825), both of which hold the secret."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[29] = SECRET.decode()
    return exif.tobytes()


def _profile() -> bytes:
    profile = handmade.matrix_profile(handmade.SRGB_GREEN, handmade.SRGB_RED, handmade.SRGB_BLUE, 1.0)
    return profile + SECRET


def tell_tales() -> dict[str, bytes]:
    """Pictures with the secret wherever a format can hide it."""
    picture = photograph(80, 60)
    marks = {"exif": _exif(), "icc_profile": _profile(), "xmp": _XMP}
    texts = handmade.chunk(b"tEXt", b"Comment\0" + SECRET) + handmade.chunk(b"iTXt", b"a\0\0\0\0\0" + SECRET)
    late = texts + handmade.chunk(b"eXIf", _exif().removeprefix(b"Exif\0\0"))
    png = encoded(picture, "PNG", **marks)
    return {
        "jpeg": encoded(picture, "JPEG", comment=SECRET, dpi=(300, 300), **marks) + SECRET,
        "png": png[:-12] + late + png[-12:] + SECRET,
        "webp": encoded(picture, "WEBP", **marks),
        "avif": encoded(picture, "AVIF", **marks),
        "tiff": encoded(picture, "TIFF", description=SECRET.decode(), **marks),
        "gif": encoded(picture, "GIF", comment=SECRET),
        "jp2": encoded(picture, "JPEG2000", comment=SECRET),
        "ppm": b"P6\n# " + SECRET + b"\n4 4\n255\n" + bytes(48),
        "bmp": encoded(picture, "BMP") + SECRET,
        "tga": encoded(picture, "TGA", id_section=SECRET),
        "ico": encoded(picture, "ICO") + SECRET,
    }


TELL_TALES = tell_tales()


@pytest.mark.parametrize("source", SAMPLES)
@pytest.mark.parametrize("format", OUTPUTS)
def test_every_input_becomes_every_output(source: str, format: str) -> None:
    data = rendered(SAMPLES[source], 50, 40, format)
    picture = opened(data)
    assert picture.size == (50, 40)
    assert formats.BY_DECODER[picture.format or ""].name == format
    assert data
    assert inspected(data).format == format


def test_the_tell_tales_tell() -> None:
    """The test below is worth something: the secret is really in each, and legible."""
    for name, data in TELL_TALES.items():
        assert SECRET in data, name


@pytest.mark.parametrize("source", TELL_TALES)
@pytest.mark.parametrize("format", OUTPUTS)
def test_what_the_original_tells_beside_its_picture_never_leaves(source: str, format: str) -> None:
    original = inspected(TELL_TALES[source])
    for size in ((20, 15), (original.width, original.height)):
        data = rendered(TELL_TALES[source], *size, format)
        assert data is not None
        assert SECRET not in data
        assert not {"exif", "xmp", "icc_profile"} & opened(data).info.keys()
        for name in (b"Exif", b"ICC", b"xmp", b"XMP", b"GPS"):
            assert name not in data.replace(b"\0ICCP", b"")


@pytest.mark.parametrize("source", ["jpeg", "png", "webp", "avif", "gif", "bmp", "ppm", "ico"])
def test_a_picture_that_is_the_answer_already_is_not_made_again(source: str) -> None:
    options = {"sizes": [(64, 48)]} if source == "ico" else {}
    data = encoded(photograph(64, 48), formats.output_of(source).encoder, **options)
    assert rendered(data, 64, 48, source) is None
    assert rendered(data, 48, 64, source) is not None
    assert rendered(data, 64, 48, "png" if source != "png" else "bmp") is not None


def test_a_picture_that_would_be_the_answer_but_for_something_is_made_anew() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    plain, second = photograph(64, 48), photograph(64, 48, 1)
    cases = {
        "turned": ("jpeg", encoded(plain, "JPEG", exif=exif.tobytes())),
        "four inks": ("jpeg", encoded(plain.convert("CMYK"), "JPEG")),
        "two pictures": ("gif", encoded(plain, "GIF", save_all=True, append_images=[second])),
        "two frames": ("png", encoded(plain, "PNG", save_all=True, append_images=[second.copy()])),
        "trailing": ("jpeg", encoded(plain, "JPEG") + b"\0"),
        "thumbnail": ("jpeg", encoded(plain, "JPEG").replace(b"JFIF\0\1\1\0\0\1\0\1\0\0", b"JFXX\0\1\1\0\0\1\0\1\0\0")),
        "16 bits": ("png", handmade.png(64, 48, 16, handmade.GREY, b"\1\2" * 64)),
        "sequence": ("avif", encoded(plain, "AVIF", save_all=True, append_images=[second.copy()])),
    }
    for name, (format, data) in cases.items():
        assert rendered(data, 64, 48, format), name


def test_a_picture_with_bytes_between_its_segments_is_made_anew() -> None:
    plain = encoded(photograph(64, 48), "JPEG")
    assert rendered(plain[:20] + b"hidden" + plain[20:], 64, 48, "jpeg")


def test_an_icon_holds_one_picture_of_the_size() -> None:
    data = rendered(SAMPLES["png"], 200, 40, "ico")
    assert data is not None
    count, width, height = struct.unpack_from("<HBB", data, 4)
    assert (count, width, height) == (1, 200, 40)
    largest = rendered(SAMPLES["png"], 256, 256, "ico")
    assert largest is not None
    assert opened(largest).info["sizes"] == {(256, 256)}


def test_no_more_colours_than_a_gif_has_lose_nothing() -> None:
    found = opened(rendered(encoded(four_colours(), "PNG"), 64, 32, "gif")).convert("RGB")
    assert near(quadrants(found), quadrants(four_colours()), 0)


@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (16, 1)])
def test_the_smallest_pictures_are_written_too(format: str, size: tuple[int, int]) -> None:
    for mode in ("L", "RGB", "RGBA"):
        data = rendered(encoded(Image.new(mode, (5, 5)), "PNG"), *size, format)
        assert opened(data).size == size


@pytest.mark.parametrize("format", OUTPUTS)
def test_alpha_is_written_where_the_format_has_it_and_nowhere_else(format: str) -> None:
    data = rendered(encoded(Image.new("RGBA", (40, 40), (200, 0, 0, 0)), "PNG"), 20, 20, format)
    hidden = opened(data).convert("RGBA").getpixel((10, 10))
    assert isinstance(hidden, tuple)
    assert (hidden[3] == 0) == formats.output_of(format).has_transparency


def test_alpha_that_hides_nothing_is_not_written() -> None:
    data = encoded(four_colours().convert("RGBA"), "PNG")
    assert opened(rendered(data, 20, 20, "png")).mode == "RGB"


@pytest.mark.parametrize(
    ("format", "setting", "low", "high"),
    [
        ("jpeg", "jpeg_quality", 20, 90),
        ("webp", "webp_quality", 20, 90),
        ("webp", "webp_method", 0, 6),
        ("avif", "avif_quality", 20, 90),
        ("avif", "avif_speed", 6, 10),
        ("jp2", "jp2_quality", 20, 45),
    ],
)
def test_each_setting_has_an_effect(format: str, setting: str, low: int, high: int) -> None:
    values: list[dict[str, Any]] = [{setting: low}, {setting: high}]
    lower, higher = (rendered(SAMPLES["png"], 80, 60, format, **value) for value in values)
    assert lower and higher and len(lower) != len(higher)
    if setting.endswith("quality"):
        assert len(lower) < len(higher)
