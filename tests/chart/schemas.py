"""Manifests against Kubernetes' own schemas, strictly: what they don't know is wrong."""

import json
import zipfile
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.servers.helm import schemas

VERSIONS = ("1.30", "1.37")
# What comes with an operator or the Gateway API, and the fields that it can't be without.
CUSTOM = {
    "ServiceMonitor": ("monitoring.coreos.com/v1", ("selector", "endpoints")),
    "PrometheusRule": ("monitoring.coreos.com/v1", ("groups",)),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", ("parentRefs", "rules")),
}


def faults(manifest: dict[str, Any], version: str) -> list[str]:
    """What is wrong with a manifest in a version of Kubernetes, with the place of each."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if kind in CUSTOM:
        api, required = CUSTOM[kind]
        wrong = [] if manifest["apiVersion"] == api else ["apiVersion"]
        return [f"{kind} {name}: {field}" for field in [*wrong, *(f for f in required if not manifest["spec"].get(f))]]
    errors = _validator(kind, manifest["apiVersion"], version).iter_errors(manifest)
    return [f"{kind} {name}: {'.'.join(map(str, error.path))}: {error.message}" for error in errors]


@cache
def _validator(kind: str, api: str, version: str) -> Draft202012Validator:
    group, _, number = api.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.partition(".")[0], number) if part)
    schema = _read(version, name)
    return Draft202012Validator(
        schema, registry=_definitions(version).with_resource("", Resource.from_contents(schema))
    )


@cache
def _definitions(version: str) -> Registry[Any]:
    return Resource.from_contents(_read(version, "_definitions")) @ Registry()


def _read(version: str, name: str) -> Any:
    with zipfile.ZipFile(schemas()) as wheel:
        path = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict/{name}.json"
        return json.loads(wheel.read(path))
