"""What the chart renders is valid, restricted and without secrets in plain sight, for every case."""

import copy
import json
from typing import Any

import kubernetes_validate
import pytest

from tests.chart.generate import CHART
from tests.chart.rendering import CASES, Manifest, of_kind, pods, read
from tests.chart.restricted import violations
from tests.servers.helm import helm

_VERSIONS = ("1.30", "1.37")
# Kinds that Kubernetes does not bring along, with the fields that their definitions require.
_CUSTOM = {
    "ServiceMonitor": ("selector", "endpoints"),
    "PrometheusRule": ("groups",),
    "HTTPRoute": ("parentRefs", "rules"),
}


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_helm_finds_nothing_wrong(path: object) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", _VERSIONS)
def test_manifests_are_what_kubernetes_takes(cases: dict[str, list[Manifest]], version: str) -> None:
    custom, distinct = set(), {}
    for name, manifests in cases.items():
        distinct |= {json.dumps(manifest): (name, manifest) for manifest in manifests}
    for name, manifest in distinct.values():
        if manifest["kind"] in _CUSTOM:
            custom.add(manifest["kind"])
            assert set(_CUSTOM[manifest["kind"]]) <= set(manifest["spec"]), (name, manifest)
            continue
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{name}: {manifest['kind']}: {error.message}")
    assert custom == set(_CUSTOM)


def test_the_check_against_kubernetes_finds_what_is_wrong(cases: dict[str, list[Manifest]]) -> None:
    (deployment,) = of_kind(cases["default"], "Deployment")
    broken = copy.deepcopy(deployment)
    broken["spec"]["template"]["spec"]["containers"][0]["portz"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.37", strict=True)


def test_names_are_unique_in_each_case(cases: dict[str, list[Manifest]]) -> None:
    for name, manifests in cases.items():
        names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
        assert len(names) == len(set(names)), name


def test_every_pod_meets_the_restricted_standard(cases: dict[str, list[Manifest]]) -> None:
    kinds = {manifest["kind"] for manifests in cases.values() for manifest in manifests}
    assert {"Deployment", "Job", "CronJob"} <= kinds
    for name, manifests in cases.items():
        for pod in pods(manifests):
            assert violations(pod) == [], name
            assert pod["enableServiceLinks"] is False
            assert pod["automountServiceAccountToken"] is False
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
        {"securityContext": {"runAsNonRoot": True}},
        {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
        {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "Unconfined"}}},
        {"containers": [{"name": "x"}]},
        {"containers": [{"name": "x", "securityContext": {"allowPrivilegeEscalation": False}}]},
        {
            "containers": [
                {
                    "name": "x",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "privileged": True,
                        "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
                    },
                }
            ]
        },
    ],
    ids=json.dumps,
)
def test_the_standard_is_told_from_what_breaks_it(cases: dict[str, list[Manifest]], change: dict[str, Any]) -> None:
    (pod,) = pods(cases["claim"])
    assert violations(pod) == []
    assert violations(pod | change) != []


def test_no_secret_stands_but_in_a_secret(cases: dict[str, list[Manifest]]) -> None:
    for name, manifests in cases.items():
        given = read(CHART / "ci" / f"{name}-values.yaml").get("secrets", {})
        secrets = [value for value in [*given.values(), *given.get("env", {}).values()] if isinstance(value, str)]
        secrets = [secret for secret in secrets if secret != "pymager"]
        open_ones = json.dumps([manifest for manifest in manifests if manifest["kind"] != "Secret"])
        for secret in secrets:
            assert json.dumps(secret)[1:-1] not in open_ones, name
            assert json.dumps(secret)[1:-1] in json.dumps(of_kind(manifests, "Secret")), name


def test_hooks_refer_to_what_is_there_before_the_release(cases: dict[str, list[Manifest]]) -> None:
    for name in ("bucket", "secrets", "dynamodb"):
        hooks = [m for m in cases[name] if "helm.sh/hook" in m["metadata"].get("annotations", {})]
        there = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in hooks}
        (job,) = of_kind(hooks, "Job")
        (pod,) = pods([job])
        assert ("ServiceAccount", pod["serviceAccountName"]) in there
        for source in pod["containers"][0]["envFrom"]:
            kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[next(iter(source))]
            assert (kind, source[next(iter(source))]["name"]) in there
        assert not any("persistentVolumeClaim" in volume for volume in pod["volumes"])
        weights = {m["kind"]: int(m["metadata"]["annotations"]["helm.sh/hook-weight"]) for m in hooks}
        assert all(weight < weights["Job"] for kind, weight in weights.items() if kind != "Job")


def test_pods_get_the_time_to_drain(cases: dict[str, list[Manifest]]) -> None:
    (deployment,) = of_kind(cases["settings"], "Deployment")
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 20 + 45 + 5
