"""buildah and podman as the image's tests use them: a storage of their own, and no daemon, systemd or registry."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.cache import apt_installed, cache_root, run
from tests.servers.process import Missing

BASE = "localhost/pymager-test-base:bookworm"
_PROGRAMS = ("buildah", "podman", "runc", "netavark", "mmdebstrap")
_PACKAGES = "ca-certificates,python3,python3-venv"
_STATE = Path("/run/pymager-image")  # what must not outlive a boot, containers-storage.conf(5)
_ENGINE = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "{state}/podman"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{state}/storage"
"""
_SECONDS = 900


def install() -> None:
    """The programs, and a base image of Debian with its Python, made of packages alone. Raises `Missing`."""
    if os.geteuid() != 0:
        raise Missing("containers are tested as root")
    if missing := [name for name in _PROGRAMS if _which(name) is None]:
        apt_installed(*missing)
    with locked():
        if subprocess.run(["podman", "image", "exists", BASE], env=environment(), check=False).returncode != 0:
            _make_base()
    run("podman", "run", "--rm", "--network=none", BASE, "true", **_variables())


@contextmanager
def locked() -> Iterator[None]:
    """One process at a time, of all checkouts."""
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment() -> dict[str, str]:
    """The environment in which podman and buildah work on a storage of their own, also inside a container."""
    return {**os.environ, **_variables()}


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman to its end; with `check` it has to succeed."""
    done = subprocess.run(
        ["podman", *arguments], env=environment(), capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0 or not check, f"podman {' '.join(arguments)}: {done.stderr[-3_000:]}"
    return done


def inspected(name: str) -> dict[str, Any]:
    """What podman knows about an image or a container."""
    return json.loads(podman("inspect", name).stdout)[0]


def _variables() -> dict[str, str]:
    folder = _folder()
    engine, storage = folder / "containers.conf", folder / "storage.conf"
    _write(engine, _ENGINE.format(state=_STATE))
    _write(storage, _STORAGE.format(folder=folder, state=_STATE))
    return {
        "CONTAINERS_CONF": str(engine),
        "CONTAINERS_STORAGE_CONF": str(storage),
        "BUILDAH_ISOLATION": "chroot",
        "DISABLE_HC_SYSTEMD": "true",  # health checks run when the tests say so
    }


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(text)
        draft.rename(path)


def _folder() -> Path:
    folder = cache_root() / "image"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/lib/podman:/usr/sbin")


def _make_base() -> None:
    with tempfile.TemporaryDirectory(dir=_folder()) as drafts:
        archive = str(Path(drafts) / "base.tar")
        run("mmdebstrap", "--variant=apt", f"--include={_PACKAGES}", "bookworm", archive)
        run("podman", "import", archive, BASE, **_variables())
