"""Copyright in variants: kept where it is asked for, from every place that a file has for it, and nothing else."""

import io
import struct
from typing import Any

import pytest
import pyvips
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pymager.engine.inspect import inspect
from pymager.engine.metadata import exif, iptc, xmp
from pymager.engine.metadata.fields import Copyright
from pymager.engine.recipe import recipe
from pymager.formats import FORMATS, Encoding
from tests.engine.fidelity import boxes, jxl_kinds
from tests.engine.rendering import ALL, opened, rendered
from tests.engine.table import OUTPUTS
from tests.pictures import encoded, photograph

SECRET = b"52.3676N 4.9041E"
CREATOR, SECOND, RIGHTS = "Ada Lovelace", "Jürgen 猫", "© 1843 Ada Lovelace & Söhne <all rights>"
WITH_METADATA = [name for name in OUTPUTS if FORMATS[name].output.metadata]  # type: ignore[union-attr]
KEPT = Copyright((CREATOR, SECOND), RIGHTS, "The Analyst", (("Marked", "True"), ("UsageTerms", "Ask first")))


def packet(copyright: Copyright = KEPT) -> bytes:
    """XMP with a secret in it."""
    return xmp.written(copyright).replace(b"</rdf:Description>", b"<secret>" + SECRET + b"</secret></rdf:Description>")


def exif_of(**tags: bytes) -> bytes:
    """EXIF with an orientation, a secret, a position, and the given texts; made by Pillow."""
    found = Image.Exif()
    found[0x0112], found[0x010E] = 1, SECRET.decode()
    found.get_ifd(0x8825)[29] = SECRET.decode()
    for name, text in tags.items():
        found[{"artist": 0x013B, "copyright": 0x8298}[name]] = text
    return found.tobytes()


def iim(*datasets: tuple[int, int, bytes]) -> bytes:
    """IPTC-IIM."""
    return b"".join(struct.pack(">BBBH", 0x1C, record, number, len(text)) + text for record, number, text in datasets)


def photoshop(data: bytes) -> bytes:
    """A JPEG segment with a resource of Photoshop that holds IPTC-IIM."""
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(data)) + data + bytes(len(data) & 1)
    body = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def texts(**values: str) -> PngInfo:
    info = PngInfo()
    for name, text in values.items():
        info.add_itxt(name.replace("_", " "), text)
    return info


def plain(format: str, **options: Any) -> bytes:
    return encoded(photograph(80, 60), format, **options)


IPTC = iim(
    (1, 90, b"\x1b%G"), (2, 80, CREATOR.encode()), (2, 80, SECOND.encode()), (2, 5, SECRET), (2, 116, RIGHTS.encode())
)
EXIF = exif_of(artist=f"{CREATOR}; {SECOND}".encode(), copyright=RIGHTS.encode())
NAMES = Copyright((CREATOR, SECOND), RIGHTS)

ORIGINALS: dict[str, tuple[bytes, Copyright]] = {
    "jpeg with exif": (plain("JPEG", exif=EXIF), NAMES),
    "jpeg with xmp": (plain("JPEG", xmp=packet()), KEPT),
    "jpeg with iptc": (plain("JPEG")[:2] + photoshop(IPTC) + plain("JPEG")[2:], NAMES),
    "jpeg with all": (plain("JPEG", xmp=packet(), exif=exif_of(artist=b"Nobody", copyright=b"none")), KEPT),
    "png with exif": (plain("PNG", exif=EXIF), NAMES),
    "png with xmp": (plain("PNG", pnginfo=texts(**{"XML:com.adobe.xmp": packet().decode()})), KEPT),
    "png with texts": (plain("PNG", pnginfo=texts(Author=CREATOR, Copyright=RIGHTS)), Copyright((CREATOR,), RIGHTS)),
    "webp": (plain("WEBP", exif=EXIF, xmp=packet()), KEPT),
    "avif": (plain("AVIF", exif=EXIF, xmp=packet()), KEPT),
    "tiff with tags": (plain("TIFF", tiffinfo={315: f"{CREATOR}; {SECOND}".encode(), 33_432: RIGHTS.encode()}), NAMES),
    "tiff with xmp": (plain("TIFF", tiffinfo={700: packet(), 270: SECRET.decode()}), KEPT),
    "tiff with iptc": (plain("TIFF", tiffinfo={33_723: IPTC}), NAMES),
    "jxl with exif": (
        boxes.joined([*boxes.split(jxl_kinds.BOXES), (b"Exif", bytes(4) + EXIF.removeprefix(b"Exif\0\0"))]),
        NAMES,
    ),
    "jxl with xmp": (boxes.joined([*boxes.split(jxl_kinds.BOXES), (b"xml ", packet())]), KEPT),
}


