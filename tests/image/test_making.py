"""`make image` and the choice of extras, without building anything."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def chosen(extras: str) -> subprocess.CompletedProcess[str]:
    """What the image would get for this build argument."""
    command = [sys.executable, "requirements/chosen.py", "pyproject.toml", extras]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def names(extras: str) -> set[str]:
    done = chosen(extras)
    assert done.returncode == 0, done.stderr
    return {line.split(">")[0].split("[")[0] for line in done.stdout.splitlines()}


def test_an_extra_that_was_not_chosen_stays_out() -> None:
    assert {"aiohttp", "pillow"} <= names("") < names("s3")
    assert names("s3") - names("") == {"obstore", "boto3"}
    assert names("s3, heif") - names("s3") == {"pi-heif"}


def test_all_extras_are_those_of_pymager_itself_spelled_out() -> None:
    assert names("all") >= names("s3,sql,dynamodb,heif")
    assert "pymager" not in names("all")


def test_an_unknown_extra_stops_the_build_with_a_sentence() -> None:
    done = chosen("s3,postgres")
    assert done.returncode == 1
    assert done.stderr.startswith("EXTRAS: there is no extra 'postgres'; there are: s3, sql, dynamodb")
    assert done.stdout == ""


def test_make_image_says_what_it_needs_where_nothing_can_build(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    (tmp_path / "sed").symlink_to(shutil.which("sed") or "/bin/sed")
    done = subprocess.run(
        [make, "image"], cwd=CHECKOUT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("make image needs one of these, ready to build: docker podman buildah\n")


def test_what_is_compiled_on_arm64_is_locked_and_named_on_the_page() -> None:
    (compiled,) = re.findall(r"= aarch64 \]; then COMPILED=([\w,-]+); fi", (CHECKOUT / "Dockerfile").read_text("utf-8"))
    locked = (CHECKOUT / "requirements" / "run.txt").read_text("utf-8")
    assert [name for name in compiled.split(",") if not re.search(rf"^{name}==", locked, re.MULTILINE)] == []
    assert f"`{compiled}`" in (CHECKOUT / "docs" / "how-to" / "containers.md").read_text("utf-8")
    assert "!requirements/compile.txt" in (CHECKOUT / ".dockerignore").read_text("utf-8")
