"""Every input can become every output, and a variant is a picture without metadata."""

import struct

import pytest
from PIL import Image

from pymager import formats
from pymager.engine.encode import encode
from pymager.engine.jobs import RenderJob
from pymager.formats import Encoding
from pymager.variants.variant import Variant
from tests.engine import handmade
from tests.engine.checks import four_colors
from tests.engine.rendering import inspected, near, opened, quadrants, rendered
from tests.engine.table import OUTPUTS, QUALITIES, extremes
from tests.engine.test_inspect import SAMPLES
from tests.pictures import encoded, photograph

SECRET = b"52.3676N 4.9041E"
_XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"


def _exif() -> bytes:
    """EXIF with the secret in its description and in its GPS position (tag 0x8825)."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[29] = SECRET.decode()
    return exif.tobytes()


def _profile() -> bytes:
    profile = handmade.matrix_profile(handmade.SRGB_GREEN, handmade.SRGB_RED, handmade.SRGB_BLUE, 1.0)
    return profile + SECRET


def with_metadata() -> dict[str, bytes]:
    """Pictures with the secret in every place that a format has for metadata."""
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


WITH_METADATA = with_metadata()


@pytest.mark.parametrize("source", SAMPLES)
@pytest.mark.parametrize("format", OUTPUTS)
def test_every_input_can_become_every_output(source: str, format: str) -> None:
    data = rendered(SAMPLES[source], 50, 40, format)
    picture = opened(data)
    assert picture.size == (50, 40)
    assert formats.BY_DECODER[picture.format or ""].name == format
    assert data
    assert inspected(data).format == format


def test_the_secret_is_legible_in_every_original() -> None:
    for name, data in WITH_METADATA.items():
        assert SECRET in data, name


@pytest.mark.parametrize("source", WITH_METADATA)
@pytest.mark.parametrize("format", OUTPUTS)
def test_a_variant_has_no_metadata_of_its_original(source: str, format: str) -> None:
    original = inspected(WITH_METADATA[source])
    for size in ((20, 15), (original.width, original.height)):
        data = rendered(WITH_METADATA[source], *size, format)
        assert data is not None
        assert SECRET not in data
        assert not {"exif", "xmp", "icc_profile"} & opened(data).info.keys()
        for name in (b"Exif", b"ICC", b"xmp", b"XMP", b"GPS"):
            assert name not in data.replace(b"\0ICCP", b"")


@pytest.mark.parametrize("source", ["jpeg", "png", "webp", "avif", "gif", "bmp", "ppm", "ico"])
def test_an_original_that_already_is_the_variant_is_not_encoded_again(source: str) -> None:
    options = {"sizes": [(64, 48)]} if source == "ico" else {}
    data = encoded(photograph(64, 48), formats.output_of(source).encoder, **options)
    assert rendered(data, 64, 48, source) is None
    assert rendered(data, 48, 64, source) is not None
    assert rendered(data, 64, 48, "png" if source != "png" else "bmp") is not None


def test_an_original_that_is_almost_the_variant_is_encoded_again() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    plain, second = photograph(64, 48), photograph(64, 48, 1)
    cases = {
        "orientation": ("jpeg", encoded(plain, "JPEG", exif=exif.tobytes())),
        "cmyk": ("jpeg", encoded(plain.convert("CMYK"), "JPEG")),
        "two pictures": ("gif", encoded(plain, "GIF", save_all=True, append_images=[second])),
        "two frames": ("png", encoded(plain, "PNG", save_all=True, append_images=[second.copy()])),
        "trailing": ("jpeg", encoded(plain, "JPEG") + b"\0"),
        "thumbnail": ("jpeg", encoded(plain, "JPEG").replace(b"JFIF\0\1\1\0\0\1\0\1\0\0", b"JFXX\0\1\1\0\0\1\0\1\0\0")),
        "16 bits": ("png", handmade.png(64, 48, 16, handmade.GRAY, b"\1\2" * 64)),
        "sequence": ("avif", encoded(plain, "AVIF", save_all=True, append_images=[second.copy()])),
    }
    for name, (format, data) in cases.items():
        assert rendered(data, 64, 48, format), name


def test_a_picture_with_bytes_between_its_segments_is_encoded_again() -> None:
    plain = encoded(photograph(64, 48), "JPEG")
    assert rendered(plain[:20] + b"hidden" + plain[20:], 64, 48, "jpeg")


def test_an_icon_has_one_picture_of_the_size() -> None:
    data = rendered(SAMPLES["png"], 200, 40, "ico")
    assert data is not None
    count, width, height = struct.unpack_from("<HBB", data, 4)
    assert (count, width, height) == (1, 200, 40)
    largest = rendered(SAMPLES["png"], 256, 256, "ico")
    assert largest is not None
    assert opened(largest).info["sizes"] == {(256, 256)}


def test_a_gif_keeps_the_colors_of_a_picture_that_has_few() -> None:
    found = opened(rendered(encoded(four_colors(), "PNG"), 64, 32, "gif")).convert("RGB")
    assert near(quadrants(found), quadrants(four_colors()), 0)


@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (16, 1)])
def test_the_smallest_variants_can_be_encoded(format: str, size: tuple[int, int]) -> None:
    for mode in ("L", "RGB", "RGBA"):
        data = rendered(encoded(Image.new(mode, (5, 5)), "PNG"), *size, format)
        assert opened(data).size == size


@pytest.mark.parametrize("format", OUTPUTS)
def test_alpha_is_written_exactly_if_the_format_has_it(format: str) -> None:
    data = rendered(encoded(Image.new("RGBA", (40, 40), (200, 0, 0, 0)), "PNG"), 20, 20, format)
    hidden = opened(data).convert("RGBA").getpixel((10, 10))
    assert isinstance(hidden, tuple)
    assert (hidden[3] == 0) == formats.output_of(format).has_transparency


def test_an_opaque_alpha_channel_is_not_written() -> None:
    data = encoded(four_colors().convert("RGBA"), "PNG")
    assert opened(rendered(data, 20, 20, "png")).mode == "RGB"


@pytest.mark.parametrize(("format", "setting"), QUALITIES)
def test_a_higher_quality_makes_a_larger_file(format: str, setting: str) -> None:
    lower, higher = (rendered(SAMPLES["png"], 80, 60, format, **{setting: value}) for value in extremes(setting))
    assert lower and higher
    assert len(lower) < len(higher)


@pytest.mark.parametrize("format", OUTPUTS)
def test_an_output_encodes_and_decodes_a_picture_in_each_of_its_modes(format: str) -> None:
    job = RenderJob(Variant(64, 32, format), Encoding())
    for mode in formats.output_of(format).modes:
        picture = four_colors().convert(mode)
        if mode == "RGBA":
            picture.paste((0, 0, 0, 0), (32, 0, 64, 16))
        found = opened(encode(picture.copy(), job)).convert("RGBA")
        visible = found.convert("RGBa"), picture.convert("RGBA").convert("RGBa")
        assert near(quadrants(visible[0]), quadrants(visible[1]), 12), mode


@pytest.mark.parametrize("format", OUTPUTS)
def test_an_output_has_the_largest_side_of_its_row(format: str) -> None:
    longest = formats.output_of(format).max_side
    for width, height in ((longest, 1), (1, longest)):
        job = RenderJob(Variant(width, height, format), Encoding())
        assert opened(encode(Image.new("RGB", (width, height)), job)).size == (width, height)
