"""Inspections of uploads."""

import base64

import pytest
from PIL import Image

from pymager.engine.limits import PictureLimits
from pymager.errors import ConfigurationError, NotAPicture
from pymager.formats import FORMATS
from tests.engine import handmade
from tests.engine.checks import four_colors
from tests.engine.rendering import as_rgba, format_and_size, inspected, near, quadrants, rendered
from tests.pictures import encoded, photograph, svg

EVERYTHING = PictureLimits(("*",))

ENCODERS = {row.name: row.output.encoder for row in FORMATS.values() if row.output} | {"pcx": "PCX", "sgi": "SGI"}
"""Pillow's encoders, by the name of the format."""

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAOMAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAOttZGF0AAAA3ygBrwY4jQmtt/Dh///0jz6H9Ch5yV+FHOl/ag7/"
    "/2cgFEUirYmLYq0X2sp3ruVsXgA3C8yH8+gM5Qh1XrxitRCT5MMMkvpaQf/YWB//HJoK9pnMf4p3v/9DiHWqiOdcvyz57MeR08LV"
    "zREwqx3a6eBbEW5Zrw8hbVNXWPBw5GYAH/RmVJ9ZO3/t0TaTL0ejRXhA7bxgADHCDQ69nTu8O3VRUubg5qw9ja4BS1jSIllQQ16n"
    "bwGtJyUZRgPJr4QxjEBs95XEy632Wf7rn3dX5/9zAz01m6nibgTBSfQJ5Pw="
)
"""A HEIC of 64x32 with the four colors of `test_heic_is_decoded`."""


def samples() -> dict[str, bytes]:
    """A picture of every format and of its variations."""
    still, second = photograph(121, 90), photograph(121, 90, 1)
    several = {"save_all": True, "append_images": [second, second.rotate(180)]}
    return {
        **{name: encoded(still, format) for name, format in ENCODERS.items()},
        "progressive jpeg": encoded(still, "JPEG", progressive=True),
        "jpeg with restarts": encoded(still, "JPEG", restart_marker_blocks=2),
        "animated png": encoded(still, "PNG", **several),
        "animated gif": encoded(still, "GIF", **several),
        "animated webp": encoded(still, "WEBP", **several),
        "animated avif": encoded(still, "AVIF", **several),
        "lossless webp": encoded(still, "WEBP", lossless=True),
        "tiff with lzw": encoded(still, "TIFF", compression="tiff_lzw"),
        "tiff with jpeg": encoded(still, "TIFF", compression="jpeg"),
        "fax tiff": encoded(still.convert("1"), "TIFF", compression="group4"),
        "tiff with several pages": encoded(still, "TIFF", **several),
        "big tiff": encoded(still, "TIFF", big_tiff=True),
        "gray ppm": encoded(still.convert("L"), "PPM"),
        "bilevel ppm": encoded(still.convert("1"), "PPM"),
        "ico with bitmaps": encoded(still, "ICO", bitmap_format="bmp"),
        "jpeg 2000 codestream": encoded(still, "JPEG2000", no_jp2=True),
        "run-length tga": encoded(still, "TGA", compression="tga_rle"),
        "heic": HEIC,
        "svg": svg(121, 90),
    }


SAMPLES = samples()


@pytest.mark.parametrize("name", ENCODERS)
def test_an_inspection_returns_format_and_size(name: str) -> None:
    size = (64, 48) if name == "ico" else (121, 90)  # icons come in sizes up to the picture's own
    assert format_and_size(SAMPLES[name]) == (name, *size)


def test_a_jpeg_with_several_pictures_is_a_jpeg() -> None:
    data = encoded(photograph(60, 40), "MPO", save_all=True, append_images=[photograph(60, 40, 1)])
    assert format_and_size(data) == ("jpeg", 60, 40)


def test_heic_is_decoded() -> None:
    assert format_and_size(HEIC) == ("heic", 64, 32)
    expected = [(200, 40, 40, 255), (40, 200, 40, 255), (40, 40, 200, 255), (220, 220, 220, 255)]
    assert near(quadrants(as_rgba(HEIC, 32, 16)), expected, 6)


def test_every_format_has_a_sample() -> None:
    assert {inspected(data).format for data in SAMPLES.values()} == set(FORMATS)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_begins_with_a_signature_of_its_format(name: str) -> None:
    data = SAMPLES[name]
    signatures = FORMATS[inspected(data).format].signatures
    assert not signatures or any(data[each.offset :].startswith(each.magic) for each in signatures)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_that_is_cut_short_is_refused_unless_all_its_pixels_are_there(name: str) -> None:
    data = SAMPLES[name]
    whole, refused = rendered(data, 60, 45), 0
    cuts = {len(data) * part // 20 for part in range(20)} | {len(data) - missing for missing in (1, 2, 3, 5, 8, 13, 30)}
    for cut in sorted(cuts):
        try:
            inspected(data[:cut])
        except NotAPicture:
            refused += 1
        else:
            assert rendered(data[:cut], 60, 45) == whole, f"{name} without its last {len(data) - cut} bytes"
    assert refused >= (6 if name == "tiff with several pages" else 18)


@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if name != "svg"]
)  # XML allows only white space, also in browsers
def test_bytes_after_the_end_are_accepted(name: str) -> None:
    for trailing in (b"\0", b"\r\n", b"\0" * 100, b"anything" * 100):
        assert inspected(SAMPLES[name] + trailing) == inspected(SAMPLES[name])


def test_a_damaged_picture_is_refused() -> None:
    data = bytearray(SAMPLES["png"])
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(NotAPicture, match="damaged"):
        inspected(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\0", b"GIF89a", b"\xff\xd8\xff", b"BM", b"P6", b"II*\0", b"RIFF\0\0\0\0WEBP"])
def test_a_signature_alone_is_not_a_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        inspected(data)


def test_a_star_accepts_every_raster_format_of_pillow() -> None:
    for name, format in {**ENCODERS, "qoi": "QOI", "dds": "DDS", "msp": "MSP"}.items():
        picture = four_colors().convert("1") if name == "msp" else four_colors()
        assert inspected(encoded(picture, format), EVERYTHING).format == name


@pytest.mark.parametrize("format", ["EPS", "PDF"])
def test_a_star_accepts_no_format_that_runs_a_program(format: str) -> None:
    with pytest.raises(NotAPicture, match="not a picture"):
        inspected(encoded(four_colors(), format), EVERYTHING)


def test_a_format_that_runs_a_program_is_refused_even_if_it_is_listed() -> None:
    with pytest.raises(NotAPicture):
        inspected(encoded(four_colors(), "EPS"), PictureLimits(("EPS", "PNG")))


def test_an_unknown_decoder_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="unknown decoder 'PSDX'"):
        inspected(b"", PictureLimits(("PSDX",)))


def test_a_tga_is_tried_last() -> None:
    """Its header has no magic number; other decoders are tried in the order of the list."""
    assert inspected(SAMPLES["ico"], PictureLimits(("TGA", "ICO"))).format == "ico"


def test_an_orientation_behind_the_pixels_of_a_png_is_ignored_as_browsers_do() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    late = handmade.chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    data = SAMPLES["png"]
    assert format_and_size(data[:-12] + late + data[-12:]) == ("png", 121, 90)
