"""The page that is generated from the code."""

from pathlib import Path

from pymager.settings.model import Settings
from pymager.settings.reference import settings_page

DOCS = Path(__file__).parents[3] / "docs"


def test_the_settings_page_is_up_to_date() -> None:
    assert (DOCS / "reference" / "settings.md").read_text("utf-8") == settings_page(), "run: make docs"


def test_every_setting_has_a_row_of_three_columns() -> None:
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1].removeprefix("PYMAGER_").lower() for row in rows] == list(Settings.model_fields)
    assert all(row.count("|") == 4 for row in rows)


def test_empty_defaults_are_called_empty() -> None:
    rows = {line.split("`")[1]: line.split(" | ")[1] for line in settings_page().splitlines() if line.startswith("| `")}
    assert rows["PYMAGER_USERS"] == rows["PYMAGER_TOKENS"] == rows["PYMAGER_SPOOL"] == "empty"
    assert rows["PYMAGER_WORKERS"] == "computed"
    assert rows["PYMAGER_SWEEP_INTERVAL"] == "`3600.0`"
