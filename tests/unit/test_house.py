"""The rules of the code base: permitted imports, and lists in two places that must agree."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymager import failpoints
from pymager.composition import Components
from pymager.library.quota import Quota
from pymager.settings.sources import load
from pymager.web.app import make_app
from pymager.web.openapi.document import document
from tests.unit.place import Place

ROOT = Path(__file__).parents[2]
OURS = ("pymager", "backends", "tests", "bench")

_IMPORT_ALL = """
import importlib, pkgutil, sys
from collections import Counter

for name in ("pymager", "pymager_filesystem", "pymager_sql"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
files = Counter(module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None))
twice = [file for file, count in files.items() if count > 1 and "pymager" in file]
assert len([name for name in sys.modules if name.startswith("pymager")]) > 60
sys.exit("\\n".join(twice) or 0)
"""


def sources(*folders: str) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, path.read_text("utf-8")


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_import_contracts_hold() -> None:
    program = (
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


def test_no_file_imports_a_backend_by_its_folder() -> None:
    """In an editable install such an import works, but creates a second copy of every class."""
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in sources(*OURS)
        for name in imported(ast.parse(text))
        if name.split(".")[0] == "backends"
    ]
    assert wrong == []


def test_no_module_is_imported_under_two_names() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = [file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    ours = [file for file in files if Path(file).is_relative_to(ROOT) and ".venv" not in file]
    assert sorted(ours) == sorted(set(ours))


def test_every_failpoint_has_its_place_in_the_code_and_in_the_list() -> None:
    found = [
        name
        for path, text in sources("pymager", "backends")
        if path.name != "failpoints.py"
        for name in re.findall(r"\breached\(\s*\"([^\"]*)\"\s*\)", text)
    ]
    assert sorted(set(found)) == sorted(failpoints.NAMES)
    calls = [text.count("reached(") for path, text in sources("pymager", "backends") if path.name != "failpoints.py"]
    assert sum(calls) == len(found) + sum("def _reached" in text for _, text in sources("pymager", "backends"))


def test_a_failpoint_does_nothing_without_a_hook_and_calls_it_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    failpoints.reached("upload.spooled")
    seen: list[str] = []
    monkeypatch.setattr(failpoints, "hook", seen.append)
    failpoints.reached("upload.spooled")
    assert seen == ["upload.spooled"]


async def test_every_route_is_in_the_openapi_document_and_the_other_way_round(place: Place) -> None:
    parts = Components(
        place.blobs, place.metadata, place.spool, Quota(1), place.workers, place.derivation, place.library, place.urls
    )
    app = make_app(load({}, {}).settings, parts, {})
    served = {
        (route.resource.canonical, route.method)
        for route in app.router.routes()
        if route.resource is not None and route.method != "OPTIONS"
    }
    documented = {
        (path, method.upper())
        for path, methods in document()["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert served == documented


def test_no_file_names_the_path_of_this_checkout() -> None:
    here = str(ROOT)
    assert [str(path) for path, text in sources(*OURS) if here in text] == []
