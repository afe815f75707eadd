"""All places name the same version."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

_ROOT = Path(__file__).parents[2]


def test_all_places_name_the_same_version() -> None:
    version = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((_ROOT / "charts" / "pymager" / "Chart.yaml").read_text())
    latest = re.search(r"^## (\S+)", (_ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    said = subprocess.run([sys.executable, "-m", "pymager", "--version"], capture_output=True, text=True, check=True)
    assert latest is not None
    assert {version, chart["version"], chart["appVersion"], latest[1], said.stdout.split()[-1]} == {version}
