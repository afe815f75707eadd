"""Recipes: what makes a derived picture another one."""

import re
from dataclasses import fields

import pytest

from pymager import formats
from pymager.engine import jobs
from pymager.engine.jobs import recipe
from pymager.formats import Encoding

OUTPUTS = sorted({format.name for format in formats.OUTPUTS.values()})
CHANGED = Encoding(
    jpeg_quality=1, webp_quality=2, webp_method=3, avif_quality=4, avif_speed=5, jp2_quality=6, background=(1, 2, 3)
)
MATTERS = {
    "jpeg_quality": {"jpeg"},
    "webp_quality": {"webp"},
    "webp_method": {"webp"},
    "avif_quality": {"avif"},
    "avif_speed": {"avif"},
    "jp2_quality": {"jp2"},
    "background": {"jpeg", "bmp", "ppm"},
}


def _with(name: str) -> Encoding:
    return Encoding(**{name: getattr(CHANGED, name)})


@pytest.mark.parametrize("name", [field.name for field in fields(Encoding)])
def test_a_setting_changes_the_recipes_of_its_own_formats_only(name: str) -> None:
    changed = {format for format in OUTPUTS if recipe(_with(name), format) != recipe(Encoding(), format)}
    assert changed == MATTERS[name]


def test_recipes_are_short_and_all_different() -> None:
    recipes = {recipe(Encoding(), format) for format in OUTPUTS}
    assert len(recipes) == len(OUTPUTS)
    assert all(re.fullmatch(r"[0-9a-f]{12}", text) for text in recipes)


def test_the_same_settings_give_the_same_recipe() -> None:
    """Also in another process and after an upgrade: these were written down."""
    assert recipe(Encoding(), "jpeg") == "e82aa8f7807f"
    assert recipe(Encoding(), "png") == "90ac1671fd8b"


def test_another_version_of_the_pipeline_changes_every_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {recipe(Encoding(), format) for format in OUTPUTS}
    monkeypatch.setattr(jobs, "PIPELINE_VERSION", jobs.PIPELINE_VERSION + 1)
    assert before.isdisjoint(recipe(Encoding(), format) for format in OUTPUTS)
