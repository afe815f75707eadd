"""What the chart renders is valid, restricted and without secrets in plain sight, for every case."""

import base64
import copy
import json
from typing import Any

import pytest
from click.testing import CliRunner

from pymager.cli import program
from pymager.web.openapi.document import document
from tests.chart.generate import CHART
from tests.chart.kinds import CUSTOM, VERSIONS, fault
from tests.chart.rendering import CASES, Manifest, content, of_kind, pods, read, render
from tests.chart.restricted import violations
from tests.servers.helm import helm


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_helm_finds_nothing_wrong(path: object) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_what_kubernetes_takes(cases: dict[str, list[Manifest]], version: str) -> None:
    distinct = {json.dumps(manifest): (name, manifest) for name, found in cases.items() for manifest in found}
    faults = {name: found for name, manifest in distinct.values() if (found := fault(manifest, version))}
    assert faults == {}
    assert CUSTOM.keys() <= {(manifest["apiVersion"], manifest["kind"]) for _, manifest in distinct.values()}


@pytest.mark.parametrize(
    ("case", "kind", "path", "value"),
    [
        ("default", "Deployment", "spec.template.spec.portz", []),
        ("default", "Deployment", "spec.template.spec.containers", {}),
        ("default", "Service", "spec.ports", ["http"]),
        ("monitoring", "ServiceMonitor", "spec.endpoint", []),
        ("monitoring", "ServiceMonitor", "spec.endpoints", []),
        ("monitoring", "PrometheusRule", "spec.groups", [{"name": "x", "rules": [{"alert": "x"}]}]),
        ("gateway", "HTTPRoute", "spec.rules", [{"matches": [{"path": "/derived"}]}]),
        ("gateway", "HTTPRoute", "apiVersion", "gateway.networking.k8s.io/v2"),
    ],
)
def test_the_check_against_kubernetes_finds_what_is_wrong(
    cases: dict[str, list[Manifest]], case: str, kind: str, path: str, value: object
) -> None:
    broken = copy.deepcopy(of_kind(cases[case], kind)[0])
    assert fault(broken, VERSIONS[-1]) is None
    *parents, last = path.split(".")
    place = broken
    for name in parents:
        place = place[name]
    place[last] = value
    assert fault(broken, VERSIONS[-1]) is not None


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


_GOOD = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _container(**changed: object) -> dict[str, Any]:
    return {"containers": [{"name": "x", "securityContext": _GOOD | changed}]}


def test_the_standard_allows_what_is_right() -> None:
    assert violations(_container()) == []
    assert violations(_container(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})) == []


@pytest.mark.parametrize(
    "change",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"hostIPC": True},
        {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
        {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
        {"securityContext": {"runAsUser": 0}},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
        {"securityContext": {"seLinuxOptions": {"user": "root"}}},
        {"securityContext": {"windowsOptions": {"hostProcess": True}}},
        {"containers": [{"name": "x"}]},
        {"initContainers": [{"name": "x"}]},
        {"ephemeralContainers": [{"name": "x"}]},
        _container(privileged=True),
        _container(allowPrivilegeEscalation=True),
        _container(allowPrivilegeEscalation=None),
        _container(capabilities={"drop": ["NET_RAW"]}),
        _container(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        _container(runAsNonRoot=False),
        _container(runAsUser=0),
        _container(seccompProfile={"type": "Unconfined"}),
        _container(appArmorProfile={"type": "Unconfined"}),
        _container(procMount="Unmasked"),
        {"containers": [{"name": "x", "securityContext": _GOOD, "ports": [{"containerPort": 1, "hostPort": 1}]}]},
        {"containers": [{"name": "x", "securityContext": _GOOD, "livenessProbe": {"tcpSocket": {"host": "db"}}}]},
    ],
    ids=json.dumps,
)
def test_the_standard_is_told_from_what_breaks_it(cases: dict[str, list[Manifest]], change: dict[str, Any]) -> None:
    (pod,) = pods(cases["claim"])
    assert violations(pod) == []
    assert len(violations(_container() | change)) >= 1
    if "securityContext" not in change:
        assert violations(pod | change) != []


def test_no_secret_stands_but_in_a_secret(cases: dict[str, list[Manifest]]) -> None:
    for name, manifests in cases.items():
        given = read(CHART / "ci" / f"{name}-values.yaml").get("secrets", {})
        secrets = [value for value in [*given.values(), *given.get("env", {}).values()] if isinstance(value, str)]
        open_ones = json.dumps([manifest for manifest in manifests if manifest["kind"] != "Secret"])
        kept = [set(content(manifest).values()) for manifest in of_kind(manifests, "Secret")]
        for secret in {secret for secret in secrets if secret and secret != "pymager"}:
            assert json.dumps(secret)[1:-1] not in open_ones, name
            assert base64.b64encode(secret.encode()).decode() not in open_ones, name
            assert kept and all(secret in values for values in kept), name


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


def test_what_the_containers_run_are_commands_of_the_program(cases: dict[str, list[Manifest]]) -> None:
    found = {
        tuple(container["args"])
        for manifests in cases.values()
        for pod in pods(manifests)
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    }
    assert {arguments[0] for arguments in found} == {"serve", "init", "sweep"}
    for arguments in found:
        assert CliRunner().invoke(program, [*arguments, "--help"]).exit_code == 0, arguments


def test_all_that_is_public_is_routed_and_the_probes_are_not(cases: dict[str, list[Manifest]]) -> None:
    paths = {f"/{path.split('/')[1]}" for path in document()["paths"]}
    (pod,) = pods(of_kind(cases["default"], "Deployment"))
    (container,) = pod["containers"]
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    (ingress,), (route,) = of_kind(cases["ingress"], "Ingress"), of_kind(cases["gateway"], "HTTPRoute")
    assert probes < paths
    for rule in ingress["spec"]["rules"]:
        assert {path["path"] for path in rule["http"]["paths"]} == paths - probes - {"/", "/ui"}
    matches = {match["path"]["value"] for match in route["spec"]["rules"][0]["matches"]}
    assert matches == paths - probes - {"/", "/ui"}


def test_the_web_page_is_routed_only_where_it_is_on() -> None:
    values = {
        "settings": {"ui": "on"},
        "ingress": {"enabled": True, "hosts": ["img.example.org"]},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    }
    manifests = render(values)
    (ingress,), (route,) = of_kind(manifests, "Ingress"), of_kind(manifests, "HTTPRoute")
    paths = {path["path"]: path["pathType"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    matches = {match["path"]["value"]: match["path"]["type"] for match in route["spec"]["rules"][0]["matches"]}
    assert (paths["/"], paths["/ui"]) == ("Exact", "Prefix")
    assert (matches["/"], matches["/ui"]) == ("Exact", "PathPrefix")
    assert all(fault(manifest, VERSIONS[-1]) is None for manifest in (ingress, route))


def test_pods_get_the_time_to_drain(cases: dict[str, list[Manifest]]) -> None:
    (deployment,) = of_kind(cases["settings"], "Deployment")
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 20 + 45 + 5
