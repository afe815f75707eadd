"""Recipes: when a variant has to be rendered again. Needs no decoder."""

import hashlib
import json

from pymager.formats import OUTPUTS, Encoding, output_of

PIPELINE_VERSION: int = 2
"""Increase it when the same job gives other bytes than before: all variants are then rendered again.

If that is so for one output format only, increase the `version` of its `Output` instead.
"""

_DEFAULT = Encoding()
"""If you change a default of one of `Output.later_settings`, increase `PIPELINE_VERSION`."""

MEZZANINE_VERSION: int = 2
"""Increase it when the same original gives another mezzanine than before, or when it serves other variants."""


def recipe(encoding: Encoding, format: str, mezzanine_side: int | None = None) -> str:
    """A fingerprint, 12 hexadecimal digits, of everything except its name that changes the bytes of a variant.

    `mezzanine_side` is that of the mezzanines that variants are rendered from; None if they are off. The settings of
    other formats do not change the fingerprint.
    """
    output = output_of(format)
    names = output.settings + (() if output.has_transparency else ("background",))
    if output.metadata and encoding.keep_metadata != "none":
        names += ("keep_metadata",)  # only then: the default has the recipes of earlier versions
    names += tuple(name for name in output.later_settings if getattr(encoding, name) != getattr(_DEFAULT, name))
    settings = {name: getattr(encoding, name) for name in names}
    later_version = [output.version] if output.version > 1 else []  # as above
    source = [] if mezzanine_side is None else [mezzanine_recipe(mezzanine_side)]
    text = json.dumps([PIPELINE_VERSION, format, settings, *later_version, *source], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def variant_recipes(encoding: Encoding, mezzanine_side: int | None = None) -> dict[str, str]:
    """The recipe of every output format, by pymager's name for the format."""
    return {format.name: recipe(encoding, format.name, mezzanine_side) for format in OUTPUTS.values()}


def current_recipes(encoding: Encoding, mezzanine_side: int | None) -> set[str]:
    """The recipes of everything that is derived from originals with these settings: variants and mezzanines."""
    recipes = set(variant_recipes(encoding, mezzanine_side).values())
    return recipes if mezzanine_side is None else recipes | {mezzanine_recipe(mezzanine_side)}


def mezzanine_recipe(side: int) -> str:
    """A fingerprint, 12 hexadecimal digits, of everything that changes the bytes of a mezzanine."""
    text = json.dumps([PIPELINE_VERSION, "mezzanine", MEZZANINE_VERSION, side])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
