"""The first user: one, whoever asks, and its password told once."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from pymager.process.first_user import FILE, FirstUser, first_user
from pymager.settings.sources import load


def test_the_password_is_told_once_and_is_right(tmp_path: Path) -> None:
    made = first_user(tmp_path)
    assert made.password is not None
    assert PasswordHasher().verify(made.hash, made.password)
    assert first_user(tmp_path) == FirstUser(made.name, made.hash, None)


def test_the_file_is_its_owners_alone_and_holds_no_password(tmp_path: Path) -> None:
    made = first_user(tmp_path)
    assert made.password is not None
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert made.password not in (tmp_path / FILE).read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_folder_is_made(tmp_path: Path) -> None:
    assert first_user(tmp_path / "a" / "b").password is not None


def test_the_hash_can_stand_in_the_settings(tmp_path: Path) -> None:
    made = first_user(tmp_path)
    assert load({}, {"PYMAGER_USERS": f"{made.name}:{made.hash}"}).settings.users == {made.name: made.hash}


def test_of_many_processes_one_makes_the_user_and_all_have_the_same(tmp_path: Path) -> None:
    ask: Callable[[Path], FirstUser] = first_user
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        users = list(processes.map(ask, [tmp_path] * 12))
    assert len({user.hash for user in users}) == 1
    assert len([user for user in users if user.password is not None]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        first_user(tmp_path / "file")
