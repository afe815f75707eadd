"""Failed attempts: counted by client, forgotten one after the other, and bounded."""

from functools import partial

import pytest

from pymager.web import failed_attempts
from pymager.web.failed_attempts import FailedAttempts


@pytest.fixture
def attempts() -> FailedAttempts:
    return FailedAttempts()


def at(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(failed_attempts, "monotonic", partial(float, now))


def test_a_client_can_fail_twenty_times_before_it_is_refused(
    attempts: FailedAttempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 1_000.0)
    assert not attempts.has_failed("a")
    for _ in range(20):
        attempts.add("a")
        assert attempts.retry_after("a") == 0
        assert attempts.has_failed("a")
    attempts.add("a")
    assert attempts.retry_after("a") == 5
    assert attempts.retry_after("b") == 0
    assert not attempts.has_failed("b")


def test_one_failure_is_forgotten_every_five_seconds(attempts: FailedAttempts, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_000.0)
    for _ in range(21):
        attempts.add("a")
    for now, retry_after in ((1_001.0, 4), (1_004.5, 1), (1_005.0, 0)):
        at(monkeypatch, now)
        assert attempts.retry_after("a") == retry_after
    attempts.add("a")
    assert attempts.retry_after("a") == 5
    at(monkeypatch, 1_109.0)
    assert attempts.has_failed("a")
    at(monkeypatch, 1_110.0)
    assert not attempts.has_failed("a")


def test_nobody_is_refused_for_more_than_a_minute(attempts: FailedAttempts, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_000.0)
    for _ in range(10_000):
        attempts.add("a")
    assert attempts.retry_after("a") == 60


def test_the_number_of_clients_is_bounded_and_who_failed_last_is_kept(
    attempts: FailedAttempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_attempts, "_MAX_CLIENTS", 3)
    for client in "abcad":
        attempts.add(client)
    assert [attempts.has_failed(client) for client in "abcd"] == [True, False, True, True]
