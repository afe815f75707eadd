"""Every row of the table of formats is complete, and agrees with Pillow, the settings, the packaging and the docs."""

import re
import tomllib
from collections import Counter
from dataclasses import fields
from importlib import import_module
from inspect import signature as parameters_of
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from pymager import formats
from pymager.engine import plugins
from pymager.engine.containers import load_walker
from pymager.engine.metadata import writers
from pymager.formats import FORMATS, OUTPUTS, Encoding, Format
from pymager.settings.model import Settings
from pymager.settings.translation import encoding
from pymager.web.openapi.document import document

ROOT = Path(__file__).parents[2]
MODES = ("L", "RGB", "RGBA")
NOT_WALKED = {"tga", "pcx", "sgi"}
"""Formats that are decoded without a container walk. Each of them has one header with the size, which is checked before
pixels are decoded, then rows of pixels; no chunks, frames or embedded files; and the decoder notices missing pixels.
`tests/engine` has hostile and incomplete files of each."""

ROWS = pytest.mark.parametrize("row", FORMATS.values(), ids=lambda row: row.name)
OUTPUT_ROWS = pytest.mark.parametrize("row", [row for row in FORMATS.values() if row.output], ids=lambda row: row.name)


@ROWS
def test_the_modules_of_a_row_register_its_decoders(row: Format) -> None:
    if row.extra is not None:
        pytest.importorskip(row.extra.module)
    in_pillow = [decoder for decoder in row.decoders if decoder != "MPO"]  # the JPEG decoder opens an MPO
    assert plugins.load_decoders(tuple(row.decoders)) == tuple(in_pillow)
    for decoder in in_pillow:
        assert Image.OPEN[decoder][0].__module__ == row.decoders[decoder]
    assert all(import_module(module) for module in row.decoders.values())


@ROWS
def test_every_signature_of_a_row_has_a_walker(row: Format) -> None:
    for signature in row.signatures:
        assert signature.magic
        assert len(parameters_of(load_walker(signature.walker)).parameters) == 3


def test_every_format_is_walked_unless_its_decoder_is_safe_without_it() -> None:
    accepted_by_default = Settings().input_formats
    assert {name for name in accepted_by_default if not FORMATS[name].signatures} == NOT_WALKED


@OUTPUT_ROWS
def test_the_decoder_module_of_an_output_registers_its_encoder(row: Format) -> None:
    assert row.output is not None
    plugins.load_encoder(row.name)
    assert Image.SAVE[row.output.encoder].__module__ in row.decoders.values()


def test_a_codec_stays_that_of_its_row_after_its_package_is_imported() -> None:
    """The package of JPEG XL registers another plugin, which would decode files before their size is checked."""
    picture = Image.new("RGB", (8, 8))
    for row in FORMATS.values():
        if row.output and row.extra:
            plugins.load_encoder(row.name)
            picture.save(BytesIO(), row.output.encoder)
            assert Image.SAVE[row.output.encoder].__module__ in row.decoders.values()
            assert {Image.OPEN[decoder][0].__module__ for decoder in row.decoders} == set(row.decoders.values())


@OUTPUT_ROWS
def test_an_output_takes_every_picture_in_the_narrowest_mode(row: Format) -> None:
    assert row.output is not None
    assert list(row.output.modes) == [mode for mode in MODES if mode in row.output.modes]
    assert {"RGB", "RGBA"} & set(row.output.modes)


def test_every_field_of_the_encoding_belongs_to_one_output() -> None:
    outputs = [row.output for row in FORMATS.values() if row.output]
    used = Counter(setting for output in outputs for setting in output.settings + output.later_settings)
    assert used == Counter({field.name for field in fields(Encoding)} - {"background", "keep_metadata"})


def test_every_output_with_metadata_has_a_writer_for_it() -> None:
    outputs = [row.output for row in FORMATS.values() if row.output]
    assert set(writers.WRITERS) == {output.encoder for output in outputs if output.metadata}


def test_every_field_of_the_encoding_is_a_setting_with_the_same_default() -> None:
    assert {field.name for field in fields(Encoding)} <= Settings.model_fields.keys()
    assert encoding(Settings()) == Encoding()


def test_every_extra_installs_a_decoder() -> None:
    """The extra `jxl` is not part of `all`: its license is the GPL."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    in_all = re.split(r"[\[\],]", extras["all"][0])
    for row in FORMATS.values():
        if row.extra is not None:
            assert extras[row.extra.name]
            assert (row.extra.name in in_all) == (row.extra.name != "jxl")


def test_names_content_types_extensions_and_decoders_are_unique() -> None:
    rows = formats._TABLE
    decoders = [decoder for row in rows for decoder in row.decoders]
    for values in (
        [row.name for row in rows],
        [row.content_type for row in rows],
        [row.extension for row in rows],
        decoders,
    ):
        assert len(set(values)) == len(values)
    assert formats.BY_DECODER.keys() == set(decoders)
    assert formats.OTHER_DECODERS.isdisjoint(decoders)


def test_the_extension_of_an_output_is_in_its_urls() -> None:
    assert set(OUTPUTS) == {row.extension for row in FORMATS.values() if row.output} | {"jpeg"}
    assert OUTPUTS["jpg"] is OUTPUTS["jpeg"] is FORMATS["jpeg"]


def test_a_format_that_is_only_read_is_not_an_output() -> None:
    assert "heic" not in OUTPUTS
    with pytest.raises(KeyError):
        formats.output_of("heic")


def test_a_format_without_a_row_has_a_neutral_type_and_its_name_as_extension() -> None:
    assert formats.content_type("dds") == "application/octet-stream"
    assert formats.extension("dds") == "dds"
    assert formats.extension("a/b") == formats.extension("x" * 17) == formats.extension("") == "bin"
    assert (formats.content_type("jpeg"), formats.extension("jpeg")) == ("image/jpeg", "jpg")


def test_the_page_on_the_http_api_lists_the_formats() -> None:
    listing = " ".join((ROOT / "docs" / "reference" / "http.md").read_text("utf-8").split())
    listed = re.search(
        r"- Input formats: (?P<inputs>.+?), recognized by their content\. Output formats: (?P<outputs>.+?)\.", listing
    )
    assert listed
    names = re.sub(r" \(.+?\)", "", listed["inputs"])
    inputs = [name.replace(" ", "").upper() for name in re.split(", | and ", names)]
    assert len(inputs) == len(FORMATS)
    for row in FORMATS.values():  # the page says JPEG 2000 and pymager says jp2
        assert {row.name.upper(), *row.decoders} & set(inputs), row.name
    assert set(re.findall("`(.+?)`", listed["outputs"])) == set(OUTPUTS) - {"jpeg"}


def test_the_openapi_document_lists_the_content_types() -> None:
    paths = document()["paths"]
    variant = paths["/derived/{name}"]["get"]["responses"]["200"]["content"]
    assert variant.keys() == {row.content_type for row in FORMATS.values() if row.output}
    original = paths["/original/{id}"]["get"]["responses"]["200"]["content"]
    assert original.keys() == {row.content_type for row in FORMATS.values()} | {"application/octet-stream"}
