"""A distribution of somebody else's adds a backend: installed by pip, found by its URL, held to the contract."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parent / "third_party"
_FOUND = """
from importlib.metadata import distribution
from pathlib import Path
import pymager_sqliteblobs
from pymager import registry

store = registry.load_blobs("SQLITEBLOBS:/somewhere/blobs.db")
print(type(store).__name__, distribution("pymager-sqliteblobs").version, pymager_sqliteblobs.__file__)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has what this one has, and the third party's distribution."""
    folder = tmp_path_factory.mktemp("third-party")
    source = folder / "source"
    shutil.copytree(_SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    environment = folder / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    packages = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    lines = [f"import site; site.addsitedir({path!r})" for path in sorted(ours)]
    (packages / "ours.pth").write_text("\n".join(lines))
    _run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", str(source))
    (source / "pymager_sqliteblobs.py").unlink()  # what is imported from now on is what was installed
    return python


def test_an_installed_backend_is_found_by_its_urls_scheme(python: Path) -> None:
    name, version, file = _run(python, "-c", _FOUND).split()
    assert (name, version) == ("SqliteBlobs", "1.0")
    assert Path(file).is_relative_to(python.parent.parent)


def test_an_unknown_scheme_is_told_which_there_are_also_of_others(python: Path) -> None:
    script = "from pymager import registry; registry.load_blobs('nowhere:x')"
    result = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    assert "unknown blob store 'nowhere:'; known: file:, memory:, s3:, sqliteblobs:" in result.stderr


def test_an_installed_backend_keeps_the_published_contract(python: Path, tmp_path: Path) -> None:
    source = python.parent.parent.parent / "source"
    output = _run(
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin",
        "--import-mode=importlib", "-c", str(source / "pyproject.toml"), "--basetemp", str(tmp_path / "runs"),
        str(source / "check_contract.py"),
    )  # fmt: skip
    passed = int(output.split(" passed")[0].split()[-1])
    assert passed >= 60
    assert "failed" not in output


def test_this_process_knows_nothing_of_the_third_party() -> None:
    assert "pymager_sqliteblobs" not in sys.modules


def _run(python: Path, *arguments: str) -> str:
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    quiet |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the contract needs only pytest-asyncio
    result = subprocess.run(
        [python, *arguments], capture_output=True, text=True, check=False, timeout=300, env={**os.environ, **quiet}
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout
