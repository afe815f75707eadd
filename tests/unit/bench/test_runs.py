"""Which cases a run has, and what it does where it cannot be run."""

from pathlib import Path

import pytest

from bench import __main__ as command
from bench.cases import BUCKET, FOLDER, NOT_QUICK
from bench.figures import QUANTITIES
from bench.session import Wanted


def wanted(monkeypatch: pytest.MonkeyPatch, *options: str) -> Wanted:
    monkeypatch.setattr("sys.argv", ["bench/run", *options])
    return command._wanted(command._options())


def test_a_run_has_every_case_and_quantity(monkeypatch: pytest.MonkeyPatch) -> None:
    run = wanted(monkeypatch)
    assert (run.cases(FOLDER), run.cases(BUCKET)) == (list(FOLDER), list(BUCKET))
    assert all(run.has(quantity.name) for quantity in QUANTITIES)


def test_a_quick_run_has_every_row_with_an_aim(monkeypatch: pytest.MonkeyPatch) -> None:
    run = wanted(monkeypatch, "--quick")
    left_out = [case for table in (FOLDER, BUCKET) for case in table if case not in run.cases(table)]
    assert {case.name for case in left_out} == NOT_QUICK
    assert not any(case.aims for case in left_out)


def test_a_run_of_some_has_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    run = wanted(monkeypatch, "--only", "start", "--only", "cold-jpeg")
    assert [case.name for case in (*run.cases(FOLDER), *run.cases(BUCKET))] == ["cold-jpeg"] * 2
    assert [quantity.name for quantity in QUANTITIES if run.has(quantity.name)] == ["start"]
    assert not wanted(monkeypatch, "--table", "bucket", "--only", "cold-avatar").cases(FOLDER)


def test_without_the_program_nothing_is_measured_or_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["bench/run", "--write", "--program", str(tmp_path / "none")])
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "README", tmp_path / "README.md")
    monkeypatch.setattr(command, "SPEED", tmp_path / "speed.md")
    assert command.main() == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert f"bench: there is no {tmp_path / 'none'}" in error
    assert list(tmp_path.iterdir()) == []
