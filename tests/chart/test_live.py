"""What the pods of a release run, run here: the chart's own arguments and variables, in the chart's own order."""

import secrets

import pytest

from tests.chart.rendering import Manifest, render
from tests.servers import Minio, Postgres

pytestmark = pytest.mark.live

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# As a volume that is only read: there nothing can be made, by root neither.
_UNWRITABLE = "/proc"


@pytest.fixture
def release(minio: Minio, postgresql: Postgres, monkeypatch: pytest.MonkeyPatch) -> list[Manifest]:
    """The manifests of a release over a bucket that is not there yet, and an empty database."""
    settings = {"blobs": minio.url(f"pymager-{secrets.token_hex(6)}"), "data": _UNWRITABLE, "sweep_grace": 0}
    # The hash of the tests' token is what `tests.live.program` gives.
    given = {"metadata": postgresql.new_database(), "env": {key: minio.environ[key] for key in _KEYS}}
    for key in _KEYS:
        monkeypatch.delenv(key)
    return render({"replicas": 2, "drainDelay": 0, "settings": settings, "secrets": given, "sweep": {"enabled": True}})
