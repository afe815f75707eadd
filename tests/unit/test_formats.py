"""The table of formats, held to what Pillow has."""

import pytest
from PIL import Image

from pymager import formats
from pymager.formats import FORMATS, OUTPUTS, Format

pi_heif = pytest.importorskip("pi_heif")


@pytest.fixture(scope="module", autouse=True)
def _decoders() -> None:
    Image.init()
    pi_heif.register_heif_opener()


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)
def test_pillow_knows_every_decoder_and_encoder(format: Format) -> None:
    assert [decoder for decoder in format.decoders if decoder not in Image.OPEN and decoder != "MPO"] == []
    assert format.output is None or format.output.encoder in Image.SAVE


def test_names_extensions_and_decoders_are_each_of_one_format() -> None:
    extensions = [format.extension for format in FORMATS.values()]
    decoders = [decoder for format in FORMATS.values() for decoder in format.decoders]
    assert len(set(extensions)) == len(extensions) == len(FORMATS)
    assert len(set(decoders)) == len(decoders) == len(formats.BY_DECODER)


def test_jpeg_can_be_asked_for_under_both_extensions() -> None:
    assert OUTPUTS["jpg"] is OUTPUTS["jpeg"] is FORMATS["jpeg"]


def test_a_format_that_is_only_read_can_not_be_asked_for() -> None:
    assert "heic" not in OUTPUTS
    assert {format.name for format in OUTPUTS.values()} == {f.name for f in FORMATS.values() if f.output}


def test_a_format_that_is_only_pillows_gets_a_neutral_type_and_its_name_as_extension() -> None:
    assert formats.content_type("dds") == "application/octet-stream"
    assert formats.extension("dds") == "dds"
    assert formats.extension("a/b") == formats.extension("x" * 17) == formats.extension("") == "bin"
    assert (formats.content_type("jpeg"), formats.extension("jpeg")) == ("image/jpeg", "jpg")
