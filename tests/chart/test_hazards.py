"""What could lose pictures or tell secrets: the chart refuses it, or a pod does not start."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.generate import CHART
from tests.chart.rendering import Manifest, Refused, content, of_kind, pods, render
from tests.servers.helm import helm

_BUCKET = {"blobs": "s3://pictures?region=eu-west-1"}
_SHARED = _BUCKET | {"metadata": "dynamodb://pymager?region=eu-west-1"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/d",
        "POSTGRESQL://u:secret@h/d",
        "postgresql+psycopg://u:sec/ret@h/d",
        "postgresql://u:sec@ret@h/d",
        "postgresql://u:sec?ret@h/d",
        "postgresql://h/d?password=secret",
        "postgresql://u@h/d?sslmode=require&sslpassword=secret",
        "mysql://u@h/d?ssl_key_password=secret",
    ],
)
@pytest.mark.parametrize("name", ["metadata", "blobs"])
def test_a_password_is_refused_wherever_in_a_url_it_stands(name: str, url: str) -> None:
    with pytest.raises(Refused, match=f"settings.{name} contains a password"):
        render({"settings": _SHARED | {name: url}})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@h:5432/d?sslmode=verify-full&sslkey=/etc/ssl/key.pem",
        "postgresql://h:5432/d",
        "dynamodb://pymager?endpoint=http://dynamodb:8000",
        "sqlite:////var/lib/pymager/catalog.db",
        "mysql://u@h/d?ssl_ca=/etc/ssl/ca.pem",
    ],
)
def test_a_url_without_a_password_is_taken(url: str) -> None:
    assert render({"settings": _BUCKET | {"metadata": url}})


def _metadata(pod: Manifest) -> list[Any]:
    (container,) = pod["containers"]
    return [variable for variable in container.get("env", []) if variable["name"] == "PYMAGER_METADATA"]


def test_no_pod_starts_with_a_catalog_of_its_own_where_the_secret_lacks_its_url() -> None:
    """SQLite would be made in each pod, and lost with it."""
    sweeps = {"sweep": {"enabled": True}}
    shared = pods(render({"replicas": 3, "existingSecret": "own", "settings": _BUCKET} | sweeps))
    assert len(shared) == 3  # the job, the servers, the sweep
    key = {"secretKeyRef": {"name": "own", "key": "PYMAGER_METADATA"}}
    assert [_metadata(pod) for pod in shared] == [[{"name": "PYMAGER_METADATA", "valueFrom": key}]] * 3


@pytest.mark.parametrize("settings", [{}, _SHARED])
def test_a_secret_needs_no_url_where_the_catalog_is_known(settings: dict[str, str]) -> None:
    assert all(_metadata(pod) == [] for pod in pods(render({"existingSecret": "own", "settings": settings})))


@pytest.mark.parametrize("given", [{}, {"sweep": {"enabled": True}}, {"init": {"enabled": False}}])
def test_no_pod_of_a_bucket_can_write_where_sqlite_would_be(given: dict[str, Any]) -> None:
    """A URL of the catalog that is there and empty would mean SQLite; over an empty one a sweep deletes everything."""
    for pod in pods(render({"replicas": 3, "existingSecret": "own", "settings": _BUCKET} | given)):
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
        assert mounts == {"/tmp": False, "/var/lib/pymager": True}


def test_a_secret_that_is_taken_away_is_gone_after_an_upgrade() -> None:
    """Kubernetes writes `stringData` into `data` and never removes what it wrote: an upgrade removes keys of `data`."""
    secrets = of_kind(render({"settings": _BUCKET, "secrets": {"metadata": "mysql://u:p@h/d"}}), "Secret")
    assert [content(secret) for secret in secrets] == [{"PYMAGER_METADATA": "mysql://u:p@h/d"}] * 2
    assert all("stringData" not in secret for secret in secrets)


@pytest.mark.parametrize("url", ["FILE:///data", "sqlite+pysqlite:////data/c.db", "SQLITE:////data/c.db", "memory:"])
@pytest.mark.parametrize("name", ["blobs", "metadata"])
def test_a_store_of_one_machine_is_known_however_it_is_written(name: str, url: str) -> None:
    with pytest.raises(Refused, match="more than one replica needs a bucket"):
        render({"replicas": 2, "settings": _SHARED | {name: url}})


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD", "OTEL_EXPORTER_OTLP_HEADERS"]
)
def test_a_secret_in_plain_sight_of_the_pods_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=f"extraEnv contains the secret {name}"):
        render({"extraEnv": [{"name": name, "value": "hidden"}]})
    key = {"secretKeyRef": {"name": "own", "key": "it"}}
    assert render({"extraEnv": [{"name": name, "valueFrom": key}, {"name": "AWS_CA_BUNDLE", "value": "/ca"}]})


@pytest.mark.parametrize("release", ["1pictures", "a.b"])
def test_a_release_that_no_service_can_be_called_is_refused(release: str) -> None:
    with pytest.raises(Refused, match=f"'{re.escape(release)}' is not a valid name of a Service"):
        render({}, release)
    assert render({"fullnameOverride": "pictures"}, release)


def test_the_job_may_go_where_the_servers_may_before_they_are_there() -> None:
    to = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    manifests = render({"settings": _SHARED, "networkPolicy": {"enabled": True, "to": to}})
    own, servers = sorted(of_kind(manifests, "NetworkPolicy"), key=lambda m: "helm.sh/hook" not in str(m))
    assert own["spec"]["egress"] == servers["spec"]["egress"]
    (job,) = of_kind(manifests, "Job")
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert own["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert servers["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert "ingress" not in own["spec"]


def test_the_job_may_have_a_role_of_its_own() -> None:
    roles = {"serviceAccount": {"annotations": {"role": "a"}}, "init": {"serviceAccountAnnotations": {"role": "b"}}}
    accounts = of_kind(render({"settings": _SHARED} | roles), "ServiceAccount")
    found = {account["metadata"]["name"]: account["metadata"]["annotations"]["role"] for account in accounts}
    assert found == {"pictures": "a", "pictures-init": "b"}


def test_sweeps_wait_while_the_service_is_read_only() -> None:
    given = {"settings": _SHARED, "sweep": {"enabled": True}}
    (sweep,) = of_kind(render(given), "CronJob")
    assert "suspend" not in sweep["spec"]
    (sweep,) = of_kind(render(given | {"settings": _SHARED | {"read_only": True}}), "CronJob")
    assert sweep["spec"]["suspend"] is True


@pytest.mark.parametrize("given", [{}, {"persistence": {"enabled": False}}, {"settings": _BUCKET}])
def test_two_pods_never_write_to_one_sqlite(given: dict[str, Any]) -> None:
    (deployment,) = of_kind(render(given), "Deployment")
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_a_service_that_stands_still_keeps_what_it_has() -> None:
    stopped, running = render({"replicas": 0}), render({})
    assert [deployment["spec"]["replicas"] for deployment in of_kind(stopped, "Deployment")] == [0]
    assert of_kind(stopped, "PersistentVolumeClaim") == of_kind(running, "PersistentVolumeClaim")


def test_the_volume_outlives_the_release() -> None:
    (claim,) = of_kind(render({}), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize(
    ("given", "watched"),
    [
        ({}, True),
        ({"settings": _SHARED, "sweep": {"enabled": True}}, False),
        ({"settings": _SHARED | {"sweep_interval": 0}}, False),
        ({"settings": {"read_only": True}}, False),
        ({"settings": _SHARED | {"sweep_interval": 1800}, "sweep": {"enabled": True}}, True),
    ],
)
def test_the_alert_of_the_sweep_is_there_where_the_servers_sweep(given: dict[str, Any], watched: bool) -> None:
    (rules,) = of_kind(render(given | {"metrics": {"enabled": True, "rules": {"enabled": True}}}), "PrometheusRule")
    groups = yaml.safe_load((CHART / "rules" / "pymager.yaml").read_text())["groups"]
    for group in groups:
        group["rules"] = [rule for rule in group["rules"] if watched or rule.get("alert") != "PymagerNotSwept"]
    assert rules["spec"]["groups"] == groups


@pytest.mark.parametrize("given", [{"settings": {"queue_size": 7}}, {"secrets": {"tokens": "ci:" + "0" * 64}}])
def test_pods_are_replaced_when_what_they_read_changes(given: dict[str, Any]) -> None:
    before, after = (of_kind(render(one), "Deployment")[0]["spec"]["template"]["metadata"] for one in ({}, given))
    assert before["annotations"] != after["annotations"]


def test_the_chart_needs_no_rules_and_no_dashboard(tmp_path: Path) -> None:
    """Somebody may take the files out, who has others."""
    shutil.copytree(CHART, tmp_path / "pymager", ignore=shutil.ignore_patterns("rules", "dashboards"))
    metrics = {"enabled": True, "rules": {"enabled": True}, "dashboard": {"enabled": True}}
    manifests = render({"metrics": metrics}, chart=tmp_path / "pymager")
    assert of_kind(manifests, "PrometheusRule") == []
    assert [manifest["metadata"]["name"] for manifest in of_kind(manifests, "ConfigMap")] == ["pictures"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "prints the password once to the pod's log"),
        (["--set", "settings.blobs=s3://x,settings.metadata=dynamodb://x"], "Nobody can upload yet"),
        (["--set", "existingSecret=own"], "curl http://127.0.0.1:8000/readyz"),
    ],
)
def test_helm_says_who_may_write(given: list[str], said: str) -> None:
    done = helm("install", "pictures", str(CHART), "--dry-run=client", *given)
    assert said in done.stdout.partition("NOTES:")[2], done.stderr
