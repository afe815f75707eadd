"""The image, built by `make image` on a base made of Debian's packages."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from pymager import __version__
from tests.image import engine, pipconf
from tests.servers.process import Missing

CHECKOUT = Path(__file__).parents[2]
_NAME = f"localhost/pymager:{__version__}"
# Former images of pymager after an hour, when no test uses them any more; layers of builds after a week.
_PRUNED = (("label=org.opencontainers.image.title=pymager", "until=1h"), ("until=168h",))
_BUILD_SECONDS = 900


@pytest.fixture(scope="session")
def image() -> str:
    """The id of the image of this checkout; where it can't be had the test is skipped, and in CI fails."""
    try:
        engine.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"containers: {error}")
    with engine.locked():
        _build()
        for filters in _PRUNED:
            engine.podman("image", "prune", "--force", *(f"--filter={filter}" for filter in filters), check=False)
        return engine.inspected(_NAME)["Id"]


def _build() -> None:
    with tempfile.TemporaryDirectory() as folder:
        arguments = " ".join([f"--build-arg BASE={engine.BASE}", *pipconf.secrets(Path(folder))])
        done = subprocess.run(
            ["make", "image", "BUILDERS=buildah", f"ARGS={arguments}"],
            cwd=CHECKOUT,
            env=engine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-5_000:]
