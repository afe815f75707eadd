"""The first user: created once by one of many processes, with a password that is shown once."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from pymager.process.first_user import FILE, FirstUser, first_user
from pymager.settings.sources import load


def test_the_password_is_returned_once_and_matches_the_hash(tmp_path: Path) -> None:
    made = first_user(tmp_path)
    assert made.password is not None
    assert PasswordHasher().verify(made.hash, made.password)
    assert first_user(tmp_path) == FirstUser(made.name, made.hash, None)


def test_only_the_owner_can_read_the_file_and_it_has_no_password(tmp_path: Path) -> None:
    made = first_user(tmp_path)
    assert made.password is not None
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert made.password not in (tmp_path / FILE).read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_missing_folder_is_created(tmp_path: Path) -> None:
    assert first_user(tmp_path / "a" / "b").password is not None


def test_the_hash_is_valid_in_the_settings(tmp_path: Path) -> None:
    made = first_user(tmp_path)
    assert load({}, {"PYMAGER_USERS": f"{made.name}:{made.hash}"}).settings.users == {made.name: made.hash}


def test_of_many_processes_one_creates_the_user_and_all_use_it(tmp_path: Path) -> None:
    load: Callable[[Path], FirstUser] = first_user
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        users = list(processes.map(load, [tmp_path] * 12))
    assert len({user.hash for user in users}) == 1
    assert len([user for user in users if user.password is not None]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        first_user(tmp_path / "file")
