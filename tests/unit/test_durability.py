"""A folder is durable when it has been created, whoever created it."""

import os
from pathlib import Path

import pytest

from pymager.durability import create_folder
from pymager.operations.checkpoint import Checkpoint


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are created, the files that are renamed, and what is synced, in order."""
    made: list[str] = []

    def name(path: str | Path) -> str:
        return os.path.relpath(path, tmp_path)

    def fsync(fd: int) -> None:
        made.append(f"sync {name(Path(f'/proc/self/fd/{fd}').readlink())}")

    real_mkdir, real_replace = Path.mkdir, Path.replace

    def mkdir(self: Path) -> None:
        real_mkdir(self)
        made.append(f"mkdir {name(self)}")

    def replace(self: Path, target: Path) -> None:
        real_replace(self, target)
        made.append(f"replace {name(target)}")

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "replace", replace)
    return made


def test_each_folder_is_durable_before_anything_is_created_in_it(tmp_path: Path, calls: list[str]) -> None:
    assert create_folder(tmp_path / "one/two") == [tmp_path / "one", tmp_path / "one/two"]
    assert calls == ["sync ..", "mkdir one", "sync .", "mkdir one/two", "sync one"]


def test_a_folder_of_a_process_that_was_killed_before_its_sync_becomes_durable(
    tmp_path: Path, calls: list[str]
) -> None:
    os.mkdir(tmp_path / "one")  # noqa: PTH102 (not recorded)
    assert create_folder(tmp_path / "one") == []
    assert calls == ["sync ."]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        create_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        create_folder(tmp_path / "file/one")


def test_a_checkpoint_is_whole_before_it_has_its_name(tmp_path: Path, calls: list[str]) -> None:
    Checkpoint(tmp_path / "checkpoint", {"name": "a task"}).save("a cursor")
    assert calls == ["sync checkpoint.new", "replace checkpoint"]
