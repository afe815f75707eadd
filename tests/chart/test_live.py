"""What the pods of a release run, run here: the chart's own arguments and variables, in the chart's own order."""

import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from pymager.settings.sources import PREFIX
from tests.chart.rendering import Manifest, of_kind, pods, render, variables
from tests.live.client import Client
from tests.live.program import TOKEN, Done, command, running
from tests.pictures import jpeg
from tests.servers import Minio, Postgres

pytestmark = pytest.mark.live

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# As a volume that is only read: there nothing can be made, by root neither.
_UNWRITABLE = "/proc"


@pytest.fixture
def release(minio: Minio, postgresql: Postgres, monkeypatch: pytest.MonkeyPatch) -> list[Manifest]:
    """The manifests of a release over a bucket that is not there yet, and an empty database."""
    settings = {"blobs": minio.url(f"pymager-{secrets.token_hex(6)}"), "data": _UNWRITABLE, "sweep_grace": 0}
    token = f"tests:{sha256(TOKEN.encode()).hexdigest()}"
    given = {"metadata": postgresql.new_database(), "tokens": token, "env": {key: os.environ[key] for key in _KEYS}}
    for key in _KEYS:
        monkeypatch.delenv(key)
    return render({"replicas": 2, "drainDelay": 0, "settings": settings, "secrets": given, "sweep": {"enabled": True}})


def _arguments(manifests: list[Manifest], kind: str) -> list[str]:
    (pod,) = pods(of_kind(manifests, kind))
    (container,) = pod["containers"]
    arguments: list[str] = container["args"]
    return arguments


def _settings(found: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """As `tests.live.program` wants them; other variables go into the environment. The port is a free one."""
    for name in found.keys() - {name for name in found if name.startswith(PREFIX)}:
        monkeypatch.setenv(name, found[name])
    return {name.removeprefix(PREFIX).lower(): value for name, value in found.items() if name.startswith(PREFIX)}


async def _run(
    manifests: list[Manifest], kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **other: object
) -> Done:
    """What a pod of this kind runs, to its end."""
    settings = _settings(variables(manifests, kind), monkeypatch) | other
    return await command(folder, *_arguments(manifests, kind), **settings)


async def test_a_release_serves_from_its_first_installation_on(
    release: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = [manifest for manifest in release if "helm.sh/hook" in manifest["metadata"].get("annotations", {})]
    rest = [manifest for manifest in release if manifest not in hooks]
    first = await _run(hooks, "Job", tmp_path, monkeypatch)
    assert (first.code, "created the bucket" in first.out) == (0, True), first
    settings = _settings(variables(rest), monkeypatch)
    assert _arguments(rest, "Deployment") == ["serve"]
    async with (
        running(tmp_path / "a", **settings) as one,
        running(tmp_path / "b", **settings) as other,
        Client(one.url) as uploading,
        Client(other.url) as reading,
    ):
        assert (await uploading.request("PUT", "/original/cat", data=jpeg(400, 300))).status == 201
        assert (await reading.get("/derived/cat-100x100.jpg")).picture.size == (100, 100)
        swept = await _run(rest, "CronJob", tmp_path, monkeypatch)
        assert (swept.code, " 0 orphans," in swept.out) == (0, True), swept
        assert (await reading.get("/original/cat")).status == 200
    again = await _run(hooks, "Job", tmp_path, monkeypatch)
    assert (again.code, again.out) == (0, "nothing to do: everything is up to date\n")


async def test_no_pod_of_a_bucket_runs_over_a_catalog_of_its_own(
    release: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Secret has an empty URL: SQLite would be meant, which can't be made there."""
    assert (await _run(release, "Job", tmp_path, monkeypatch)).code == 0
    for kind in ("Job", "Deployment", "CronJob"):
        done = await _run(release, kind, tmp_path, monkeypatch, metadata="")
        assert (done.code, f"{_UNWRITABLE}/catalog.db can't be used" in done.err) == (2, True), done
