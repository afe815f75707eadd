"""What Kubernetes takes in the values that it gets as they are written: the fields of its API, by their names."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
STRINGS: Schema = {"type": "object", "additionalProperties": TEXT}
# RFC 1123's names, as Kubernetes has them for objects; empty where the value is not set.
NAME: Schema = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"}
# One that a Service may have too (RFC 1035).
SERVICE_NAME: Schema = {"type": "string", "pattern": "^([a-z]([-a-z0-9]{0,38}[a-z0-9])?)?$"}
QUANTITY: Schema = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?([EPTGMk]|[EPTGMK]i|m)?$"}
_HOST: Schema = {"type": "string", "pattern": "^(\\*\\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"}
_OBJECT: Schema = {"type": "object"}
_INTEGER: Schema = {"type": "integer"}


def _fields(*required: str, **properties: Schema) -> Schema:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "additionalProperties": False, "properties": properties} | needed


def listed(item: Schema) -> Schema:
    """Any number of them."""
    return {"type": "array", "items": item}


_AMOUNTS: Schema = {"type": "object", "additionalProperties": {"anyOf": [QUANTITY, {"type": "number", "minimum": 0}]}}
_SELECTOR = _fields(
    matchLabels=STRINGS,
    matchExpressions=listed(_fields("key", "operator", key=TEXT, operator=TEXT, values=listed(TEXT))),
)

RESOURCES = _fields(requests=_AMOUNTS, limits=_AMOUNTS, claims=listed(_OBJECT))
# Such labels are what the chart's selectors go by.
POD_LABELS = STRINGS | {"patternProperties": {"^(app\\.kubernetes\\.io|helm\\.sh)/": False}}
POD_ANNOTATIONS = STRINGS | {"patternProperties": {"^checksum/(settings|secrets)$": False}}
HOSTS = listed(_HOST)
ENV = listed(_fields("name", name=TEXT | {"minLength": 1}, value=TEXT, valueFrom=_OBJECT))
MOUNTS = listed(
    _fields(
        *("name", "mountPath"),
        name=TEXT,
        mountPath=TEXT,
        subPath=TEXT,
        subPathExpr=TEXT,
        readOnly={"type": "boolean"},
        recursiveReadOnly=TEXT,
        mountPropagation=TEXT,
    )
)
# A volume is of one kind, of which there are many.
VOLUMES = listed({"type": "object", "required": ["name"], "minProperties": 2, "maxProperties": 2})
TLS = listed(_fields(hosts=HOSTS, secretName=TEXT))
PARENTS = listed(_fields("name", group=TEXT, kind=TEXT, namespace=TEXT, name=TEXT, sectionName=TEXT, port=_INTEGER))
_BLOCK = _fields("cidr", cidr=TEXT, **{"except": listed(TEXT)})
PEERS = listed(_fields(ipBlock=_BLOCK, namespaceSelector=_SELECTOR, podSelector=_SELECTOR) | {"minProperties": 1})
TOLERATIONS = listed(
    _fields(
        key=TEXT,
        operator={"enum": ["Exists", "Equal", "Lt", "Gt"]},
        value=TEXT,
        effect={"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
        tolerationSeconds=_INTEGER,
    )
)
AFFINITY = _fields(nodeAffinity=_OBJECT, podAffinity=_OBJECT, podAntiAffinity=_OBJECT)
SPREAD = listed(
    _fields(
        *("maxSkew", "topologyKey", "whenUnsatisfiable"),
        maxSkew=_INTEGER | {"minimum": 1},
        topologyKey=TEXT,
        whenUnsatisfiable={"enum": ["DoNotSchedule", "ScheduleAnyway"]},
        labelSelector=_SELECTOR,
        matchLabelKeys=listed(TEXT),
        minDomains=_INTEGER,
        nodeAffinityPolicy={"enum": ["Honor", "Ignore"]},
        nodeTaintsPolicy={"enum": ["Honor", "Ignore"]},
    )
)
