"""Values: what is wrong is refused with a sentence, nothing is dead, and every setting of the program can be set."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretBytes

from pymager.settings import sources
from pymager.settings.model import Settings
from tests.chart.generate import CHART, ELSEWHERE, IN_A_POD, leaves, readme, schema, values
from tests.chart.rendering import Manifest, Refused, read, render, render_all, variables

ROOT = Path(__file__).parents[2]
_CLUSTER = {"settings": {"blobs": "s3://pictures?region=eu-west-1", "metadata": "dynamodb://pymager?region=eu-west-1"}}
_ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"


def _set(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one value at a path with dots."""
    name, _, rest = path.partition(".")
    return tree | {name: _set(tree.get(name, {}), rest, value) if rest else value}


def test_the_schema_is_made_from_the_values_and_the_settings() -> None:
    assert json.loads((CHART / "values.schema.json").read_text()) == schema(), "run make docs"


def test_the_readme_is_made_from_the_values() -> None:
    assert (CHART / "README.md").read_text() == readme(), "run make docs"


def test_the_chart_has_the_programs_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"replicas": 2}, "more than one replica needs a bucket"),
        ({"replicas": 2, "settings": {"blobs": "s3://pictures"}}, "more than one replica needs a bucket"),
        ({"replicas": 2, "settings": {"blobs": "file:/data", "metadata": "dynamodb://x"}}, "needs a bucket"),
        ({"replicas": 2, "settings": {"blobs": "s3://x", "metadata": "sqlite:///x"}}, "needs a bucket"),
        ({"autoscaling": {"enabled": True}}, "more than one replica needs a bucket"),
        ({"settings": {"metadata": "postgresql://u:secret@h/d"}}, "would end up in a ConfigMap"),
        ({"settings": {"shared_cache": "memcached://u:secret@h"}}, "would end up in a ConfigMap"),
        (
            {"settings": {"shared_cache": "memcached://h"}, "secrets": {"sharedCache": "memcached://u:p@h"}},
            "set only one of them",
        ),
        ({"existingSecret": "x", "secrets": {"users": "a:b"}}, "existingSecret and secrets cannot be combined"),
        (
            {"settings": {"metadata": "dynamodb://x"}, "secrets": {"metadata": "mysql://u:p@h/d"}},
            "set only one of them",
        ),
        ({"secrets": {"env": {"PYMAGER_PORT": "1"}}}, "a setting of pymager"),
        ({"secrets": {"env": {"A-B": "1"}}}, "A-B"),
        ({"extraEnv": [{"name": "PYMAGER_PORT", "value": "1"}]}, "a setting of pymager"),
        (_CLUSTER | {"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 3}}, "must not be greater"),
        ({"sweep": {"enabled": True}}, "sweep.enabled needs a bucket"),
        ({"metrics": {"rules": {"enabled": True}}}, "need metrics.enabled"),
        ({"ingress": {"enabled": True}}, "at least one host"),
        ({"httpRoute": {"enabled": True}}, "at least one gateway"),
        ({"replica": 2}, "replica"),
        ({"replicas": "two"}, "replicas"),
        ({"replicas": -1}, "replicas"),
        ({"settings": {"prot": 80}}, "prot"),
        ({"settings": {"port": 70_000}}, "port"),
        ({"settings": {"log_level": "loud"}}, "log_level"),
        ({"settings": {"users": "a:b"}}, "users"),
        ({"settings": {"metrics_port": 1}}, "metrics_port"),
        ({"image": {"digest": "sha256:1"}}, "digest"),
        ({"podLabels": {"a": 1}}, "podLabels"),
        ({"podLabels": {"app.kubernetes.io/name": "other"}}, "podLabels"),
        ({"podAnnotations": {"checksum/settings": "0"}}, "podAnnotations"),
        ({"fullnameOverride": "1img"}, "fullnameOverride"),
        ({"image": {"tag": "a b"}}, "tag"),
        ({"resources": {"request": {"cpu": 1}}}, "request"),
        ({"resources": {"limits": {"memory": "much"}}}, "memory"),
        ({"extraEnv": [{"name": "A", "valeu": "1"}]}, "valeu"),
        ({"extraEnv": [{"name": "A", "value": 1}]}, "value"),
        ({"extraVolumes": [{"name": "a"}]}, "extraVolumes"),
        ({"extraVolumeMounts": [{"name": "a"}]}, "mountPath"),
        ({"tolerations": [{"keey": "a"}]}, "keey"),
        ({"affinity": {"node": {}}}, "node"),
        ({"topologySpreadConstraints": [{"topologyKey": "a"}]}, "maxSkew"),
        ({"networkPolicy": {"to": [{"cidr": "10.0.0.0/8"}]}}, "cidr"),
        ({"ingress": {"hosts": ["https://img.example.org"]}}, "hosts"),
        ({"ingress": {"tls": [{"secret": "a"}]}}, "secret"),
        ({"httpRoute": {"parentRefs": [{"namespace": "a"}]}}, "name"),
        ({"sweep": {"schedule": "every day"}}, "schedule"),
        ({"settings": {"port": 80}}, "port"),
        ({"settings": {"sizes": []}}, "sizes"),
        ({"settings": {"sizes": ["800"]}}, "sizes"),
        ({"settings": {"sizes": "100x100, 800"}}, "sizes"),
        ({"settings": {"background": "red"}}, "background"),
        ({"settings": {"mezzanine": 255}}, "mezzanine"),
        ({"settings": {"mezzanine": False}}, "mezzanine"),  # what YAML makes of off without quotation marks
        ({"settings": {"blobs": "pictures"}}, "blobs"),
        ({"settings": {"public_url": "img.example.org"}}, "public_url"),
        ({"metrics": {"enabled": True, "port": 8000}}, "must differ from settings.port"),
        ({"spoolSize": "much"}, "spoolSize"),
        ({"service": {"type": "ExternalName"}}, "type"),
        ({"metrics": {"serviceMonitor": {"interval": "often"}}}, "interval"),
    ],
    ids=lambda case: json.dumps(case) if isinstance(case, dict) else None,
)
def test_what_can_not_be_right_is_refused_and_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        render(given)


