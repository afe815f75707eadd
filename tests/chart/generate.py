"""Makes the chart's values.schema.json and README.md from values.yaml and the program's settings.

`python -m tests.chart.generate` writes both; a test compares them.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from pymager.settings.model import Settings
from pymager.settings.reference import default_of
from pymager.variants import mezzanine
from tests.chart import shapes
from tests.chart.shapes import NAME, QUANTITY, STRINGS, TEXT

CHART = Path(__file__).parents[2] / "charts" / "pymager"
# Settings that have a place of their own among the values.
ELSEWHERE = {
    "users": "secrets.users",
    "tokens": "secrets.tokens",
    "signing_keys": "secrets.signingKeys",
    "purgers": "secrets.purgers",
    "drain_delay": "drainDelay",
}
ELSEWHERE |= {"metrics_port": "metrics.port"}
# What is in force in a pod of the chart where nothing else is set.
IN_A_POD = {"host": "0.0.0.0", "data": "/var/lib/pymager", "workers": "2", "log_format": "json"}
_NAMES = shapes.listed(TEXT | {"minLength": 1})
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
_PORT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65_535}
# A pod without root may not have the lower ones.
_OPEN_PORT = _PORT | {"minimum": 1024}
_SHARE = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
_CRON = {"type": "string", "pattern": "^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[^ ]+( +[^ ]+){4})$"}
_TAG = {"type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"}
_URL = {"pattern": "^([A-Za-z][A-Za-z0-9+.-]*:.*)?$"}
# What the program says only at its start; and what it takes but a pod can't have: probes and volumes have to know.
_NARROWER: dict[str, dict[str, Any]] = {
    "port": {"minimum": 1024},
    "data": {"pattern": "^/[^?#]+$"},
    "blobs": _URL,
    "metadata": _URL,
    "shared_cache": _URL,
    "public_url": {"pattern": "^(https?://[^?#]+)?$"},
    "background": {"pattern": "^#[0-9a-fA-F]{6}$"},
}
_SIDE = "[1-9][0-9]{0,4}"
_SIZE = rf"(\*|{_SIDE}x({_SIDE})?|x{_SIDE})"
# Settings that may be a list or one string.
_ITEMS = {"sizes": [{"pattern": f"^{_SIZE}([ ,]+{_SIZE})*$"}, {"pattern": f"^{_SIZE}$"}]}
# Lists that can be empty although their default is not.
_OPTIONAL = {"auto_formats"}
# Tables that are written as one string.
_TEXTS = ("presets", "watermarks")
# Settings that are a number or a word.
_NUMBER_OR_WORD: dict[str, Any] = {
    "mezzanine": {
        "anyOf": [
            {"type": "integer", "minimum": mezzanine.MIN_SIDE, "maximum": mezzanine.MAX_SIDE},
            {"type": "string", "pattern": "^(off|[0-9]{3,4})$"},
        ]
    }
}
# What the default of a value does not say about its type.
TYPES: dict[str, Any] = {
    "replicas": {"type": "integer", "minimum": 0},
    "image.repository": TEXT | {"minLength": 1},
    "image.tag": _TAG,
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.pullSecrets": _NAMES,
    "fullnameOverride": shapes.SERVICE_NAME,
    "secrets.env": {
        "type": "object",
        "patternProperties": {"^[A-Za-z_][A-Za-z0-9_]*$": TEXT},
        "additionalProperties": False,
    },
    "existingSecret": NAME,
    "persistence.size": QUANTITY,
    "persistence.storageClass": NAME,
    "persistence.accessModes": {
        "type": "array",
        "minItems": 1,
        "items": {"enum": ["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]},
    },
    "persistence.existingClaim": NAME,
    "spoolSize": QUANTITY,
    "init.backoffLimit": {"type": "integer", "minimum": 0},
    "init.activeDeadlineSeconds": _COUNT,
    "init.annotations": STRINGS,
    "init.serviceAccountAnnotations": STRINGS,
    "sweep.schedule": _CRON,
    "sweep.prefixes": _NAMES,
    "sweep.activeDeadlineSeconds": _COUNT,
    "drainDelay": {"type": "integer", "minimum": 0, "maximum": 600},
    "resources": shapes.RESOURCES,
    "autoscaling.minReplicas": _COUNT,
    "autoscaling.maxReplicas": _COUNT,
    "autoscaling.targetCPUUtilizationPercentage": _COUNT,
    "podDisruptionBudget.maxUnavailable": _SHARE,
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": _PORT,
    "service.annotations": STRINGS,
    "ingress.className": NAME,
    "ingress.annotations": STRINGS,
    "ingress.hosts": shapes.HOSTS,
    "ingress.tls": shapes.TLS,
    "httpRoute.annotations": STRINGS,
    "httpRoute.parentRefs": shapes.PARENTS,
    "httpRoute.hostnames": shapes.HOSTS,
    "metrics.port": _OPEN_PORT,
    "metrics.serviceMonitor.interval": _DURATION,
    "metrics.serviceMonitor.labels": STRINGS,
    "metrics.rules.labels": STRINGS,
    "metrics.dashboard.labels": STRINGS,
    "networkPolicy.from": shapes.PEERS,
    "networkPolicy.metricsFrom": shapes.PEERS,
    "networkPolicy.to": shapes.PEERS,
    "serviceAccount.name": NAME,
    "serviceAccount.annotations": STRINGS,
    "probes.startup": _COUNT,
    "probes.period": _COUNT,
    "probes.timeout": _COUNT,
    "extraEnv": shapes.ENV,
    "extraVolumes": shapes.VOLUMES,
    "extraVolumeMounts": shapes.MOUNTS,
    "podAnnotations": shapes.POD_ANNOTATIONS,
    "podLabels": shapes.POD_LABELS,
    "nodeSelector": STRINGS,
    "tolerations": shapes.TOLERATIONS,
    "affinity": shapes.AFFINITY,
    "priorityClassName": NAME,
    "topologySpreadConstraints": shapes.SPREAD,
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
        least = 1 if Settings.model_fields[name].default and name not in _OPTIONAL else 0
        whole, item = _ITEMS.get(name, [{}, {}])
        items = shapes.listed(TEXT | {"minLength": 1} | item)
        return text | {"anyOf": [TEXT | {"minLength": least} | whole, items | {"minItems": least}]}
    if name in _NUMBER_OR_WORD:
        return text | _NUMBER_OR_WORD[name]
    if name in _TEXTS:
        return text | {"type": "string"}
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
        f"| `{name}` | {_in_a_pod(name)} | {field.description} |\n"
        for name, field in fields.items()
        if name not in ELSEWHERE
    )
    return (CHART / "README.head.md").read_text() + (
        f"\n## Values\n\n| value | default | meaning |\n|---|---|---|\n{rows}\n"
        f"## Settings\n\nPut them below `settings`, by these names. The defaults are those of a pod of this chart:\n\n"
        f"| setting | default | meaning |\n|---|---|---|\n{settings}"
    )


def _in_a_pod(name: str) -> str:
    return f"`{IN_A_POD[name]}`" if name in IN_A_POD else default_of(Settings.model_fields[name])


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
