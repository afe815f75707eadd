"""`clients/test`: which clients it runs, and what it says where their tools are missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_TOOLS = ("bash", "cut", "dirname", "grep", "head", "make", "paste", "sed")
_TIMEOUT_SECONDS = 120


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    """A folder of clients whose tests only print, and the tools that a shell needs."""
    folder, tools = tmp_path / "clients", tmp_path / "tools"
    tools.mkdir()
    for tool in _TOOLS:
        path = shutil.which(tool)
        assert path is not None
        (tools / tool).symlink_to(path)
    for client in ("python", "typescript", "jvm"):
        (folder / client).mkdir(parents=True)
    (folder / "python" / "Makefile").write_text("check test:\n\t@echo $@ with $$PYMAGER_PROGRAM\n")
    shutil.copy(ROOT / "clients" / "test", folder / "test")
    return folder


def script(folder: Path, name: str, output: str, status: int = 0) -> None:
    path = folder.parent / "tools" / name
    path.write_text(f"#!/bin/sh\necho {output}\nexit {status}\n")
    path.chmod(0o755)


def run(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(folder / "test"), *arguments],
        env={"PATH": str(folder.parent / "tools"), "PYTHON": sys.executable} | environ,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )


def test_a_client_whose_tools_are_missing_is_skipped(clients: Path) -> None:
    done = run(clients)
    assert done.returncode == 0
    assert f"check with {clients.parent}/.venv/bin/pymager" in done.stdout
    assert f"test with {clients.parent}/.venv/bin/pymager" in done.stdout
    assert "clients/python: passed" in done.stdout
    assert "clients/typescript: skipped, because it needs npm and Node.js 20" in done.stderr
    assert "clients/jvm: skipped, because it needs Maven and a JDK 17" in done.stderr


def test_in_ci_a_client_must_not_be_skipped(clients: Path) -> None:
    assert run(clients, CI="true").returncode == 1
    assert run(clients, "python", CI="true").returncode == 0


def test_old_tools_are_missing_tools(clients: Path) -> None:
    script(clients, "npm", "9.0.0")
    script(clients, "node", "v18.20.2")
    script(clients, "mvn", "ran")
    script(clients, "javac", "javac 11.0.2")
    done = run(clients, "typescript", "jvm")
    assert "typescript: skipped, because it needs Node.js 20" in done.stderr
    assert "jvm: skipped, because it needs a JDK 17" in done.stderr


def test_the_other_clients_are_tested_after_one_has_failed(clients: Path) -> None:
    script(clients, "node", "v20.20.2")
    script(clients, "npm", "broken", status=1)
    script(clients, "mvn", "ran in $PWD")
    script(clients, "javac", "javac 17.0.15")
    done = run(clients, PYMAGER_PROGRAM="/my/pymager")
    assert done.returncode == 1
    assert "test with /my/pymager" in done.stdout
    assert "clients/typescript: FAILED" in done.stderr
    assert f"ran in {clients}/jvm" in done.stdout and "clients/jvm: passed" in done.stdout


def test_a_client_that_does_not_exist_is_named(clients: Path) -> None:
    done = run(clients, "cobol")
    assert done.returncode == 2
    assert "clients/cobol: no such client; clients: python typescript jvm" in done.stderr
