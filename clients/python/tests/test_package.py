"""The wheel and the source distribution, installed where nothing else is."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pymager_client import __version__
from tests.pictures import png
from tests.server import CHECKOUT, KEY, PASSWORD, USERNAME

FOLDER = Path(__file__).parents[1]
README = (FOLDER / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
MODULES = {path.name for path in (FOLDER / "src" / "pymager_client").iterdir() if path.is_file()}
_TIMEOUT_SECONDS = 600

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run() -> Run:
    """Runs a command to its end, without the settings of Python that this process has."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command: str | Path, cwd: Path = FOLDER) -> str:
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=environ,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def built(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    return folder


@pytest.fixture(scope="module")
def clean_python(run: Run, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment, in which only the wheel and what it needs are installed."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--require-hashes", "-r", FOLDER / "requirements" / "run.txt")
    run(*pip, "install", "--no-deps", wheel)
    run(*pip, "check")
    return python


def test_the_version_is_that_of_the_server() -> None:
    versions = {
        found
        for folder in (CHECKOUT, FOLDER)
        for found in re.findall(r'^version = "(.+)"$', (folder / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    }
    assert versions == {__version__}


def test_the_packages_have_every_module_the_license_and_the_mark_of_types(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.rpartition("/")[2] for name in names if name.startswith("pymager_client/")} == MODULES
    assert "py.typed" in MODULES
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    with tarfile.open(source) as tar:
        names = [name.partition("/")[2] for name in tar.getnames()]
    assert {"README.md", "LICENSE", "pyproject.toml", "tests/conftest.py"} <= set(names)
    assert {name.rpartition("/")[2] for name in names if name.startswith("src/pymager_client/")} == MODULES


def test_nothing_of_the_server_is_imported() -> None:
    imported = set()
    for path in (FOLDER / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    # typing_extensions is for type checkers, which know it without installing it.
    assert imported - sys.stdlib_module_names == {"pymager_client", "anyio", "httpx", "typing_extensions"}


def test_the_installed_wheel_runs_the_examples_of_the_readme(
    run: Run, clean_python: Path, public_url: str, tmp_path: Path
) -> None:
    assert len(EXAMPLES) >= 2
    (tmp_path / "photo.jpg").write_bytes(png(40, 30))
    (tmp_path / "huge.tiff").write_bytes(png(50, 30))
    for number, example in enumerate(EXAMPLES):
        program = tmp_path / f"example_{number}.py"
        text = example.replace("http://127.0.0.1:8000", public_url).replace("KEY", KEY)
        program.write_text(text.replace('"admin"', f'"{USERNAME}"').replace('"PASSWORD"', f'"{PASSWORD}"'), "utf-8")
        output = run(clean_python, program, cwd=tmp_path)
        assert number or "sig=" in output


def test_the_installed_wheel_has_types(run: Run, clean_python: Path, tmp_path: Path) -> None:
    program = tmp_path / "typed.py"
    program.write_text(
        "from pymager_client import AsyncClient, Client\n"
        'client = Client("http://a")\n'
        'reveal_type(client.variant("cat", 8, fit="inside"))\n'
        "reveal_type(client.originals())\n"
        'reveal_type(AsyncClient("http://a").upload)\n'
        'client.variant_url("cat", 8, fit="wrong")\n'
        'client.variant_url("cat", 8, quality=70)\n'
        "client.upload(1)\n",
        "utf-8",
    )
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--python-version=3.10",
            "--no-incremental",
            "--config-file=",
            f"--python-executable={clean_python}",
            str(program),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")},
    )
    lines = checked.stdout.splitlines()
    assert [line.rpartition("[")[2] for line in lines if "error:" in line] == ["arg-type]", "call-arg]", "arg-type]"]
    notes = [line.rpartition('"')[0].partition('"')[2] for line in lines if "Revealed" in line]
    assert notes[0] in ("builtins.bytes", "bytes")
    assert "Original" in notes[1] and "Original" in notes[2]
