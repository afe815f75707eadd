"""A cache of built programs outside the checkout, shared by all checkouts and processes of the machine."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.servers.process import Missing

_BUILD_SECONDS = 1_500


def cache_root() -> Path:
    """The folder of the cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pymager"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; `make` fills it if it does not exist. Raises `Missing`."""
    root = cache_root() / "servers"
    root.mkdir(parents=True, exist_ok=True)
    folder = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = root / f"{name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            make(draft)
            draft.rename(folder)
    return folder


def go_installed(name: str, package: str) -> Path:
    """The folder with the binary of a Go package `path@version`. Raises `Missing`."""

    def make(folder: Path) -> None:
        run("go", "install", package, GOBIN=str(folder))

    return cached(name, make)


def apt_installed(*packages: str) -> None:
    """Install Debian packages; needs root. Raises `Missing`."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"install {' '.join(packages)}, which needs root")
    with Path("/tmp/pymager-apt.lock").open("w") as lock, suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
        install = ("apt-get", "install", "-y", "--no-install-recommends", *packages)
        try:
            run(*install, DEBIAN_FRONTEND="noninteractive")
        except Missing:
            run("apt-get", "update")
            run(*install, DEBIAN_FRONTEND="noninteractive")


def run(*command: str, cwd: Path | None = None, **variables: str) -> None:
    """Run a command to its end. Raises `Missing` with the end of what it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"'{command[0]}' can't be run: {error}") from error
    if done.returncode != 0:
        raise Missing(f"'{' '.join(command)}' failed: {done.stdout.decode(errors='replace')[-2_000:]}")
