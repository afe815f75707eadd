"""The scripts of the release workflow that need neither the forge nor a registry, run as they are."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from pymager import __version__
from tests.servers import Missing
from tests.servers.helm import Helm

ROOT = Path(__file__).parents[2]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))["jobs"]


def script(job: str, name: str) -> str:
    """The script of a step."""
    (found,) = [step["run"] for step in JOBS[job]["steps"] if step.get("name") == name]
    return found


def run(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as the forge runs it: bash stops at the first command that fails."""
    output = folder / "GITHUB_OUTPUT"
    output.touch()
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GITHUB_OUTPUT": str(output), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that the scripts read."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in names.stdout.split("\0"):
        if name and not name.startswith(("tests/", "bench/")) and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_only_the_tag_of_the_version_is_released(checkout: Path) -> None:
    text = script("check", "Compare the versions of all parts with the tag")
    done = run(text, checkout, GITHUB_REF_NAME=f"v{__version__}")
    assert done.returncode == 0, done.stderr
    assert (checkout / "GITHUB_OUTPUT").read_text() == f"version={__version__}\n"
    for tag in ("v99.0.0", __version__, "", f"v{__version__}; true"):
        assert run(text, checkout, GITHUB_REF_NAME=tag).returncode != 0


@pytest.mark.parametrize(
    ("repository", "registry"),
    [("registry.example/owner", "registry.example"), ("127.0.0.1:5000/a/b-c", "127.0.0.1:5000")],
)
def test_the_registry_is_the_first_part_of_the_repository(tmp_path: Path, repository: str, registry: str) -> None:
    text = script("check", "Read the registry of the image and the chart")
    assert run(text, tmp_path, OCI_REPOSITORY=repository).returncode == 0
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == f"registry={registry}\n"


@pytest.mark.parametrize(
    "repository", ["", "owner", "Registry.example/Owner", "a/b\nx=y", "https://a/b", "a/", "a/b c"]
)
def test_a_wrong_repository_stops_the_release_with_its_name(tmp_path: Path, repository: str) -> None:
    done = run(script("check", "Read the registry of the image and the chart"), tmp_path, OCI_REPOSITORY=repository)
    assert done.returncode == 1
    assert "OCI_REPOSITORY must be" in done.stdout
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == ""


def test_the_notes_are_those_of_the_version(checkout: Path) -> None:
    done = run(script("check", "Write the notes of the release"), checkout)
    assert done.returncode == 0, done.stderr
    notes = (checkout / "notes.md").read_text("utf-8")
    assert len(notes) > 100
    assert notes in (checkout / "CHANGELOG.md").read_text("utf-8")


def test_the_chart_has_the_published_image_as_its_default(checkout: Path, tmp_path: Path) -> None:
    try:
        helm = Helm.binary()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    done = run(
        script("chart", "Package the chart with the repository of the image"),
        checkout,
        OCI_REPOSITORY="registry.example/owner",
        PATH=f"{helm.parent}:{os.environ['PATH']}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(checkout / "dist" / "chart" / f"pymager-{__version__}.tgz") as files:
        values = files.extractfile("pymager/values.yaml")
        assert values is not None
        assert yaml.safe_load(values)["image"]["repository"] == "registry.example/owner/pymager"


def test_the_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("a.whl", "b c.deb"):
        (assets / name).write_text(name)
    (step,) = [step for step in JOBS["release"]["steps"] if step.get("name") == "Write the checksums"]
    done = run(f"cd {step['working-directory']}\n{step['run']}", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split("  ", 1)[::-1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines())
    assert lines == {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.whl", "b c.deb")}
