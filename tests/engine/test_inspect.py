"""What an upload turns out to be."""

import base64

import pytest
from PIL import Image

from pymager.engine.jobs import Inspection, PictureLimits
from pymager.errors import ConfigurationError, NotAPicture
from tests.engine import handmade
from tests.engine.checks import four_colours
from tests.engine.rendering import drawn, inspected, near, quadrants
from tests.pictures import encoded, photograph

EVERYTHING = PictureLimits(("*",))

FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "ico": "ICO",
    "ppm": "PPM",
    "jp2": "JPEG2000",
    "pcx": "PCX",
    "sgi": "SGI",
    "tga": "TGA",
}

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
"""A HEIC of 64x32 with the four colours of `test_heic_is_decoded`."""


def samples() -> dict[str, bytes]:
    """A picture of every format and of its kinds, each of which ends with something that has to be there."""
    still, second = photograph(121, 90), photograph(121, 90, 1)
    several = {"save_all": True, "append_images": [second, second.rotate(180)]}
    return {
        **{name: encoded(still, format) for name, format in FORMATS.items()},
        "progressive jpeg": encoded(still, "JPEG", progressive=True),
        "jpeg with restarts": encoded(still, "JPEG", restart_marker_blocks=2),
        "animated png": encoded(still, "PNG", **several),
        "animated gif": encoded(still, "GIF", **several),
        "animated webp": encoded(still, "WEBP", **several),
        "animated avif": encoded(still, "AVIF", **several),
        "lossless webp": encoded(still, "WEBP", lossless=True),
        "tiff by lzw": encoded(still, "TIFF", compression="tiff_lzw"),
        "tiff by jpeg": encoded(still, "TIFF", compression="jpeg"),
        "tiff of a fax": encoded(still.convert("1"), "TIFF", compression="group4"),
        "tiff of several": encoded(still, "TIFF", **several),
        "big tiff": encoded(still, "TIFF", big_tiff=True),
        "grey ppm": encoded(still.convert("L"), "PPM"),
        "bilevel ppm": encoded(still.convert("1"), "PPM"),
        "ico of bitmaps": encoded(still, "ICO", bitmap_format="bmp"),
        "jpeg 2000 codestream": encoded(still, "JPEG2000", no_jp2=True),
        "tga by runs": encoded(still, "TGA", compression="tga_rle"),
        "heic": HEIC,
    }


UNSEEN = {"bmp": 1, "tga": 26, "tga by runs": 26, "tiff of several": 16}
"""How many bytes at the end may be missing unseen: a BMP's are the padding of a row, a TGA's its footer, which is
optional, a TIFF's the padding after its last page. All pixels are there."""

SAMPLES = samples()


@pytest.mark.parametrize("name", FORMATS)
def test_format_and_size_are_told(name: str) -> None:
    size = (64, 48) if name == "ico" else (121, 90)  # icons come in sizes up to the picture's own
    assert inspected(SAMPLES[name]) == Inspection(name, *size)


def test_several_pictures_in_a_jpeg_are_a_jpeg() -> None:
    data = encoded(photograph(60, 40), "MPO", save_all=True, append_images=[photograph(60, 40, 1)])
    assert inspected(data) == Inspection("jpeg", 60, 40)


def test_heic_is_decoded() -> None:
    assert inspected(HEIC) == Inspection("heic", 64, 32)
    expected = [(200, 40, 40, 255), (40, 200, 40, 255), (40, 40, 200, 255), (220, 220, 220, 255)]
    assert near(quadrants(drawn(HEIC, 32, 16)), expected, 6)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_short_is_refused(name: str) -> None:
    data = SAMPLES[name]
    unseen = UNSEEN.get(name, 0)
    cuts = {len(data) * part // 20 for part in range(20)} | {len(data) - missing for missing in (1, 2, 3, 5, 8, 13, 30)}
    for cut in sorted(cuts):
        if len(data) - cut > unseen:
            with pytest.raises(NotAPicture):
                inspected(data[:cut])
                pytest.fail(f"{name} without its last {len(data) - cut} bytes was taken for whole")


@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_after_the_end_do_no_harm(name: str) -> None:
    for trailing in (b"\0", b"\r\n", b"\0" * 100, b"anything" * 100):
        assert inspected(SAMPLES[name] + trailing) == inspected(SAMPLES[name])


def test_a_damaged_picture_is_refused() -> None:
    data = bytearray(SAMPLES["png"])
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(NotAPicture, match="damaged"):
        inspected(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\0", b"GIF89a", b"\xff\xd8\xff", b"BM", b"P6", b"II*\0", b"RIFF\0\0\0\0WEBP"])
def test_a_beginning_alone_is_no_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        inspected(data)


def test_with_a_star_every_raster_format_of_pillow_is_accepted() -> None:
    for name, format in {**FORMATS, "qoi": "QOI", "dds": "DDS", "msp": "MSP"}.items():
        picture = four_colours().convert("1") if name == "msp" else four_colours()
        assert inspected(encoded(picture, format), EVERYTHING).format == name


@pytest.mark.parametrize("format", ["EPS", "PDF"])
def test_what_a_program_would_have_to_draw_is_not_accepted_even_so(format: str) -> None:
    with pytest.raises(NotAPicture, match="not a picture"):
        inspected(encoded(four_colours(), format), EVERYTHING)


def test_a_format_that_was_named_runs_no_program_either() -> None:
    with pytest.raises(NotAPicture):
        inspected(encoded(four_colours(), "EPS"), PictureLimits(("EPS", "PNG")))


def test_a_decoder_that_does_not_exist_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="unknown decoder 'PSDX'"):
        inspected(b"", PictureLimits(("PSDX",)))


def test_a_tga_is_tried_last() -> None:
    """Its header has no magic number: these decoders would be asked in this order otherwise."""
    assert inspected(SAMPLES["ico"], PictureLimits(("TGA", "ICO"))).format == "ico"


def test_a_size_that_exif_turns_is_told_turned_at_the_end_of_a_png_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    late = handmade.chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    data = SAMPLES["png"]
    assert inspected(data[:-12] + late + data[-12:]) == Inspection("png", 90, 121)
