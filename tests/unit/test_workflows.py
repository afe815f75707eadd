"""The workflows of the forge, its forms, and the files about the project that tools read."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers import Missing
from tests.servers.actionlint import Actionlint

ROOT = Path(__file__).parents[2]
FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
PAGES = [ROOT / "SECURITY.md", *FORGE.rglob("*.md"), *FORGE.rglob("*.yml")]
_BIN = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command, which finds the programs of this environment, to its end."""
    environment = {**os.environ, "PATH": f"{_BIN}:{os.environ['PATH']}"}
    return subprocess.run([*map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield f"{path.name}: {name}", job


def actionlint(*files: Path) -> subprocess.CompletedProcess[str]:
    """Check workflows, with shellcheck for their scripts; where actionlint can't be built, skip, and in CI fail."""
    try:
        program = Actionlint.binary()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    assert (_BIN / "shellcheck").exists()
    return run(program, "-no-color", *files)


def test_actionlint_finds_nothing_in_the_workflows() -> None:
    done = actionlint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_reads_the_scripts_of_the_workflows_too(tmp_path: Path) -> None:
    text = (FORGE / "workflows" / "release.yml").read_text("utf-8")
    copy = tmp_path / "release.yml"
    copy.write_text(text.replace('check "$GITHUB_REF_NAME"', "check $GITHUB_REF_NAME"), "utf-8")
    done = actionlint(copy)
    assert done.returncode != 0
    assert "SC2086" in done.stdout


def test_zizmor_finds_no_weakness_in_the_workflows() -> None:
    done = run(_BIN / "zizmor", "--offline", "--no-progress", "--quiet", FORGE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_would_find_an_injected_script(tmp_path: Path) -> None:
    copy = tmp_path / ".github" / "workflows" / "ci.yml"
    copy.parent.mkdir(parents=True)
    text = (FORGE / "workflows" / "ci.yml").read_text("utf-8")
    copy.write_text(text.replace("run: make test", "run: make test ${{ github.head_ref }}"), "utf-8")
    done = run(_BIN / "zizmor", "--offline", "--no-progress", "--quiet", copy)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("citation-file-format", "CITATION.cff"),
    ],
)
def test_every_file_follows_the_schema_of_its_format(schema: str, pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files
    done = run(_BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    assert done.returncode == 0, done.stdout


def test_yaml_has_one_style() -> None:
    done = run(_BIN / "yamllint", "--strict", "--config-file", FORGE / "yamllint.yml", FORGE, ROOT / "CITATION.cff")
    assert done.returncode == 0, done.stdout


def test_every_action_is_pinned_to_one_commit_whose_version_is_said() -> None:
    used = [
        (path.name, line.strip())
        for path in WORKFLOWS
        for line in path.read_text("utf-8").splitlines()
        if re.match(r"\s*(- )?uses:", line) and "uses: ./" not in line
    ]
    assert len(used) > 20
    pinned = re.compile(r"(?:- )?uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
    wrong = [f"{name}: {line}" for name, line in used if not pinned.fullmatch(line)]
    assert wrong == []
    commits = {match.groups() for _, line in used if (match := pinned.fullmatch(line))}
    assert len(commits) == len({action for action, _, _ in commits})


def test_every_workflow_starts_without_permissions_and_every_job_has_its_own_and_an_end() -> None:
    assert [path.name for path in WORKFLOWS if read(path)["permissions"] != {}] == []
    assert [name for name, job in jobs() if "permissions" not in job] == []
    assert [name for name, job in jobs() if "uses" not in job and "timeout-minutes" not in job] == []


def test_only_jobs_that_publish_can_write() -> None:
    writing = {name for name, job in jobs() if "write" in job["permissions"].values()}
    assert writing == {
        f"release.yml: {name}"
        for name in ("image", "publish-image", "publish-chart", "publish-pypi", "publish-npm", "release")
    }


def test_nothing_is_published_before_everything_is_built_and_tested() -> None:
    release = read(FORGE / "workflows" / "release.yml")["jobs"]

    def before(name: str) -> set[str]:
        needs = release[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*map(before, direct))

    built = {name for name in release if not name.startswith(("publish-", "release"))}
    published = [name for name in release if name.startswith("publish-")]
    assert len(published) > 3
    assert [name for name in published if not before(name) >= built] == []
    assert before("release") == set(release) - {"release"}


def test_ci_tests_every_version_of_python_that_the_package_names() -> None:
    (job,) = read(FORGE / "workflows" / "ci.yml")["jobs"].values()
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    versions = [match[1] for item in classifiers if (match := re.fullmatch(r".*Python :: (3\.\d+)", item))]
    assert job["strategy"]["matrix"]["python"] == versions
    scripts = {step["run"]: step.get("if") for step in job["steps"] if "run" in step}
    assert scripts[".ci/run"] == f"matrix.python == '{versions[0]}'"
    assert scripts["make test"] == f"matrix.python != '{versions[0]}'"


def test_every_lock_file_gets_updates() -> None:
    updates = {(entry["package-ecosystem"], entry["directory"]) for entry in read(FORGE / "dependabot.yml")["updates"]}
    names = {"package-lock.json": "npm", "go.sum": "gomod", "pom.xml": "maven", "Dockerfile": "docker"}
    files = [
        path
        for pattern in ("", "clients/*/", "bench/*/", "tests/*/")
        for name in names
        for path in ROOT.glob(pattern + name)
    ]
    wanted = {(names[path.name], f"/{path.parent.relative_to(ROOT)}".removesuffix(".")) for path in files}
    folders = [*ROOT.glob("requirements"), *ROOT.glob("clients/*/requirements")]
    wanted |= {("pip", f"/{path.relative_to(ROOT)}") for path in folders}
    assert {("npm", "/bench/sharp"), ("gomod", "/tests/linearizability"), ("docker", "/")} < wanted
    assert wanted | {("github-actions", "/")} <= updates


def test_no_form_and_no_workflow_names_a_person_or_a_registry() -> None:
    hosts = re.compile(r"https?://|[\w.+-]+@[\w-]+\.\w+|\b[\w-]+\.(?:io|com|org|dev)\b(?!\.)")
    found = {
        (path.name, match)
        for path in PAGES
        for match in hosts.findall(path.read_text("utf-8").replace("org.opencontainers.image.source", ""))
    }
    assert found == set()
