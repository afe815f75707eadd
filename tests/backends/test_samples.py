"""The samples for authors of backends, in the documentation and in docstrings, run as they are and pass."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pymager.testing import blobs, metadata

_ROOT = Path(__file__).parents[2]
_MY_PACKAGE = Path(__file__).parent / "author"
_CONFIGURATION = """
[pytest]
asyncio_mode = strict
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
_PLUGINS = ("-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin")
_ONLY_THESE_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}  # the contracts need no others
_PAGE = "docs/how-to/write-a-backend.md"
_MIN_PASSED = 60


def from_page(page: str, contract: str) -> str:
    """The Python block of a page that subclasses this contract."""
    blocks = re.findall(r"^```python\n(.*?)^```", (_ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if f"({contract})" in block]
    return block


def from_docstring(docstring: str | None) -> str:
    """The indented block of a module's docstring."""
    assert docstring is not None
    (block,) = re.findall(r"(?:^    .*\n|^\n(?=\n*    ))+", docstring, re.MULTILINE)
    return textwrap.dedent(block)


SAMPLES = {
    "page-blobs": (from_page(_PAGE, "BlobStoreContract"), 1),
    "page-metadata": (from_page(_PAGE, "MetadataStoreContract"), 0),
    "pymager.testing.blobs": (from_docstring(blobs.__doc__), 1),
    "pymager.testing.metadata": (from_docstring(metadata.__doc__), 1),
}


@pytest.mark.parametrize(("sample", "skipped"), SAMPLES.values(), ids=SAMPLES.keys())
def test_a_sample_runs_the_whole_contract_and_passes(tmp_path: Path, sample: str, skipped: int) -> None:
    (tmp_path / "pytest.ini").write_text(_CONFIGURATION)
    (tmp_path / "test_sample.py").write_text(sample)
    path = os.pathsep.join([str(_MY_PACKAGE), *sys.path])
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *_PLUGINS, "test_sample.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, **_ONLY_THESE_PLUGINS, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert int(re.findall(r"(\d+) passed", result.stdout)[0]) >= _MIN_PASSED
    assert sum(map(int, re.findall(r"(\d+) skipped", result.stdout))) == skipped
