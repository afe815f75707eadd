"""The wheel alone serves, outside the checkout, and the source makes the same wheel."""

import os
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.program import TIMEOUT_SECONDS, TOKEN, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_ROOT = Path(__file__).parents[2]
_LIMIT = 600


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=_LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=_ROOT)
    return folder


def _one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as files:
        return {name: sha256(files.read(name)).hexdigest() for name in files.namelist()}


def test_both_are_what_an_index_takes(dist: Path) -> None:
    said = _run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), cwd=dist)
    assert said.count("PASSED") == 2


def test_the_source_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(_one(dist, "*.tar.gz")) as files:
        files.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again", cwd=source)
    assert _contents(_one(tmp_path / "again", "*.whl")) == _contents(_one(dist, "*.whl"))


async def test_the_wheel_alone_serves_and_converts_a_picture(dist: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    _run(sys.executable, "-m", "venv", venv, cwd=tmp_path)
    pip = (venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "-r", _ROOT / "requirements" / "run.txt", cwd=tmp_path)
    _run(*pip, "--no-deps", "--no-index", _one(dist, "*.whl"), cwd=tmp_path)
    program = venv / "bin" / "pymager"
    assert str(_ROOT) not in _run(
        venv / "bin" / "python", "-I", "-c", "import pymager; print(pymager.__file__)", cwd=tmp_path
    )
    settings = {
        "PYMAGER_PORT": "0",
        "PYMAGER_DATA": str(tmp_path / "data"),
        "PYMAGER_SIZES": "*",
        "PYMAGER_TOKENS": f"tests:{sha256(TOKEN.encode()).hexdigest()}",
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYMAGER_", "PYTHON"))}
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen([program, "serve"], cwd=tmp_path, env=clean | settings, stdout=file, stderr=file)
    try:
        line = await until(lambda: [line for line in out.read_text().splitlines() if "serves on" in line], "its URL")
        async with Client(line[0].rpartition(" ")[2]) as client:
            assert (await client.post("cat", jpeg(640, 480))).status == 201
            assert (await client.get("/")).body.startswith(b"<!doctype html>")
            assert (await client.get("/ui/app.js")).status == 200
            for extension, format in (("jpg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")):
                assert (await client.get(f"/derived/cat-80x60.{extension}")).picture.format == format
        process.terminate()
        assert process.wait(TIMEOUT_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
