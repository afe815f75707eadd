"""The keys of blobs: which blob is stored where, and what a key belongs to.

original/{id}/{revision}.{extension}
derived/{id}/{revision}/{recipe}/{size and options}.{extension}
derived/{id}/{revision}/{recipe}/mezzanine.jpg                   a reduced picture, to render variants from
recipe/{recipe}                                                  an empty mark: this recipe was current recently
deployment/{deployment id}                                       an empty mark: the store belongs to this deployment
sweep/{number}                                                   an empty mark: this sweep was the last one
orphan/{id}/{revision}                                           an empty mark: a sweep saw this original as an orphan
"""

from dataclasses import dataclass

from pymager import formats
from pymager.ports import Original
from pymager.variants.variant import Variant

ORIGINALS = "original/"
DERIVED = "derived/"
RECIPES = "recipe/"
DEPLOYMENTS = "deployment/"
SWEEPS = "sweep/"
ORPHANS = "orphan/"


@dataclass(frozen=True, slots=True)
class Owner:
    """What a blob belongs to; `recipe` is None for the original itself."""

    id: str
    revision: str
    recipe: str | None


def original_key(original: Original) -> str:
    """The key of an original's bytes."""
    return f"{ORIGINALS}{original.id}/{original.revision}.{formats.extension(original.format)}"


def derived_prefix(original: Original) -> str:
    """The prefix of the keys of everything that is derived from this revision: variants and mezzanines."""
    return f"{DERIVED}{original.id}/{original.revision}/"


def derived_key(original: Original, recipe: str, variant: Variant) -> str:
    """The key of a variant."""
    return f"{DERIVED}{original.id}/{original.revision}/{recipe}/{variant.file_name}"


def mezzanine_key(original: Original, recipe: str) -> str:
    """The key of the mezzanine of an original."""
    return f"{DERIVED}{original.id}/{original.revision}/{recipe}/mezzanine.jpg"


def media_type(key: str) -> str:
    """The media type of the variant with this key."""
    return formats.OUTPUTS[key.rpartition(".")[2]].content_type


def recipe_key(recipe: str) -> str:
    """The key of the mark that a recipe is current."""
    return f"{RECIPES}{recipe}"


def orphan_key(owner: Owner) -> str:
    """The key of the mark that an original was seen as an orphan."""
    return f"{ORPHANS}{owner.id}/{owner.revision}"


def owner_of(key: str) -> Owner | None:
    """What a blob belongs to; None for a key that pymager did not make."""
    match key.split("/"):
        case ["original", id, name] if "." in name:
            return Owner(id, name.split(".", 1)[0], None)
        case ["derived", id, revision, recipe, _]:
            return Owner(id, revision, recipe)
    return None
