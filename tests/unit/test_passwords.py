"""Argon2 hashes: new ones are cheap enough for one core, and hashes of every kind are verified as the library does."""

import re
import time

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from pymager.passwords import check_hash, dummy_hash, hash_password, matches


def test_a_new_hash_has_owasps_parameters_and_one_lane() -> None:
    parameters = extract_parameters(hash_password("x"))
    assert (parameters.type, parameters.memory_cost, parameters.time_cost) == (Type.ID, 19 * 1024, 2)
    assert parameters.parallelism == 1
    assert hash_password("x") != hash_password("x")


@pytest.mark.parametrize("kind", Type)
@pytest.mark.parametrize("lanes", [1, 2, 4, 7])
@pytest.mark.parametrize("password", ["", "x", "pässwört 猫", "a\0b", "x" * 1_024])
def test_a_hash_that_the_library_made_matches_its_password_alone(kind: Type, lanes: int, password: str) -> None:
    hasher = PasswordHasher(
        time_cost=2, memory_cost=64, parallelism=lanes, hash_len=20 + lanes, salt_len=9 + lanes, type=kind
    )
    hash = hasher.hash(password)
    assert matches(hash, password)
    for other in (password + "x", password[:-1] + "y", password + "\0", "other"):
        assert not matches(hash, other)


def test_a_hash_of_the_first_version_is_verified() -> None:
    # The test vector of phc-winner-argon2 for version 0x10: echo -n password | argon2 somesalt -t 2 -m 8 -p 1 -v 10
    for head in ("$argon2i$v=16", "$argon2i"):
        hash = f"{head}$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"
        assert matches(hash, "password")
        assert not matches(hash, "differentpassword")


def test_a_hash_with_four_lanes_takes_the_time_of_one_thread() -> None:
    hash = PasswordHasher(time_cost=4, memory_cost=32 * 1024, parallelism=4).hash("x")
    process, thread = time.process_time(), time.thread_time()
    assert matches(hash, "x")
    process, thread = time.process_time() - process, time.thread_time() - thread
    assert thread > 0.5 * process


BROKEN = [
    "", "x", "$", "$$", "$argon2id$nonsense", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
    "$argon2id$v=19$m=8,t=1,p=1$@$a", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$a",
    "$argon2id$v=19$m=a,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
    "$bcrypt$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
]  # fmt: skip


@pytest.mark.parametrize("hash", BROKEN)
def test_no_password_matches_what_is_not_a_hash(hash: str) -> None:
    assert not matches(hash, "x")
    assert not matches(hash, "")
    with pytest.raises(ValueError, match="not an argon2 hash"):
        check_hash(hash)


@pytest.mark.parametrize(
    "parameters", ["m=0,t=1,p=1", "m=8,t=0,p=1", "m=8,t=1,p=0", "m=8,t=1,p=4", "m=99999999999,t=1,p=1"]
)
def test_no_password_matches_a_hash_that_cannot_be_computed(parameters: str) -> None:
    assert not matches(f"$argon2id$v=19${parameters}$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "x")


def test_a_dummy_hash_costs_as_much_and_matches_nothing() -> None:
    for like in (hash_password("x"), PasswordHasher(memory_cost=64, parallelism=3, salt_len=9, hash_len=33).hash("x")):
        dummy = dummy_hash(like)
        check_hash(dummy)
        assert extract_parameters(dummy) == extract_parameters(like)
        assert dummy != like
        assert not matches(dummy, "x")
        assert not re.search(re.escape(like.rsplit("$", 1)[1]), dummy)
