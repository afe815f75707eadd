"""Every input format, from the upload to a variant."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from pymager.formats import FORMATS, Encoding
from tests.engine.test_inspect import HEIC
from tests.pictures import encoded, photograph, svg
from tests.web.served import Served

SIZE = (64, 48)


def plain(encoder: str, **options: object) -> Callable[[], bytes]:
    return lambda: encoded(photograph(*SIZE), encoder, **options)


def multi_picture() -> bytes:
    return encoded(photograph(*SIZE), "MPO", save_all=True, append_images=[photograph(*SIZE, seed=2)])


def animation(encoder: str) -> Callable[[], bytes]:
    return lambda: encoded(
        photograph(*SIZE), encoder, save_all=True, append_images=[photograph(*SIZE, seed=n) for n in (2, 3)]
    )


INPUTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    **{
        row.name: (row.name, plain(row.output.encoder, **row.output.options(Encoding(), SIZE)))
        for row in FORMATS.values()
        if row.output
    },
    "progressive jpeg": ("jpeg", plain("JPEG", progressive=True)),
    "mpo": ("jpeg", multi_picture),
    "animated gif": ("gif", animation("GIF")),
    "lossless webp": ("webp", plain("WEBP", lossless=True)),
    "animated webp": ("webp", animation("WEBP")),
    "uncompressed tiff": ("tiff", plain("TIFF")),
    "pcx": ("pcx", plain("PCX")),
    "sgi": ("sgi", plain("SGI")),
    "uncompressed tga": ("tga", plain("TGA")),
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_format_can_be_rendered(served: Served, name: str) -> None:
    format, make = INPUTS[name]
    body = make()
    id = served.upload(body)
    info = served.get(f"/info/{id}").json
    assert (info["format"], info["width"], info["height"]) == (format, *SIZE)
    original = served.get(f"/original/{id}")
    assert original.body == body
    assert original["Content-Type"] == FORMATS[format].content_type
    derived = served.get(f"/derived/{id}-32x24.png")
    assert derived.status == 200
    with Image.open(io.BytesIO(derived.body)) as picture:
        assert (picture.format, picture.size) == ("PNG", (32, 24))
        assert difference(picture, body) < 8


def difference(picture: Image.Image, body: bytes) -> float:
    """The mean difference from the expected pixels, out of 255."""
    with Image.open(io.BytesIO(body)) as original:
        expected = original.convert("RGB").resize(picture.size, Image.Resampling.LANCZOS)
    pairs = zip(picture.convert("RGB").tobytes(), expected.tobytes(), strict=True)
    return sum(abs(one - other) for one, other in pairs) / (picture.width * picture.height * 3)


def test_every_input_format_is_tested() -> None:
    assert {format for format, _ in INPUTS.values()} == set(FORMATS) - {"heic", "svg"}


def test_a_heic_can_be_rendered(served: Served) -> None:
    id = served.upload(HEIC)
    info = served.get(f"/info/{id}").json
    assert (info["format"], info["width"], info["height"]) == ("heic", 64, 32)
    assert served.get(f"/original/{id}")["Content-Type"] == "image/heic"
    with Image.open(io.BytesIO(served.get(f"/derived/{id}-32x16.png").body)) as picture:
        assert picture.size == (32, 16)


def test_an_svg_can_be_rendered_and_runs_no_script(served: Served) -> None:
    """A browser that opens the original's URL gets a policy under which scripts, styles and forms do nothing."""
    body = svg(*SIZE).replace(b"</svg>", b"<script>alert(document.domain)</script></svg>")
    id = served.upload(body)
    info = served.get(f"/info/{id}").json
    assert (info["format"], info["width"], info["height"]) == ("svg", *SIZE)
    original = served.get(f"/original/{id}")
    assert original.body == body
    assert original["Content-Type"] == "image/svg+xml"
    assert original["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert original["X-Content-Type-Options"] == "nosniff"
    for format, encoder in (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")):
        derived = served.get(f"/derived/{id}-{SIZE[0]}x{SIZE[1]}.{format}")  # not even in its own size
        with Image.open(io.BytesIO(derived.body)) as picture:
            assert (picture.format, picture.size) == (encoder, SIZE)
    assert served.get(f"/derived/{id}-32x24.svg").status == 400
