"""Passwords: verified once for all who present them, remembered, fair to every client, and a bounded cost."""

import asyncio
import json
import os
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from argon2 import PasswordHasher, extract_parameters

from pymager import passwords
from pymager.errors import Overloaded
from pymager.telemetry.context import CURRENT, RequestContext
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.web import check_queue, failed_attempts, password_checks
from pymager.web.failures import TooManyFailures, Unauthorized
from pymager.web.password_checks import PasswordChecks
from tests.waiting import until

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
USERS = {"ada": CHEAP.hash("lovelace"), "böb": CHEAP.hash("pass:wörd")}
CLIENT, OTHER = "192.0.2.1", "192.0.2.2"


class Verifications:
    """Counts verifications by argon2, and can pause them."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        self.hashes: list[str] = []
        self.concurrent = self.most = 0
        self.threads: set[int] = set()
        self.go_on = threading.Event()
        self.go_on.set()
        self._lock = threading.Lock()
        self._matches = passwords.matches

    def matches(self, hash: str, password: str) -> bool:
        with self._lock:
            self.passwords.append(password)
            self.hashes.append(hash)
            self.threads.add(threading.get_native_id())
            self.concurrent += 1
            self.most = max(self.most, self.concurrent)
        try:
            assert self.go_on.wait(20)
            return self._matches(hash, password)
        finally:
            with self._lock:
                self.concurrent -= 1


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifications]:
    counted = Verifications()
    monkeypatch.setattr(passwords, "matches", counted.matches)
    yield counted
    counted.go_on.set()


@pytest.fixture
async def checks(verifications: Verifications) -> AsyncIterator[PasswordChecks]:
    checks = PasswordChecks(USERS)
    yield checks
    verifications.go_on.set()
    checks.close()


def at(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(password_checks, "monotonic", partial(float, now))
    monkeypatch.setattr(failed_attempts, "monotonic", partial(float, now))


async def refused(checks: PasswordChecks, name: str, password: str, client: str = CLIENT) -> type[Exception]:
    with pytest.raises((Unauthorized, TooManyFailures, Overloaded)) as caught:
        await checks.require(name, password, client)
    return caught.type


def attempt(checks: PasswordChecks, name: str, password: str, client: str = CLIENT) -> asyncio.Task[None]:
    return asyncio.create_task(checks.require(name, password, client))


async def test_concurrent_checks_of_the_same_credentials_share_one_verification(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    verifications.go_on.clear()
    waiting = [attempt(checks, "ada", "lovelace", f"192.0.2.{number % 7}") for number in range(500)]
    await until(lambda: verifications.passwords)
    waiting += [attempt(checks, "ada", "lovelace", f"192.0.2.{number % 9}") for number in range(500)]
    await asyncio.sleep(0)
    verifications.go_on.set()
    assert await asyncio.gather(*waiting) == [None] * 1_000
    assert verifications.passwords == ["lovelace"]


async def test_waiting_credentials_that_turn_out_right_elsewhere_are_not_verified_again(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    verifications.go_on.clear()
    guesses = [attempt(checks, "ada", f"guess {number}") for number in range(5)]
    waiting = [attempt(checks, "ada", "lovelace"), attempt(checks, "ada", "lovelace", OTHER)]
    await until(lambda: verifications.passwords)
    verifications.go_on.set()
    assert await asyncio.gather(*waiting) == [None, None]
    assert await asyncio.gather(*guesses, return_exceptions=True)
    assert verifications.passwords.count("lovelace") == 1


async def test_right_credentials_are_remembered_while_they_are_in_use(
    checks: PasswordChecks, verifications: Verifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now in (1_000.0, 1_299.0, 1_598.0, 1_897.0):
        at(monkeypatch, now)
        await checks.require("ada", "lovelace", CLIENT)
        assert len(verifications.passwords) == 1
    at(monkeypatch, 2_198.0)
    await checks.require("ada", "lovelace", CLIENT)
    assert len(verifications.passwords) == 2


async def test_remembered_credentials_are_never_refused(checks: PasswordChecks, verifications: Verifications) -> None:
    await checks.require("ada", "lovelace", CLIENT)
    verifications.go_on.clear()
    guesses = [attempt(checks, "ada", f"guess {number}") for number in range(check_queue.MAX_WAITING + 10)]
    await until(lambda: len(verifications.passwords) > 1)
    for client in (CLIENT, OTHER):
        await checks.require("ada", "lovelace", client)
    verifications.go_on.set()
    await asyncio.gather(*guesses, return_exceptions=True)
    for _ in range(30):
        await refused(checks, "ada", secrets.token_hex(4))
    assert await refused(checks, "ada", "wrong") is TooManyFailures
    await checks.require("ada", "lovelace", CLIENT)


async def test_a_wrong_password_is_verified_again_only_after_half_a_minute(
    checks: PasswordChecks, verifications: Verifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now, expected in ((1_000.0, 1), (1_001.0, 1), (1_029.0, 1), (1_031.0, 2), (1_060.0, 2), (1_062.0, 3)):
        at(monkeypatch, now)
        assert await refused(checks, "ada", "wrong") is Unauthorized
        assert len(verifications.passwords) == expected


async def test_what_one_client_tried_is_not_known_to_another(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    await refused(checks, "ada", "wrong")
    await refused(checks, "ada", "wrong", OTHER)
    assert verifications.passwords == ["wrong"] * 2


async def test_the_memory_of_wrong_passwords_is_bounded(
    checks: PasswordChecks, verifications: Verifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_checks, "_MAX_REMEMBERED_FAILURES", 2)
    for password in "abcca":
        await refused(checks, "ada", password)
    assert verifications.passwords == ["a", "b", "c", "a"]


async def test_a_right_password_does_not_make_another_right(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    await checks.require("ada", "lovelace", CLIENT)
    for name, password in (("ada", "lovelacE"), ("böb", "lovelace"), ("ada", "lovelace:"), ("ada:lovelace", "")):
        assert await refused(checks, name, password) is Unauthorized
    await checks.require("böb", "pass:wörd", CLIENT)


async def test_a_repeated_wrong_password_counts_as_one_failure(checks: PasswordChecks) -> None:
    """A program with an old password tries it for ever; that is no guessing."""
    for _ in range(200):
        assert await refused(checks, "ada", "old password") is Unauthorized


async def test_a_client_that_keeps_failing_gets_429_and_its_right_password_still_works(
    checks: PasswordChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 1_000.0)
    outcomes = [await refused(checks, "ada", f"guess {number}") for number in range(25)]
    assert outcomes == [Unauthorized] * 20 + [TooManyFailures] * 5
    with pytest.raises(TooManyFailures) as caught:
        await checks.require("ada", "guess 3", CLIENT)
    assert caught.value.retry_after == 25
    assert await refused(checks, "ada", "guess", OTHER) is Unauthorized
    await checks.require("ada", "lovelace", CLIENT)


async def test_a_user_among_guessers_at_one_address_waits_for_their_guesses_once(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    verifications.go_on.clear()

    async def guess(guesser: int) -> None:
        for number in range(1_000):
            await refused(checks, "ada", f"{guesser}-{number}")

    guessers = [asyncio.create_task(guess(guesser)) for guesser in range(20)]
    await until(lambda: verifications.passwords)
    user = attempt(checks, "ada", "lovelace")
    await asyncio.sleep(0)
    verifications.go_on.set()
    await user
    assert len(verifications.passwords) <= 20 + 20 + 1
    for guesser in guessers:
        guesser.cancel()
    await asyncio.gather(*guessers, return_exceptions=True)


async def test_what_was_not_verified_is_never_called_wrong(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    """Also if the client has failed too often and its line is full: 503, and not 429."""
    for number in range(21):
        await refused(checks, "ada", f"guess {number}")
    verifications.go_on.clear()
    guesses = [attempt(checks, "ada", "one that is being verified")]
    await until(lambda: len(verifications.passwords) == 22)
    guesses += [attempt(checks, "ada", f"more {number}") for number in range(check_queue.MAX_WAITING_PER_CLIENT)]
    await asyncio.sleep(0)
    assert await refused(checks, "ada", "lovelace") is Overloaded
    verifications.go_on.set()
    await asyncio.gather(*guesses, return_exceptions=True)


@contextmanager
def requested() -> Iterator[RequestContext]:
    """What is started inside belongs to a request."""
    context = RequestContext("id", CLIENT, 0.0)
    before = CURRENT.set(context)
    try:
        yield context
    finally:
        CURRENT.reset(before)


async def test_a_check_that_waits_is_dropped_when_its_client_has_left(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    verifications.go_on.clear()
    first = attempt(checks, "ada", "guess", OTHER)
    await until(lambda: verifications.passwords)
    with requested() as context:
        gone = attempt(checks, "ada", "another guess")
    await until(lambda: context.waiting is not None)
    context.disconnected()
    with pytest.raises(asyncio.CancelledError):
        await gone
    verifications.go_on.set()
    await asyncio.gather(first, return_exceptions=True)
    await checks.require("ada", "lovelace", CLIENT)
    assert verifications.passwords == ["guess", "lovelace"]


async def test_a_guess_counts_if_its_client_leaves_while_it_is_verified(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    for number in range(21):
        verifications.go_on.clear()
        with requested() as context:
            guess = attempt(checks, "ada", f"guess {number}")
        await until(lambda number=number: len(verifications.passwords) == number + 1)
        context.disconnected()
        with pytest.raises(asyncio.CancelledError):
            await guess
        verifications.go_on.set()
        await until(lambda: not checks._checks)
    assert await refused(checks, "ada", "wrong") is TooManyFailures


async def test_a_user_elsewhere_waits_for_two_guesses(checks: PasswordChecks, verifications: Verifications) -> None:
    async def guess(guesser: int) -> None:
        for number in range(1_000):
            await refused(checks, "ada", f"{guesser}-{number}", f"198.51.100.{guesser}")

    guessers = [asyncio.create_task(guess(guesser)) for guesser in range(20)]
    await until(lambda: {f"{guesser}-1" for guesser in range(20)} <= set(verifications.passwords))
    before = len(verifications.passwords)
    await checks.require("ada", "lovelace", CLIENT)
    assert verifications.passwords[before:].index("lovelace") <= 2
    for guesser in guessers:
        guesser.cancel()
    await asyncio.gather(*guessers, return_exceptions=True)


async def test_passwords_are_verified_one_at_a_time_at_a_low_priority(
    checks: PasswordChecks, verifications: Verifications
) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    await asyncio.gather(*[refused(checks, "ada", f"guess {number}") for number in range(20)])
    assert verifications.most == 1
    assert len(verifications.threads) == 1
    (thread,) = verifications.threads
    assert os.getpriority(os.PRIO_PROCESS, thread) == max(5, before)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


async def test_verifications_take_a_share_of_one_core() -> None:
    hash = PasswordHasher(time_cost=2, memory_cost=4_096, parallelism=4).hash("x")
    checks = PasswordChecks({"ada": hash}, cpu_share=0.25)
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.gather(*[refused(checks, "ada", f"guess {number}") for number in range(21)])
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    assert cpu < 0.5 * wall
    checks.close()


async def test_too_many_clients_are_refused_until_there_is_room(
    checks: PasswordChecks, verifications: Verifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_queue, "MAX_WAITING", 10)
    monkeypatch.setattr(check_queue, "MAX_WAITING_PER_CLIENT", 4)
    verifications.go_on.clear()
    running = attempt(checks, "ada", "running", "192.0.2.100")
    await until(lambda: verifications.passwords)
    greedy = [attempt(checks, "ada", f"guess {number}", "192.0.2.100") for number in range(4)]
    modest = [attempt(checks, "ada", f"guess of {number}", f"192.0.2.{number}") for number in range(101, 107)]
    await asyncio.sleep(0)
    assert await refused(checks, "ada", "one more", "192.0.2.100") is Overloaded
    newcomer = attempt(checks, "ada", "lovelace")
    with pytest.raises(Overloaded):
        await greedy[-1]
    verifications.go_on.set()
    await newcomer
    outcomes = await asyncio.gather(running, *greedy[:-1], *modest, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unauthorized}


async def test_credentials_that_lose_a_place_are_still_verified_for_others(
    checks: PasswordChecks, verifications: Verifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_queue, "MAX_WAITING", 4)
    verifications.go_on.clear()
    blocking = attempt(checks, "ada", "blocking")
    await until(lambda: verifications.passwords)
    busy = [attempt(checks, "ada", f"guess {number}", "192.0.2.100") for number in range(2)]
    shared = [attempt(checks, "ada", "lovelace", client) for client in ("192.0.2.100", OTHER)]
    await asyncio.sleep(0)
    newcomer = attempt(checks, "böb", "pass:wörd", "192.0.2.3")
    with pytest.raises(Overloaded):
        await shared[0]
    verifications.go_on.set()
    await asyncio.gather(shared[1], newcomer)
    await asyncio.gather(blocking, *busy, return_exceptions=True)


async def test_requests_that_are_gone_are_not_verified(checks: PasswordChecks, verifications: Verifications) -> None:
    verifications.go_on.clear()
    first = attempt(checks, "ada", "first")
    await until(lambda: verifications.passwords)
    gone = [attempt(checks, "ada", "gone") for _ in range(3)]
    one_gone = [attempt(checks, "ada", "lovelace") for _ in range(3)]
    await asyncio.sleep(0)
    for task in (*gone, one_gone[0]):
        task.cancel()
    await asyncio.gather(*gone, one_gone[0], return_exceptions=True)
    first.cancel()
    verifications.go_on.set()
    await asyncio.gather(*one_gone[1:])
    assert verifications.passwords == ["first", "lovelace"]
    assert await refused(checks, "ada", "gone") is Unauthorized
    assert await refused(checks, "ada", "first") is Unauthorized


async def test_an_unexpected_error_goes_to_who_waits_and_the_next_check_works(
    checks: PasswordChecks, verifications: Verifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(hash: str, password: str) -> bool:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "matches", fails)
        waiting = [attempt(checks, "ada", "lovelace"), attempt(checks, "ada", "another")]
        for task in waiting:
            with pytest.raises(MemoryError):
                await task
    await checks.require("ada", "lovelace", CLIENT)


async def test_an_unknown_name_costs_as_much_as_that_of_a_user(verifications: Verifications) -> None:
    hashers = [PasswordHasher(time_cost=1, memory_cost=8 * lanes, parallelism=lanes) for lanes in (1, 2)]
    users = {f"user {number}": hasher.hash("x") for number, hasher in enumerate(hashers)}
    checks = PasswordChecks(users)
    names = ["", *(f"unknown {number}" for number in range(15))]
    for client in (CLIENT, OTHER):
        for name in names:
            assert await refused(checks, name, "x", client) in (Unauthorized, TooManyFailures)
    costs = [extract_parameters(hash) for hash in verifications.hashes]
    assert costs[: len(names)] == costs[len(names) :]  # always the same for one name
    assert {cost.parallelism for cost in costs} == {1, 2}
    assert not set(verifications.hashes) & set(users.values())
    checks.close()


async def test_without_users_nobody_gets_in(verifications: Verifications) -> None:
    checks = PasswordChecks({})
    for password in ("", secrets.token_hex(16)):
        assert await refused(checks, "", password) is Unauthorized
    checks.close()


async def test_checks_are_counted(verifications: Verifications) -> None:
    shared = SharedMetrics()
    checks = PasswordChecks(USERS, observer=Observer(Metrics(shared)))
    await checks.require("ada", "lovelace", CLIENT)
    await checks.require("ada", "lovelace", CLIENT)
    await refused(checks, "ada", "wrong")
    await refused(checks, "ada", "wrong")
    counted = {json.loads(name)[1]: numbers[0] for name, numbers in shared.rows()}
    assert counted == {"right": 1, "wrong": 1, "refused": 0}
    checks.close()