def kept(data: bytes, format: str, width: int = 40, height: int = 30) -> bytes:
    body = rendered(data, width, height, format, keep_metadata="copyright")
    assert body is not None
    return body


def shown(data: bytes | None) -> Image.Image:
    """The picture in a file; Pillow opens only the codestream of a JPEG XL."""
    assert data is not None
    if data[4:8] != b"JXL ":
        return opened(data)
    parts = boxes.split(data)
    whole = b"".join(content[4 * (kind == b"jxlp") :] for kind, content in parts if kind in (b"jxlc", b"jxlp"))
    return opened(whole)


def read(data: bytes, format: str) -> tuple[Copyright, Copyright]:
    """What EXIF and XMP of a variant say, found without the code under test for containers."""
    picture = shown(data)
    if format == "tiff":
        return exif.read(data), xmp.read(exif.tags(data, (exif.XMP,)).get(exif.XMP))
    if format == "jxl":
        parts = dict(boxes.split(data))
        return exif.read(parts.get(b"Exif", b"")[4:]), xmp.read(parts.get(b"xml "))
    return exif.read(picture.info.get("exif")), xmp.read(picture.info.get("xmp"))


@pytest.mark.parametrize("name", ORIGINALS)
@pytest.mark.parametrize("format", WITH_METADATA)
def test_a_variant_has_the_copyright_of_its_original_and_nothing_else(name: str, format: str) -> None:
    data, expected = ORIGINALS[name]
    for size in ((40, 30), shown(data).size):
        body = kept(data, format, *size)
        in_exif, in_xmp = read(body, format)
        assert in_exif == Copyright(expected.creators, expected.rights)
        assert in_xmp == expected
        assert SECRET not in body
        assert not {0x0112, 0x010E, 0x8825} & shown(body).getexif().keys() or format == "tiff"


@pytest.mark.parametrize("name", ORIGINALS)
@pytest.mark.parametrize("format", sorted(set(OUTPUTS) - set(WITH_METADATA)))
def test_a_format_without_metadata_gets_none(name: str, format: str) -> None:
    data, _ = ORIGINALS[name]
    assert kept(data, format) == rendered(data, 40, 30, format)


@pytest.mark.parametrize("name", ORIGINALS)
def test_by_default_a_variant_has_no_copyright(name: str) -> None:
    for format in WITH_METADATA:
        body = rendered(ORIGINALS[name][0], 40, 30, format)
        assert body is not None
        assert not any(read(body, format))
        assert CREATOR.encode() not in body


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif"])
def test_an_independent_reader_finds_it(format: str) -> None:
    """libvips, with libexif."""
    picture = pyvips.Image.new_from_buffer(kept(ORIGINALS["jpeg with xmp"][0], format), "")
    fields = set(picture.get_fields())
    assert xmp.read(picture.get("xmp-data")) == KEPT
    if format != "tiff":  # it reads no EXIF from the tags of a TIFF
        assert picture.get("exif-ifd0-Artist").startswith(f"{CREATOR}; ")
        assert "Ada Lovelace" in picture.get("exif-ifd0-Copyright")
        others = {name for name in fields if name.startswith("exif-ifd0-")} - {
            "exif-ifd0-Artist",
            "exif-ifd0-Copyright",
        }
        # libexif adds what EXIF says is mandatory.
        assert others <= {
            f"exif-ifd0-{name}" for name in ("XResolution", "YResolution", "ResolutionUnit", "Orientation")
        }
    assert not {"iptc-data", "icc-profile-data", "gps-data"} & fields


def test_an_original_that_is_the_variant_is_encoded_again_if_it_has_metadata() -> None:
    data, _ = ORIGINALS["jpeg with exif"]
    assert rendered(data, 80, 60, "jpeg", keep_metadata="copyright") is not None
    without = encoded(photograph(80, 60), "JPEG")
    assert rendered(without, 80, 60, "jpeg", keep_metadata="copyright") is None


def test_pixels_are_the_same_with_and_without_copyright() -> None:
    data, _ = ORIGINALS["jpeg with xmp"]
    for format in WITH_METADATA:
        assert shown(kept(data, format)).tobytes() == shown(rendered(data, 40, 30, format)).tobytes()


def test_the_recipes_of_the_default_are_as_they_were_and_others_only_where_bytes_change() -> None:
    assert recipe(Encoding(), "jpeg") == "99f6d43f0c6c"
    for format in OUTPUTS:
        same = recipe(Encoding(keep_metadata="copyright"), format) == recipe(Encoding(), format)
        assert same == (format not in WITH_METADATA)


def test_a_picture_without_copyright_is_encoded_as_ever() -> None:
    data = plain("JPEG", exif=exif_of())
    for format in WITH_METADATA:
        assert kept(data, format) == rendered(data, 40, 30, format)


