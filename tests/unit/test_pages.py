"""The pages name files, headings, settings and commands that exist."""

import re
from pathlib import Path

import pytest

from pymager.cli import program
from pymager.settings.model import Settings
from pymager.settings.sources import CONFIG_FILE, PREFIX

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(page for folder in ("docs", "examples", "charts") for page in (ROOT / folder).rglob("*.md")),
    ]
)
# CHANGELOG.md and docs/explanation/decisions.md also name what existed once.
CURRENT = [page for page in PAGES if page.name != "decisions.md"]
FILES = [
    path
    for folder in ("charts", "examples", "packaging")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.suffix not in (".md", ".pyc")
]
_COMPOSE = {"PYMAGER_IMAGE", "PYMAGER_PUBLISH"}  # variables of examples/compose, not of pymager


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name)
def test_every_link_names_a_file_and_a_heading_that_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("rules", [ROOT / "charts" / "pymager" / "rules" / "pymager.yaml"], ids=name)
def test_every_runbook_names_a_heading_that_exists(rules: Path) -> None:
    named = re.findall(r"See (docs/[\w/-]+\.md)#([\w-]+)", rules.read_text("utf-8"))
    assert len(named) > 10
    assert [anchor for file, anchor in named if anchor not in anchors(ROOT / file)] == []


@pytest.mark.parametrize("page", [*CURRENT, *FILES, ROOT / "Dockerfile"], ids=name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", page.read_text("utf-8", "replace")))
    known = {PREFIX + setting.upper() for setting in Settings.model_fields} | {CONFIG_FILE} | _COMPOSE
    assert named - known == set()


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    fences = re.findall(r"^```(.*?)^```", text, re.MULTILINE | re.DOTALL)
    code = [*(fence for fence in fences if not fence.startswith("text")), *re.findall(r"`(pymager [^`]*)`", text)]
    named = {
        match for part in code for match in re.findall(r"(?:^|-- |bin/)pymager ([a-z][a-z-]*)", part, re.MULTILINE)
    }
    assert named - set(program.commands) == set()
