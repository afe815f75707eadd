"""The page on the architecture names files that exist, and says what belongs into each package."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")


def rows() -> dict[str, str]:
    """The table from a behavior to its file."""
    return dict(re.findall(r"^\| (where [^|]+) \| `([^`]+)` \|$", PAGE, re.MULTILINE))


def test_every_file_in_the_table_exists() -> None:
    assert [file for file in rows().values() if not (ROOT / file).is_file()] == []
    assert len(rows()) >= 25


def test_every_package_is_explained_on_the_page_and_by_its_own_docstring() -> None:
    packages = {path.parent for path in (ROOT / "pymager").glob("*/__init__.py")}
    assert [package.name for package in packages if f"`pymager/{package.name}`" not in PAGE] == []
    docs = {
        package.name: ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) for package in packages
    }
    assert [name for name, doc in docs.items() if doc is None or len(re.findall(r"[.:](?:\s|$)", doc)) < 2] == []


def test_every_other_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(pymager/[\w/]+(?:\.py)?)`", PAGE))
    assert [name for name in named if not (ROOT / name).exists()] == []
