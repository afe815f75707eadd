"""The chart rendered: values in, manifests out."""

import base64
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.chart.generate import CHART
from tests.servers.helm import helm

Manifest = dict[str, Any]
CASES = sorted(CHART.glob("ci/*-values.yaml"))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Refused(Exception):
    """What helm said to values that it did not take."""


def render(values: dict[str, Any], release: str = "pictures", given: str = "", chart: Path = CHART) -> list[Manifest]:
    """The manifests of a release with these values, and what is `given` to `--set`. Raises `Refused`."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        done = helm("template", release, str(chart), "--namespace", "img", "--values", file.name, "--set", given)
    if done.returncode:
        raise Refused(done.stderr)
    return [manifest for manifest in yaml.load_all(done.stdout, _LOADER) if manifest]


def render_all(many: list[dict[str, Any]]) -> list[list[Manifest]]:
    """The same for several, some at a time."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(render, many))


def read(path: Path) -> dict[str, Any]:
    """A file of values."""
    found: dict[str, Any] = yaml.safe_load(path.read_text()) or {}
    return found


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """The specification of every pod, its kind and name for messages beside it."""
    found = []
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if manifest["kind"] in ("Deployment", "Job", "CronJob"):
            found.append(spec["template"]["spec"])
    return found


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Those of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def variables(manifests: list[Manifest], kind: str = "Deployment") -> dict[str, str]:
    """What the environment of a pod has, the server's or another's: of the ConfigMap and the Secret that it names."""
    (pod,) = pods(of_kind(manifests, kind))
    (container,) = pod["containers"]
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        (name,) = [reference["name"] for reference in source.values()]
        for manifest in manifests:
            if manifest["kind"] in ("ConfigMap", "Secret") and manifest["metadata"]["name"] == name:
                found |= content(manifest)
    return found


def content(manifest: Manifest) -> dict[str, str]:
    """What a ConfigMap or a Secret holds, as a container sees it."""
    data: dict[str, str] = manifest["data"]
    if manifest["kind"] == "ConfigMap":
        return data
    return {name: base64.b64decode(value).decode() for name, value in data.items()}
