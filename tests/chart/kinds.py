"""Kubernetes' check of a manifest, also for the kinds of others that the chart makes.

Their fields are those of their own references: the Prometheus operator's API (monitoring.coreos.com/v1) and the Gateway
API's v1. Only what the chart writes is there, so a field that is new to the chart has to be looked up first.
"""

from typing import Any

import jsonschema
import kubernetes_validate

from tests.chart.shapes import STRINGS, TEXT, Schema, listed

VERSIONS = ("1.30", "1.37")
_DURATION: Schema = {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"}
_WORD: Schema = {"type": "string", "minLength": 1}


def _exactly(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


def _some(schema: Schema, *optional: str) -> Schema:
    return schema | {"required": [name for name in schema["required"] if name not in optional]}


def _many(item: Schema, most: int = 1_000) -> Schema:
    return listed(item) | {"minItems": 1, "maxItems": most}


_ENDPOINT = _exactly(port=_WORD, path=_WORD, interval=_DURATION)
_SERVICE_MONITOR = _exactly(selector=_exactly(matchLabels=STRINGS), endpoints=_many(_ENDPOINT))
_ALERT = _exactly(alert=_WORD, expr=_WORD, **{"for": _DURATION}, labels=STRINGS, annotations=STRINGS)
_GROUP = _exactly(name=_WORD, rules=_many(_some(_ALERT, "for")))
_PARENT = _exactly(name=_WORD, namespace=TEXT, sectionName=TEXT)
_PATH = _exactly(type={"enum": ["Exact", "PathPrefix"]}, value={"type": "string", "pattern": "^/"})
_BACKEND = _exactly(name=_WORD, port={"type": "integer", "minimum": 1, "maximum": 65_535})
_RULE = _exactly(matches=_many(_exactly(path=_PATH), most=64), backendRefs=_many(_BACKEND, most=16))
_ROUTE = _exactly(
    parentRefs=_many(_some(_PARENT, "namespace", "sectionName"), most=32),
    hostnames=_many(_WORD, most=16),
    rules=_many(_RULE, most=16),
)
_METADATA = _some(_exactly(name=_WORD, labels=STRINGS, annotations=STRINGS), "annotations")
CUSTOM: dict[tuple[str, str], Schema] = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _SERVICE_MONITOR,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _exactly(groups=_many(_GROUP)),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _some(_ROUTE, "hostnames"),
}


def fault(manifest: dict[str, Any], version: str) -> str | None:
    """What this version of Kubernetes does not take of a manifest, or None."""
    of = (manifest.get("apiVersion", ""), manifest.get("kind", ""))
    try:
        if of in CUSTOM:
            whole = _exactly(apiVersion=TEXT, kind=TEXT, metadata=_METADATA, spec=CUSTOM[of])
            jsonschema.validate(manifest, whole)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return f"{of[1]}: {error.message}"
    return None
