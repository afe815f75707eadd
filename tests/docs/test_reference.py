"""The reference has everything that the program has, and its generated pages are current."""

import re
import runpy
from pathlib import Path

import pytest

from pymager.cli import program
from pymager.settings.model import Settings
from pymager.settings.sources import PREFIX
from pymager.telemetry.families import FAMILIES
from pymager.web.failures import STATUS_BY_ERROR
from pymager.web.openapi.document import document
from tests.docs.errors import statuses
from tests.docs.generate import PAGES, REFERENCE


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def headings(name: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", page(name), re.MULTILINE))


def operations() -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, item in document()["paths"].items()
        for method in item
        if method not in ("parameters", "head")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert page(name) == PAGES[name](), "run: make docs"


def test_the_picture_of_the_landing_page_is_up_to_date() -> None:
    script = runpy.run_path(str(REFERENCE.parents[1] / "packaging" / "site" / "picture.py"))
    assert (REFERENCE.parent / "assets" / "variants.svg").read_text("utf-8") == script["picture"](), "run: make docs"


def test_every_setting_is_documented() -> None:
    rows = set(re.findall(rf"^\| `({PREFIX}\w+)` \|", page("settings.md"), re.MULTILINE))
    assert rows == {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_command_is_documented() -> None:
    assert {f"pymager {name}" for name in program.commands} <= headings("cli.md")


@pytest.mark.parametrize("command", program.commands)
def test_every_option_of_a_command_is_documented(command: str) -> None:
    section = page("cli.md").partition(f"## pymager {command}\n")[2].partition("\n## ")[0]
    parameters = [each for each in program.commands[command].params if not getattr(each, "hidden", False)]
    options = [option for parameter in parameters for option in parameter.opts]
    assert [option for option in options if option.startswith("-") and option not in section] == []


def test_every_request_is_documented_in_detail() -> None:
    assert {f"{method} {path}" for method, path in operations()} <= headings("rest-api.md")


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_request_is_in_the_overview(method: str, path: str) -> None:
    start = path.partition("{")[0]
    rows = [line for line in page("http.md").splitlines() if line.startswith("| `")]
    assert [row for row in rows if method in row.split(" | ")[0] and f"{start}" in row.split(" | ")[0]]


def test_every_metric_is_documented() -> None:
    rows = set(re.findall(r"^\| `(pymager_\w+)` \|", page("observability.md"), re.MULTILINE))
    assert rows == {family.name for family in FAMILIES}


def test_every_status_of_an_error_is_documented() -> None:
    described = {int(head[:3]) for head in headings("errors.md") if re.match(r"\d{3} ", head)}
    announced = {
        int(status)
        for item in document()["paths"].values()
        for name, operation in item.items()
        if name != "parameters"
        for status in operation["responses"]
        if int(status) >= 400
    }
    assert described == set(statuses())
    assert described >= announced | set(STATUS_BY_ERROR.values())


def test_every_page_of_the_documentation_is_in_the_navigation() -> None:
    docs = REFERENCE.parent
    listed = re.findall(r"^ +- (?:[\w -]+: )?([\w/-]+\.md)$", (docs.parent / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = [str(path.relative_to(docs)) for path in docs.rglob("*.md")]
    assert sorted(listed) == sorted(pages)


def test_every_page_says_whom_it_is_for() -> None:
    docs = REFERENCE.parent
    openings = {path: path.read_text("utf-8")[:400] for path in docs.rglob("*.md") if path != Path(docs / "index.md")}
    assert [
        path.name
        for path, opening in openings.items()
        if not re.search(r"\b[Ff]or (people|operators|engineers|developers|maintainers|everyone)", opening)
    ] == []
