"""The values on the page about Kubernetes are values that the chart takes."""

import re
from pathlib import Path

import kubernetes_validate
import yaml

from tests.chart.rendering import pods, render_all
from tests.chart.restricted import violations

_PAGE = Path(__file__).parents[2] / "docs" / "kubernetes.md"


def test_every_values_file_on_the_page_renders_to_what_kubernetes_takes() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(), re.DOTALL)]
    given = [block for block in blocks if "apiVersion" not in block]
    assert len(given) >= 3
    for manifests in render_all(given):
        for pod in pods(manifests):
            assert violations(pod) == []
        for manifest in manifests:
            if not manifest["apiVersion"].startswith(("monitoring.coreos.com", "gateway.networking")):
                kubernetes_validate.validate(manifest, "1.37", strict=True)
