"""The decoders that Pillow has."""

from pymager import formats
from pymager.engine import plugins


def test_the_table_of_formats_knows_every_decoder_of_pillow() -> None:
    assert set(plugins.load_decoders(("*",))) - set(formats.BY_DECODER) == formats.OTHER_DECODERS
