"""Makes the chart's values.schema.json and README.md from values.yaml and the program's settings.

`python -m tests.chart.generate` writes both; a test compares them.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from pymager.config import Settings

CHART = Path(__file__).parents[2] / "charts" / "pymager"
# Settings that have a place of their own among the values.
ELSEWHERE = {"users": "secrets.users", "tokens": "secrets.tokens", "drain_delay": "drainDelay"}
ELSEWHERE |= {"metrics_port": "metrics.port"}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}}
_SECONDS = {"type": "integer", "minimum": 1}
_COUNT = {"type": "integer", "minimum": 1}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65_535}
_QUANTITY = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?([EPTGMk]|[EPTGMK]i|m)?$"}
_SHARE = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
# What the program takes, and a pod can't have: the probes and the volume have to know.
_NARROWER: dict[str, dict[str, Any]] = {"port": {"minimum": 1}, "data": {"pattern": "^/"}}
# What the default of a value does not say about its type.
TYPES: dict[str, Any] = {
    "replicas": {"type": "integer", "minimum": 0},
    "image.repository": {"type": "string", "minLength": 1},
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.pullSecrets": _NAMES,
    "secrets.env": {
        "type": "object",
        "propertyNames": {"pattern": "^[A-Z_][A-Z0-9_]*$"},
        "additionalProperties": {"type": "string"},
    },
    "persistence.size": _QUANTITY,
    "persistence.accessModes": {
        "type": "array",
        "minItems": 1,
        "items": {"enum": ["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]},
    },
    "spoolSize": _QUANTITY,
    "init.backoffLimit": {"type": "integer", "minimum": 0},
    "init.activeDeadlineSeconds": _SECONDS,
    "init.annotations": _STRINGS,
    "sweep.schedule": {"type": "string", "minLength": 9},
    "sweep.prefixes": _NAMES,
    "sweep.activeDeadlineSeconds": _SECONDS,
    "drainDelay": {"type": "integer", "minimum": 0, "maximum": 600},
    "resources": {"type": "object"},
    "autoscaling.minReplicas": _COUNT,
    "autoscaling.maxReplicas": _COUNT,
    "autoscaling.targetCPUUtilizationPercentage": _COUNT,
    "podDisruptionBudget.maxUnavailable": _SHARE,
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": _PORT,
    "service.annotations": _STRINGS,
    "ingress.annotations": _STRINGS,
    "ingress.hosts": _NAMES,
    "ingress.tls": _OBJECTS,
    "httpRoute.annotations": _STRINGS,
    "httpRoute.parentRefs": _OBJECTS,
    "httpRoute.hostnames": _NAMES,
    "metrics.port": _PORT,
    "metrics.serviceMonitor.interval": _DURATION,
    "metrics.serviceMonitor.labels": _STRINGS,
    "metrics.rules.labels": _STRINGS,
    "metrics.dashboard.labels": _STRINGS,
    "networkPolicy.from": _OBJECTS,
    "networkPolicy.metricsFrom": _OBJECTS,
    "networkPolicy.to": _OBJECTS,
    "serviceAccount.annotations": _STRINGS,
    "probes.startup": _SECONDS,
    "probes.period": _SECONDS,
    "probes.timeout": _SECONDS,
    "extraEnv": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    "extraVolumes": _OBJECTS,
    "extraVolumeMounts": _OBJECTS,
    "podAnnotations": _STRINGS,
    "podLabels": _STRINGS,
    "nodeSelector": _STRINGS,
    "tolerations": _OBJECTS,
    "affinity": {"type": "object"},
    "topologySpreadConstraints": _OBJECTS,
}


def values() -> dict[str, Any]:
    """The defaults."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def leaves(tree: dict[str, Any] | None = None, path: str = "") -> dict[str, Any]:
    """Every value that can be set, by its path with dots; what `TYPES` describes is one."""
    found: dict[str, Any] = {}
    for name, value in (values() if tree is None else tree).items():
        full = f"{path}{name}"
        if isinstance(value, dict) and full not in TYPES and full != "settings":
            found |= leaves(value, f"{full}.")
        else:
            found[full] = value
    return found


def schema() -> dict[str, Any]:
    """The JSON schema of all values."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "pymager"} | _object(values(), "")


def _object(tree: dict[str, Any], path: str) -> dict[str, Any]:
    properties = {name: _type(value, f"{path}{name}") for name, value in tree.items()}
    if not path:
        properties["global"] = {"type": "object"}  # Helm's own
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _type(value: Any, path: str) -> dict[str, Any]:
    if path == "settings":
        return settings_schema()
    if path in TYPES:
        given: dict[str, Any] = TYPES[path]
        return given
    if isinstance(value, dict):
        return _object(value, f"{path}.")
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, str):
        return {"type": "string"}
    raise TypeError(f"say in TYPES what {path} may be")


def settings_schema() -> dict[str, Any]:
    """The settings that are set by `settings`, as the program checks them."""
    described = Settings.model_json_schema()["properties"]
    chosen = {name: _setting(name, described[name]) for name in Settings.model_fields if name not in ELSEWHERE}
    return {"type": "object", "additionalProperties": False, "properties": chosen}


def _setting(name: str, described: dict[str, Any]) -> dict[str, Any]:
    text = {"description": Settings.model_fields[name].description}
    annotation = str(Settings.model_fields[name].annotation)
    if "ByteSize" in annotation:
        return text | {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+ ?[A-Za-z]+$"}]
        }
    if "tuple" in annotation:
        return text | {"anyOf": [{"type": "string"}, _NAMES]}
    if "enum" in described:
        return text | {"enum": described["enum"]}
    kept = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength")
    limits = {key: described[key] for key in kept if key in described} | _NARROWER.get(name, {})
    return text | {"type": described.get("type", "string")} | limits


def readme() -> str:
    """The chart's README, from the comments in values.yaml."""
    rows = "".join(f"| `{path}` | {_shown(value)} | {text} |\n" for path, value, text in _commented())
    fields = Settings.model_fields
    settings = "".join(
        f"| `{name}` | {field.description} |\n" for name, field in fields.items() if name not in ELSEWHERE
    )
    return (CHART / "README.head.md").read_text() + (
        f"\n## Values\n\n| value | default | meaning |\n|---|---|---|\n{rows}\n"
        f"## Settings\n\nBelow `settings`, by their names:\n\n| setting | meaning |\n|---|---|\n{settings}"
    )


def _shown(value: Any) -> str:
    return "" if value in ("", [], {}) else f"`{json.dumps(value)}`"


def _commented() -> list[tuple[str, Any, str]]:
    known, found = leaves(), []
    stack: list[tuple[int, str, str]] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        if match := re.fullmatch(r"\s*# (.*)", line):
            comment.append(match[1])
            continue
        if match := re.match(r"( *)([A-Za-z]+):", line):
            indent = len(match[1])
            while stack and stack[-1][0] >= indent:
                stack.pop()
            path = ".".join([*(name for _, name, _ in stack), match[2]])
            text = " ".join(comment)
            if path in known:
                above = stack[-1][2] if stack and not text else ""
                found.append((path, known[path], text or above))
            stack.append((indent, match[2], text))
        comment = []
    return found


def main() -> None:
    """Write both files."""
    (CHART / "values.schema.json").write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    (CHART / "README.md").write_text(readme())


if __name__ == "__main__":
    main()
