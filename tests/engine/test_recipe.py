"""Recipes: a variant is rendered again if, and only if, its bytes would change."""

import re

import pytest
from PIL import Image

from pymager.engine import recipe as recipes
from pymager.engine.recipe import recipe
from pymager.formats import Encoding
from tests.engine.rendering import rendered
from tests.engine.table import ENCODING_FIELDS, OUTPUTS, extremes
from tests.pictures import encoded, photograph


@pytest.fixture(scope="module")
def half_transparent() -> bytes:
    picture = photograph(64, 48).convert("RGBA")
    picture.putalpha(128)
    exif = Image.Exif()
    exif[0x8298] = "Ada"
    return encoded(picture, "PNG", exif=exif.tobytes())


@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("setting", ENCODING_FIELDS)
def test_a_setting_changes_the_recipe_exactly_if_it_changes_the_bytes(
    half_transparent: bytes, setting: str, format: str
) -> None:
    first, second = ({setting: value} for value in extremes(setting))
    has_other_recipe = recipe(Encoding(**first), format) != recipe(Encoding(**second), format)
    has_other_bytes = rendered(half_transparent, 40, 30, format, **first) != rendered(
        half_transparent, 40, 30, format, **second
    )
    assert has_other_recipe == has_other_bytes


def test_recipes_are_short_and_all_different() -> None:
    fingerprints = {recipe(Encoding(), format) for format in OUTPUTS}
    assert len(fingerprints) == len(OUTPUTS)
    assert all(re.fullmatch(r"[0-9a-f]{12}", text) for text in fingerprints)


def test_the_same_settings_give_the_same_recipe_in_every_release() -> None:
    assert recipe(Encoding(), "jpeg") == "99f6d43f0c6c"
    assert recipe(Encoding(), "png") == "dbd510f1dcf9"


def test_another_version_of_the_pipeline_changes_every_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {recipe(Encoding(), format) for format in OUTPUTS}
    monkeypatch.setattr(recipes, "PIPELINE_VERSION", recipes.PIPELINE_VERSION + 1)
    assert before.isdisjoint(recipe(Encoding(), format) for format in OUTPUTS)
