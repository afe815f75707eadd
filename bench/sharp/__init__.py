"""sharp, to compare with: Node.js modules outside the checkout, and the small server of ours that calls it."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.cache import installed
from bench.load import LoadError

HERE = Path(__file__).parent
SERVER = HERE / "server.js"
LOCK = HERE / "package-lock.json"


def install() -> Path:
    """The folder of the modules, with exactly what the lock file says. Raises `LoadError` without Node.js and npm."""
    if missing := [tool for tool in ("node", "npm") if shutil.which(tool) is None]:
        raise LoadError(f"the cases with sharp need {' and '.join(missing)} (Node.js 20.9 or later)")
    return installed("sharp", LOCK.read_bytes() + _node("process.version").encode(), _install_into) / "node_modules"


def version(modules: Path) -> str:
    """sharp's version and that of its libvips, in words."""
    return _node("`sharp ${require('sharp').versions.sharp} with libvips ${require('sharp').versions.vips}`", modules)


def environment(modules: Path) -> dict[str, str]:
    """The server's variables: as many pictures at a time as there are cores."""
    return {"NODE_PATH": str(modules), "UV_THREADPOOL_SIZE": str(len(os.sched_getaffinity(0)))}


def _install_into(folder: Path) -> None:
    for file in (LOCK, LOCK.with_name("package.json")):
        shutil.copy(file, folder)
    # sharp's binaries are packages of their own: no script needs to run.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        raise LoadError("sharp could not be installed")


def _node(expression: str, modules: Path | None = None) -> str:
    env = {**os.environ, "NODE_PATH": str(modules or "")}
    command = ["node", "--print", expression]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()
