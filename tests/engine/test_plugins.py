"""Which decoders there are."""

from pymager import formats
from pymager.engine import plugins


def test_the_settings_know_every_decoder_that_pillow_has() -> None:
    every = set(plugins.decoders(("*",)))
    assert every - set(formats.BY_DECODER) == formats.OTHER_DECODERS