def _other(name: str) -> tuple[Any, Any]:
    """A value for a setting that is not its default, and what the program is to make of it."""
    special: dict[str, tuple[Any, Any]] = {
        "host": ("::1", "::1"),
        "public_url": ("https://img.example.org", "https://img.example.org"),
        "data": ("/data", Path("/data")),
        "spool": ("/tmp/spool", Path("/tmp/spool")),
        "blobs": ("s3://pictures", "s3://pictures"),
        "metadata": ("dynamodb://pictures", "dynamodb://pictures"),
        "shared_cache": ("memcached://cache", "memcached://cache"),
        "users": (f"admin:{_ARGON2}", {"admin": _ARGON2}),
        "tokens": ("ci:" + "0" * 64, {"ci": "0" * 64}),
        "signing_keys": ("ab" * 32, (SecretBytes(bytes.fromhex("ab" * 32)),)),
        "signatures": ("required", "required"),
        "cache_tags": ("xkey,cache-tag", ("xkey", "cache-tag")),
        "purgers": ("varnish://a:80 fastly:b?token=c", ("varnish://a:80", "fastly:b?token=c")),
        "sizes": (["10x10", "20x20"], ("10x10", "20x20")),
        "auto_formats": ("", ()),
        "options": ("fit,gravity=0.5,0.2,q=70|80", ("fit", "gravity=0.5,0.2", "q=70|80")),
        "presets": ("thumb:80x60,q=70;hero:1600x", {"thumb": "80x60,q=70", "hero": "1600x"}),
        "watermarks": ("logo:image=brand,scale=0.2", {"logo": "image=brand,scale=0.2"}),
        "input_formats": ("jpeg,png", ("jpeg", "png")),
        "background": ("#102030", "#102030"),
        "max_body": ("50MB", 50_000_000),
        "max_spool": ("2GiB", 2 << 30),
        "worker_memory": ("2GiB", 2 << 30),
        "sandbox": ("required", "required"),
        "cache_control": ("no-cache", "no-cache"),
        "cors_origin": ("https://example.org", "https://example.org"),
        "jpeg_coding": ("progressive", "progressive"),
        "jpeg_subsampling": ("4:4:4", "4:4:4"),
        "avif_subsampling": ("4:4:4", "4:4:4"),
        "mezzanine": ("off", "off"),
        "keep_metadata": ("copyright", "copyright"),
        "log_level": ("error", "error"),
        "log_format": ("console", "console"),
        "metrics_host": ("127.0.0.1", "127.0.0.1"),
        "trusted_proxies": (["10.0.0.0/8"], ("10.0.0.0/8",)),
        "forwarded_header": ("forwarded", "forwarded"),
        "ui": ("off", "off"),
        "metrics_port": (9_100, 9_100),
    }
    if name in special:
        return special[name]
    default = Settings().model_dump()[name]
    if isinstance(default, bool):
        return not default, not default
    return default + 1, default + 1


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_of_the_program_can_be_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, expected = _other(name)
    given = _set({}, ELSEWHERE.get(name, f"settings.{name}"), value)
    if name == "metrics_port":
        given["metrics"]["enabled"] = True
    if name == "signatures":
        given["secrets"] = {"signingKeys": "ab" * 32}
    for variable, text in variables(render(given)).items():
        monkeypatch.setenv(variable, text)
    settings = sources.load().settings
    assert getattr(settings, name) in (expected, str(expected)), name
    assert str(getattr(settings, name)) != str(getattr(Settings(), name))


