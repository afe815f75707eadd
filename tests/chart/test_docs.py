"""The values and the commands on the page about Kubernetes are such as the chart and helm take."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.generate import CHART
from tests.chart.kinds import VERSIONS, fault
from tests.chart.page import PAGE, values_files
from tests.chart.rendering import Manifest, pods, render, render_all
from tests.chart.restricted import violations
from tests.servers.helm import helm

_VALUES = values_files()
_SET = re.findall(r"--set ([^\s`]+)", PAGE)
_COMMANDS = re.findall(r"^ *(helm .*)", PAGE, re.MULTILINE)


def _check(manifests: list[Manifest]) -> None:
    assert [line for pod in pods(manifests) for line in violations(pod)] == []
    assert [found for one in manifests for version in VERSIONS if (found := fault(one, version))] == []


def test_every_values_file_on_the_page_renders_to_what_kubernetes_takes() -> None:
    assert len(_VALUES) >= 6
    for manifests in render_all(_VALUES):
        _check(manifests)


@pytest.mark.parametrize("given", _SET)
def test_what_the_page_sets_on_the_command_line_is_taken(given: str) -> None:
    embedded, eks = _VALUES[0], next(values for values in _VALUES if "serviceAccount" in values)
    for values in (embedded, eks):
        _check(render(values, given=given))


def test_the_page_sets_something_on_the_command_line() -> None:
    assert len(_SET) >= 3


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_commands_on_the_page_are_helms(command: str, tmp_path: Path) -> None:
    """As they stand, but for what a cluster answers."""
    program, *words = shlex.split(command, comments=True)
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(_VALUES[0]))
    paths = {"values.yaml": str(values), "charts/pymager": str(CHART)}
    assert program == "helm"
    assert words[0] == "upgrade"
    words = ["template", *(paths.get(word, word) for word in words[1:] if word != "--install")]
    done = helm(*words)
    assert done.returncode == 0, done.stderr
    found: list[Any] = list(yaml.safe_load_all(done.stdout))
    _check([manifest for manifest in found if manifest])
