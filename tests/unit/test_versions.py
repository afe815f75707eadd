"""All parts have the same version, and one command changes it in all of them."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.scripts import loaded

ROOT = Path(__file__).parents[2]
_MAVEN = "{http://maven.apache.org/POM/4.0.0}"


def parsed(root: Path) -> Iterator[tuple[str, str]]:
    """Every part that has a version, and the version, as the ecosystem's own parser reads it."""
    for path in [root / "pyproject.toml", *root.glob("clients/*/pyproject.toml")]:
        yield str(path.relative_to(root)), tomllib.loads(path.read_text("utf-8"))["project"]["version"]
    for path in root.glob("clients/*/package.json"):
        yield str(path.relative_to(root)), json.loads(path.read_text("utf-8"))["version"]
    for path in root.glob("clients/*/package-lock.json"):
        lock = json.loads(path.read_text("utf-8"))
        yield str(path.relative_to(root)), lock["version"]
        yield f"{path.relative_to(root)}: the package", lock["packages"][""]["version"]
    for path in root.glob("clients/*/pom.xml"):
        version = ElementTree.parse(path).getroot().findtext(f"{_MAVEN}version")
        yield str(path.relative_to(root)), version or "none"
    chart = yaml.safe_load((root / "charts" / "pymager" / "Chart.yaml").read_text("utf-8"))
    yield "the chart", chart["version"]
    yield "the chart's pymager", chart["appVersion"]
    yield "CITATION.cff", str(yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))["version"])
    latest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    yield "CHANGELOG.md", latest[1] if latest else "none"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what names versions, with clients in every language."""
    for name in ("pyproject.toml", "pymager/__init__.py", "charts/pymager/Chart.yaml", "CITATION.cff", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for page in (ROOT / "docs").rglob("*.md"):
        (tmp_path / page.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, tmp_path / page.relative_to(ROOT))
    _add_clients(tmp_path / "clients", VERSIONS.current(tmp_path))
    return tmp_path


def _add_clients(folder: Path, version: str) -> None:
    """Clients as small as they can be, so that the test does not depend on how ours are written."""
    files = {
        "python/pyproject.toml": '[project]\nname = "pymager-client"\nversion = "VERSION"\n\n[tool.x]\nversion = "7"\n',
        "typescript/package.json": json.dumps(
            {"name": "@pymager/client", "version": "VERSION", "x": {"version": "7"}}, indent=2
        ),
        "typescript/package-lock.json": json.dumps(
            {
                "name": "@pymager/client",
                "version": "VERSION",
                "packages": {
                    "": {"name": "@pymager/client", "version": "VERSION"},
                    "node_modules/a": {"version": "VERSION"},
                },
            },
            indent=2,
        ),
        "jvm/pom.xml": '<project xmlns="http://maven.apache.org/POM/4.0.0">\n'
        "  <artifactId>pymager-client</artifactId>\n  <version>VERSION</version>\n"
        "  <dependencies>\n    <dependency><artifactId>a</artifactId><version>VERSION</version></dependency>\n"
        "  </dependencies>\n</project>\n",
        "jvm/README.md": '`"org.pymager" % "pymager-client" % "VERSION"` or `("org.pymager:pymager-client:VERSION")`\n',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("VERSION", version), "utf-8")


VERSIONS = loaded(ROOT / "packaging" / "versions.py")


def test_all_parts_have_the_same_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    said = subprocess.run([sys.executable, "-m", "pymager", "--version"], capture_output=True, text=True, check=True)
    assert dict(parsed(ROOT)) | {"pymager --version": said.stdout.split()[-1]} == dict.fromkeys(
        [*dict(parsed(ROOT)), "pymager --version"], version
    )


def test_the_debian_package_takes_its_version_from_the_wheel() -> None:
    assert "Version: @VERSION@" in (ROOT / "packaging" / "debian" / "control.in").read_text("utf-8")


def test_the_check_finds_every_part_and_accepts_the_right_tag_only(copy: Path) -> None:
    found = {str(place.path.relative_to(copy)) for place in VERSIONS.found(copy)}
    assert found >= {
        "pyproject.toml",
        "pymager/__init__.py",
        "charts/pymager/Chart.yaml",
        "CITATION.cff",
        *(f"clients/{name}" for name in ("python/pyproject.toml", "typescript/package.json", "jvm/pom.xml")),
        "clients/typescript/package-lock.json",
        "clients/jvm/README.md",
    }
    version = VERSIONS.current(copy)
    assert VERSIONS.problems(copy) == VERSIONS.problems(copy, f"v{version}") == []
    for tag in (version, f"v{version}1", f"v{version}-rc1", "v", ""):
        assert VERSIONS.problems(copy, tag) == [f"the tag must be v{version}, got {tag}"]


def test_a_part_with_another_version_is_named(copy: Path) -> None:
    for name in ("pymager/__init__.py", "CITATION.cff", "clients/typescript/package-lock.json", "clients/jvm/pom.xml"):
        path = copy / name
        before = path.read_text("utf-8")
        path.write_text(before.replace(VERSIONS.current(copy), "9.9.9", 1), "utf-8")
        (problem,) = VERSIONS.problems(copy)
        assert problem.startswith(f"{name}:") and problem.endswith(": 9.9.9")
        path.write_text(before, "utf-8")


def test_a_part_that_lost_its_version_is_named(copy: Path) -> None:
    path = copy / "charts" / "pymager" / "Chart.yaml"
    path.write_text(path.read_text("utf-8").replace("appVersion", "applicationVersion"), "utf-8")
    assert VERSIONS.problems(copy) == ["charts/pymager/Chart.yaml:1: no version where it is expected"]


def test_a_bump_changes_every_part_and_nothing_else(copy: Path) -> None:
    before = {path: path.read_text("utf-8") for path in copy.rglob("*") if path.is_file()}
    old = VERSIONS.current(copy)
    VERSIONS.bump(copy, "12.34.56")
    (missing,) = VERSIONS.problems(copy)
    assert missing == "CHANGELOG.md: the first heading must be '## 12.34.56'"
    changelog = copy / "CHANGELOG.md"
    changelog.write_text(f"# Changelog\n\n## 12.34.56\n\nNew.\n\n## {old}\n\nOld.\n", "utf-8")
    assert VERSIONS.problems(copy, "v12.34.56") == []
    assert set(dict(parsed(copy)).values()) == {"12.34.56"}
    assert VERSIONS.notes(copy) == "New.\n"
    for path, text in before.items():
        if path.name not in ("CHANGELOG.md", "CITATION.cff"):
            assert path.read_text("utf-8").replace("12.34.56", old) == text
    lock = json.loads((copy / "clients" / "typescript" / "package-lock.json").read_text("utf-8"))
    assert lock["packages"]["node_modules/a"]["version"] == old
    assert f"<version>{old}</version></dependency>" in (copy / "clients" / "jvm" / "pom.xml").read_text("utf-8")


@pytest.mark.parametrize("arguments", [[], ["bump"], ["bump", "1.2"], ["bump", "v1.2.3"], ["bump", "01.2.3"], ["x"]])
def test_a_wrong_command_is_refused_and_changes_nothing(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"bump X\.Y\.Z"):
        VERSIONS.main(arguments)
    assert VERSIONS.problems(ROOT) == []


def test_a_version_without_notes_is_refused(copy: Path) -> None:
    (copy / "CHANGELOG.md").write_text("# Changelog\n\n## 9.9.9\n\nOther.\n", "utf-8")
    with pytest.raises(SystemExit, match="no section"):
        VERSIONS.notes(copy)