# Metadata as other programs write it


def test_xmp_with_attributes_and_languages_is_read() -> None:
    text = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="The Times"
      xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmpRights:Marked="True"
      xmpRights:WebStatement="https://example.org/?a&amp;b"/>
    <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">
     <dc:rights><rdf:Alt><rdf:li xml:lang="de">Alle Rechte</rdf:li><rdf:li xml:lang="x-default">{"All"} rights</rdf:li>
     </rdf:Alt></dc:rights><dc:title><rdf:Alt><rdf:li xml:lang="x-default">no</rdf:li></rdf:Alt></dc:title>
     <dc:creator><rdf:Seq><rdf:li>A</rdf:li><rdf:li> B
     </rdf:li><rdf:li/></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"""
    found = xmp.read(text.encode())
    assert found == Copyright(
        ("A", "B"), "All rights", "The Times", (("Marked", "True"), ("WebStatement", "https://example.org/?a&b"))
    )
    assert xmp.read(text.encode("utf-16")) == found
    assert xmp.read(b"\0\n" + text.encode() + b"\0\0") == found


def test_exif_in_both_orders_and_in_latin_1_is_read() -> None:
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        short = struct.pack(order + "HHI4s", 0x013B, 2, 3, b"\xc9a\0\0")
        long = struct.pack(order + "HHII", 0x8298, 2, 12, 38)
        data = mark + struct.pack(order + "IH", 8, 2) + short + long + bytes(4) + b"one\0\0two \0\0\0"
        for prefix in (b"", b"Exif\0\0"):
            assert exif.read(prefix + data) == Copyright(("Éa",), "one; two")


def test_iptc_in_latin_1_is_read() -> None:
    found = iptc.read(iim((2, 80, b"J\xfcrgen"), (2, 110, b"Credit"), (2, 116, b"c")))
    assert found == Copyright(("Jürgen",), "c", "Credit")


# Hostile metadata


def _entities() -> bytes:
    declared = b"".join(b'<!ENTITY e%d "%s">' % (n + 1, b"&e%d;" % n * 10) for n in range(12))
    text = packet(Copyright(("name",), "rights")).replace(b">rights<", b">&e12;<")
    head, tail = text.split(b"?>", 1)
    return head + b'?><!DOCTYPE x [<!ENTITY e0 "lol">' + declared + b"]>" + tail


HOSTILE: dict[str, bytes] = {
    "entities": _entities(),
    "an external entity": packet().replace(b"<x:xmpmeta", b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x:xmpmeta', 1),
    "not xml": b"<x:xmpmeta",
    "binary": bytes(range(256)) * 10,
    "empty": b"",
    "large": b"<a>" + b" " * (2 << 20) + b"</a>",
    "deep": b"<a>" * 200_000,
    "long": packet(Copyright(rights="x")).replace(b">x<", b">" + b"y" * 900_000 + b"<"),
    "many": packet(Copyright(("x",))).replace(b"<rdf:li>x</rdf:li>", b"<rdf:li>x</rdf:li>" * 5_000),
    "an unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xmp_is_ignored(name: str) -> None:
    assert xmp.read(HOSTILE[name]) == Copyright()
    data = plain("WEBP", xmp=HOSTILE[name])
    assert kept(data, "jpeg") == rendered(data, 40, 30, "jpeg")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_metadata_of_other_kinds_is_ignored(name: str) -> None:
    for prefix in (
        b"",
        b"Exif\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II+\0\x08\0\0\0",
        b"\x1c\x02P",
    ):
        exif.read(prefix + HOSTILE[name])
        iptc.read(prefix + HOSTILE[name])


def test_texts_are_bounded_and_have_one_line() -> None:
    long = Copyright.of(["a\nb\tc\0d", *["x" * 5_000] * 100], "y" * 5_000, "\u202e\x1b[0m", [("Owner", " ")])
    assert long.creators[0] == "a b c d"
    assert len(long.creators) == 20
    assert {len(name) for name in long.creators[1:]} == {1_000}
    assert (len(long.rights), long.credit, long.terms) == (1_000, "[0m", ())
    assert len(kept(plain("JPEG", exif=exif_of(copyright=b"y" * 60_000)), "jpeg")) < 20_000


def test_an_upload_does_not_read_copyright(tmp_path: Any) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(plain("JPEG", xmp=HOSTILE["not xml"]))
    assert inspect(path, ALL, (255, 255, 255))[0].format == "jpeg"


def test_exif_that_is_written_has_two_entries(tmp_path: Any) -> None:
    picture = Image.open(io.BytesIO(kept(ORIGINALS["jpeg with xmp"][0], "jpeg")))
    assert set(picture.getexif()) == {0x013B, 0x8298}
