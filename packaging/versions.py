"""The version that all parts share: `python packaging/versions.py check [vX.Y.Z]`, `bump X.Y.Z` or `notes`.

It needs only Python. `check` compares all places with pyproject.toml, and a tag with them. `bump` writes a new version
into all of them. `notes` prints what CHANGELOG.md says about the current version.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
VERSION = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}")
_ANY = r"(\d+\.\d+\.\d+(?:[.+-]?[a-z]\w*)?)"
_FILE_NAME = rf"\bpymager(?:[_-]client)?[_-]{_ANY}(?:[_-](?:amd64|arm64|py3)|\.t)"
_HEADING = r"(?m)^## (\S+)"


@dataclass(frozen=True, slots=True)
class Place:
    """Files of the checkout, by a glob pattern, and a regular expression whose only group is the version."""

    files: str
    pattern: str
    count: int | None = 1  # how often each file has it; None if it varies


PLACES = (
    Place("pyproject.toml", rf'(?m)^version = "{_ANY}"$'),
    Place("pymager/__init__.py", rf'(?m)^__version__ = "{_ANY}"$'),
    Place("charts/pymager/Chart.yaml", rf"(?m)^version: {_ANY}$"),
    Place("charts/pymager/Chart.yaml", rf'(?m)^appVersion: "{_ANY}"$'),
    Place("CITATION.cff", rf"(?m)^version: {_ANY}$"),
    Place("clients/python/pyproject.toml", rf'(?m)^version = "{_ANY}"$'),
    Place("clients/python/src/*/*.py", rf'(?m)^__version__(?:: \w+)? = "{_ANY}"$', None),
    Place("clients/typescript/package.json", rf'(?m)^  "version": "{_ANY}"'),
    Place("clients/typescript/package-lock.json", rf'(?m)\A\{{\n  "name": .*\n  "version": "{_ANY}"'),
    Place("clients/typescript/package-lock.json", rf'(?m)^    "": \{{\n      "name": .*\n      "version": "{_ANY}"'),
    Place("clients/jvm/pom.xml", rf"<artifactId>pymager-client</artifactId>\s*<version>{_ANY}</version>"),
    Place("README.md", _FILE_NAME, None),
    Place("docs/**/*.md", _FILE_NAME, None),
    Place("clients/*/*.md", _FILE_NAME, None),
    Place("clients/*/*.md", rf"<artifactId>pymager-client</artifactId>\s*<version>{_ANY}</version>", None),
    Place("clients/*/*.md", rf'org\.pymager(?::|" %+ ")pymager-client(?::|" % "){_ANY}"', None),
)
_OF_THE_PAST = {"CHANGELOG.md", "decisions.md", "benchmark.md"}  # pages that also name earlier versions


@dataclass(frozen=True, slots=True)
class Found:
    """A place in a file, and the version that it names, or None if it names none."""

    path: Path
    line: int
    version: str | None


def found(root: Path) -> Iterator[Found]:
    """Every place below `root` that names the version."""
    for place in PLACES:
        for path in _files(root, place):
            text = path.read_text("utf-8")
            matches = list(re.finditer(place.pattern, text))
            for match in matches:
                yield Found(path, text.count("\n", 0, match.start(1)) + 1, match[1])
            if place.count is not None and len(matches) != place.count:
                yield Found(path, 1, None)


def _files(root: Path, place: Place) -> Iterator[Path]:
    for path in sorted(root.glob(place.files)):
        if path.name not in _OF_THE_PAST:
            yield path


def current(root: Path) -> str:
    """The version in pyproject.toml. Raises `SystemExit` if there is none."""
    match = re.search(PLACES[0].pattern, (root / PLACES[0].files).read_text("utf-8"))
    if match is None:
        sys.exit(f"{PLACES[0].files} has no version")
    return match[1]


def problems(root: Path, tag: str | None = None) -> list[str]:
    """What does not agree with the version in pyproject.toml, one line each."""
    version = current(root)
    wrong = [
        f"{place.path.relative_to(root)}:{place.line}: {place.version or 'no version where it is expected'}"
        for place in found(root)
        if place.version != version
    ]
    heading = re.search(_HEADING, (root / "CHANGELOG.md").read_text("utf-8"))
    if heading is None or heading[1] != version:
        wrong.append(f"CHANGELOG.md: the first heading must be '## {version}'")
    if not VERSION.fullmatch(version):
        wrong.append(f"pyproject.toml: the version must be X.Y.Z, got {version}")
    if tag is not None and tag != f"v{version}":
        wrong.append(f"the tag must be v{version}, got {tag}")
    return wrong


def bump(root: Path, version: str) -> None:
    """Write `version` into all places, and today's date into CITATION.cff. CHANGELOG.md is written by hand."""
    for place in PLACES:
        for path in _files(root, place):
            text = path.read_text("utf-8")
            path.write_text(re.sub(place.pattern, lambda match: _replaced(match, version), text), "utf-8")
    citation = root / "CITATION.cff"
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    citation.write_text(re.sub(r"(?m)^date-released: .*$", f"date-released: {day}", citation.read_text()))


def _replaced(match: re.Match[str], version: str) -> str:
    start, end = (position - match.start() for position in match.span(1))
    return match[0][:start] + version + match[0][end:]


def notes(root: Path) -> str:
    """The section of the current version in CHANGELOG.md, without its heading. Raises `SystemExit` if there is none."""
    version = re.escape(current(root))
    pattern = rf"(?ms)^## {version}\b[^\n]*\n(.*?)(?=^## |\Z)"
    section = re.search(pattern, (root / "CHANGELOG.md").read_text("utf-8"))
    if section is None or not section[1].strip():
        sys.exit(f"CHANGELOG.md has no section of version {current(root)}")
    return section[1].strip() + "\n"


def main(arguments: list[str]) -> None:
    """Run one command. Raises `SystemExit`."""
    match arguments:
        case ["check", *tags] if len(tags) <= 1:
            if wrong := problems(CHECKOUT, *tags):
                sys.exit("\n".join([f"The version is {current(CHECKOUT)}. These do not agree:", *wrong]))
            sys.stdout.write(f"{current(CHECKOUT)}\n")
        case ["bump", version] if VERSION.fullmatch(version):
            bump(CHECKOUT, version)
        case ["notes"]:
            sys.stdout.write(notes(CHECKOUT))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