def test_what_the_pods_of_each_case_get_is_what_the_program_takes(cases: dict[str, list[Manifest]]) -> None:
    for name, manifests in cases.items():
        settings = sources.load(environ=variables(manifests)).settings
        given = read(CHART / "ci" / f"{name}-values.yaml")
        by_itself = not given.get("sweep", {}).get("enabled")
        assert bool(settings.sweep_interval) == by_itself, name
        assert settings.drain_delay == given.get("drainDelay", values()["drainDelay"]), name


def test_the_readme_has_the_defaults_that_a_pod_has() -> None:
    image = dict(re.findall(r"(PYMAGER_[A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    found = sources.load(environ=image | variables(render({}))).settings
    assert {name: str(getattr(found, name)) for name in IN_A_POD} == IN_A_POD
    assert found.port == 8000, "the templates' default"


# Where a value shows only together with others.
_CONTEXTS: dict[str, str] = {
    "replicas": "bucket",
    "init": "bucket",
    "sweep": "sweep",
    "autoscaling": "autoscaling",
    "podDisruptionBudget": "bucket",
    "ingress": "ingress",
    "httpRoute": "gateway",
    "metrics": "monitoring",
    "metrics.enabled": "metrics-alone",
    "networkPolicy": "network",
    "topologySpreadConstraints": "bucket",
}
_CHANGED: dict[str, Any] = {
    "image.digest": "sha256:" + "0" * 64,
    "image.pullPolicy": "Never",
    "persistence.size": "77Gi",
    "persistence.accessModes": ["ReadWriteMany"],
    "spoolSize": "77Gi",
    "resources": {"limits": {"memory": "7Gi"}},
    "service.type": "NodePort",
    "podDisruptionBudget.maxUnavailable": "7%",
    "metrics.serviceMonitor.interval": "7s",
    "sweep.schedule": "7 7 7 7 7",
    "extraEnv": [{"name": "SEVEN", "value": "7"}],
    "extraVolumes": [{"name": "seven", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "seven", "mountPath": "/seven"}],
    "affinity": {"podAffinity": {"seven": "7"}},
    "tolerations": [{"key": "seven"}],
    "topologySpreadConstraints": [{"maxSkew": 7, "topologyKey": "seven", "whenUnsatisfiable": "DoNotSchedule"}],
    "ingress.tls": [{"secretName": "seven"}],
    "httpRoute.parentRefs": [{"name": "seven"}],
    "secrets.env": {"SEVEN": "7"},
    "settings": {"queue_size": 7},
    "probes.startup": 77,
    "networkPolicy.from": [{"ipBlock": {"cidr": "7.0.0.0/8"}}],
    "networkPolicy.metricsFrom": [{"ipBlock": {"cidr": "7.0.0.0/8"}}],
    "networkPolicy.to": [{"ipBlock": {"cidr": "7.0.0.0/8"}}],
}
_NAMED = {"image.pullSecrets", "sweep.prefixes", "ingress.hosts", "httpRoute.hostnames"}


def _different(path: str, value: Any) -> Any:
    if path in _CHANGED:
        return _CHANGED[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return "seven"
    if isinstance(value, dict):
        return {"seven": "7"}
    return ["seven"] if path in _NAMED else [{"seven": "7"}]


def test_no_value_is_dead(cases: dict[str, list[Manifest]]) -> None:
    """Changing any leaf changes a manifest."""
    before, changed, paths = [], [], []
    for path, default in leaves().items():
        context = _CONTEXTS.get(path, _CONTEXTS.get(path.partition(".")[0], "default"))
        base = read(CHART / "ci" / f"{context}-values.yaml")
        now: Any = base
        for name in path.split("."):
            now = now.get(name, default) if isinstance(now, dict) else default
        before.append(cases[context])
        changed.append(_set(base, path, _different(path, now)))
        paths.append(path)
    dead = [path for path, was, now in zip(paths, before, render_all(changed), strict=True) if was == now]
    assert dead == []


def test_the_default_is_one_replica_on_a_volume() -> None:
    manifests: list[Manifest] = render({})
    kinds = sorted(manifest["kind"] for manifest in manifests)
    assert kinds == ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount"]
    assert values()["replicas"] == 1
