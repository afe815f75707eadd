"""The keys of blobs: what is kept where, and whose a key is.

original/{id}/{revision}.{extension}
derived/{id}/{revision}/{recipe}/{width}x{height}.{extension}
recipe/{recipe}                                                  a mark: this recipe was current lately
"""

from dataclasses import dataclass

from pymager import formats
from pymager.names import Variant
from pymager.ports import Original

ORIGINALS = "original/"
DERIVED = "derived/"
RECIPES = "recipe/"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a blob is; `recipe` is None for an original's own bytes."""

    id: str
    revision: str
    recipe: str | None


def original_key(original: Original) -> str:
    """Where the original's bytes are."""
    return f"{ORIGINALS}{original.id}/{original.revision}.{formats.extension(original.format)}"


def derived_prefix(original: Original) -> str:
    """What the keys of everything derived from this revision start with."""
    return f"{DERIVED}{original.id}/{original.revision}/"


def derived_key(original: Original, recipe: str, variant: Variant) -> str:
    """The key of a variant."""
    return f"{DERIVED}{original.id}/{original.revision}/{recipe}/{variant.file_name}"


def recipe_key(recipe: str) -> str:
    """The mark that a recipe is current."""
    return f"{RECIPES}{recipe}"


def owner_of(key: str) -> Owner | None:
    """Whose a blob is; None for a key that pymager did not make."""
    match key.split("/"):
        case ["original", id, name] if "." in name:
            return Owner(id, name.split(".", 1)[0], None)
        case ["derived", id, revision, recipe, _]:
            return Owner(id, revision, recipe)
    return None
