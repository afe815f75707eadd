"""Recipes: when a variant has to be rendered again. Needs no decoder."""

import hashlib
import json

from pymager.formats import OUTPUTS, Encoding, output_of

PIPELINE_VERSION: int = 2
"""Increase it when the same job gives other bytes than before: all variants are then rendered again."""

MEZZANINE_VERSION: int = 1
"""Increase it when the same original gives another mezzanine than before."""


def recipe(encoding: Encoding, format: str) -> str:
    """A fingerprint, 12 hexadecimal digits, of everything except its name that changes the bytes of a variant.

    The settings of other formats do not change it.
    """
    output = output_of(format)
    names = output.settings + (() if output.has_transparency else ("background",))
    if output.metadata and encoding.keep_metadata != "none":
        names += ("keep_metadata",)  # only then: the default has the recipes of earlier versions
    settings = {name: getattr(encoding, name) for name in names}
    text = json.dumps([PIPELINE_VERSION, format, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def current_recipes(encoding: Encoding) -> dict[str, str]:
    """The recipe of every output format, by pymager's name for the format."""
    return {format.name: recipe(encoding, format.name) for format in OUTPUTS.values()}


def mezzanine_recipe(side: int) -> str:
    """A fingerprint, 12 hexadecimal digits, of everything that changes the bytes of a mezzanine."""
    text = json.dumps([PIPELINE_VERSION, "mezzanine", MEZZANINE_VERSION, side])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
