"""Checks passwords: one verification for equal credentials, a bounded share of one core, fair to every client.

Verifying an argon2 hash is slow on purpose, and anyone can request it. So verifications wait in a queue that is fair to
every client, one thread of low priority runs one at a time, and it pauses in between.
"""

import asyncio
import hmac
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic, thread_time

from pymager import passwords
from pymager.errors import Overloaded
from pymager.telemetry.context import cancelable
from pymager.telemetry.families import PASSWORD_CHECKS
from pymager.telemetry.observer import OFF, Observer
from pymager.web.check_queue import CheckQueue, Lane
from pymager.web.failed_attempts import FailedAttempts
from pymager.web.failures import TooManyFailures, Unauthorized

CPU_SHARE = 0.5
"""The part of one core that all server processes together spend on verifications."""
_THREAD_NICENESS = 5  # the same as the worker processes: lower than the event loop, equal to renders
_REMEMBERED_SECONDS = 300.0
_FAILURE_REMEMBERED_SECONDS = 30.0
_MAX_REMEMBERED_FAILURES = 4_096
_RETRY_AFTER_SECONDS = 2


class Outcome(Enum):
    """How a check ended; the value is the label in metrics."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"


@dataclass(eq=False, slots=True)
class _Place:
    """A place in the queue, for all requests of one client with the same credentials."""

    check: "_Check"
    client: str
    outcome: asyncio.Future[Outcome]
    requests: int = 0


@dataclass(eq=False, slots=True)
class _Check:
    """One verification, for all clients that present these credentials."""

    digest: bytes
    name: str
    password: str
    running: bool = False
    places: dict[str, _Place] = field(default_factory=dict)


class PasswordChecks:
    """Checks names and passwords against argon2 hashes.

    Right credentials are remembered until nobody has presented them for five minutes. The hashes of a process never
    change, so there is no reason to verify them again. Wrong ones are remembered for half a minute, and only for the
    client that presented them: response times do not show what others have tried. Digests of both are
    keyed with a random key of this process.
    """

    def __init__(self, users: Mapping[str, str], *, cpu_share: float = CPU_SHARE, observer: Observer = OFF) -> None:
        self._users = dict(users)
        self._dummies = _dummy_hashes(users)
        self._cpu_share = cpu_share
        self._observer = observer
        for outcome in Outcome:
            observer.count(PASSWORD_CHECKS, outcome.value, by=0)
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[bytes, float]] = {}
        self._wrong: OrderedDict[bytes, float] = OrderedDict()
        self._attempts = FailedAttempts()
        self._checks: dict[bytes, _Check] = {}
        self._queue: CheckQueue[_Place] = CheckQueue()
        self._runner: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._thread = ThreadPoolExecutor(1, "password-check", _lower_priority)

    async def require(self, name: str, password: str, client: str) -> None:
        """Return if the password is the user's.

        Raises `Unauthorized`, or `TooManyFailures` if the client has failed too often, and `Overloaded`.
        """
        digest = self._digest(f"{name}:{password}")
        if self._is_remembered(name, digest):
            return
        failure = self._digest(f"{client} {name}:{password}")
        if self._wrong.get(failure, 0.0) > monotonic():
            raise self._refusal(client)
        outcome = await self._outcome(digest, name, password, client)
        if outcome is Outcome.REFUSED:
            self._observer.count(PASSWORD_CHECKS, outcome.value)
            raise Overloaded("too many passwords are being checked; try again later", retry_after=_RETRY_AFTER_SECONDS)
        if outcome is Outcome.WRONG:
            self._remember_wrong(failure)
            raise self._refusal(client)

    def close(self) -> None:
        """Stop without waiting for a running verification."""
        if self._runner is not None:
            self._runner.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")

    def _is_remembered(self, name: str, digest: bytes) -> bool:
        known, until = self._right.get(name, (b"", 0.0))
        if until <= monotonic() or not hmac.compare_digest(known, digest):
            return False
        self._remember_right(name, digest)
        return True

    def _remember_right(self, name: str, digest: bytes) -> None:
        self._right[name] = digest, monotonic() + _REMEMBERED_SECONDS

    def _remember_wrong(self, failure: bytes) -> None:
        self._wrong.pop(failure, None)  # so that the oldest is first
        self._wrong[failure] = monotonic() + _FAILURE_REMEMBERED_SECONDS
        if len(self._wrong) > _MAX_REMEMBERED_FAILURES:
            self._wrong.popitem(last=False)

    def _refusal(self, client: str) -> Exception:
        if retry_after := self._attempts.retry_after(client):
            return TooManyFailures(retry_after)
        return Unauthorized("the name or the password is wrong")

    async def _outcome(self, digest: bytes, name: str, password: str, client: str) -> Outcome:
        """Wait for the verification of these credentials, and start it if nobody else has."""
        check = self._checks.setdefault(digest, _Check(digest, name, password))
        place = check.places.get(client) or self._new_place(check, client)
        place.requests += 1
        try:
            with cancelable():
                return await asyncio.shield(place.outcome)
        finally:
            place.requests -= 1
            if not place.requests and not place.outcome.done():
                self._give_up(place)

    def _new_place(self, check: _Check, client: str) -> _Place:
        place = check.places[client] = _Place(check, client, asyncio.get_running_loop().create_future())
        if not check.running:
            lane = Lane.FAILING if self._attempts.has_failed(client) else Lane.CLEAN
            loser = self._queue.add(lane, client, place)
            if loser is not None:
                loser.outcome.set_result(Outcome.REFUSED)
                self._leave(loser)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return place

    def _give_up(self, place: _Place) -> None:
        """All requests that waited here are gone. A verification that runs still counts, so that no guess is free."""
        if place.check.running:
            return
        self._queue.remove(place.client, place)
        self._leave(place)

    def _leave(self, place: _Place) -> None:
        place.check.places.pop(place.client, None)
        if not place.check.places and not place.check.running:
            self._checks.pop(place.check.digest, None)

    async def _run(self) -> None:
        """Verify one after the other until nothing waits, with pauses that keep to the share of one core."""
        loop = asyncio.get_running_loop()
        while self._queue:
            await asyncio.sleep(self._not_before - loop.time())
            if not self._queue:
                return
            check = self._queue.pop().check
            started = loop.time()
            check.running = True
            try:
                is_right, cpu_seconds = await loop.run_in_executor(self._thread, self._verify, check)
            except Exception as error:  # a bug: every request that waits for this check gets it
                self._finish(check, error)
                continue
            self._not_before = started + cpu_seconds / self._cpu_share
            self._finish(check, Outcome.RIGHT if is_right else Outcome.WRONG)

    def _verify(self, check: _Check) -> tuple[bool, float]:
        """Whether the password is right, and the CPU time that this took. Takes as long for an unknown name."""
        before = thread_time()
        is_right = passwords.matches(self._hash_of(check.name), check.password)
        return is_right, thread_time() - before

    def _hash_of(self, name: str) -> str:
        """The user's hash, or one that costs as much as that of some user, always the same for one name."""
        if (hash := self._users.get(name)) is not None:
            return hash
        return self._dummies[int.from_bytes(self._digest(name)) % len(self._dummies)]

    def _finish(self, check: _Check, result: Outcome | Exception) -> None:
        del self._checks[check.digest]
        if result is Outcome.RIGHT:
            self._remember_right(check.name, check.digest)
        for place in check.places.values():
            self._queue.remove(place.client, place)
            if isinstance(result, Exception):
                place.outcome.set_exception(result)
                continue
            if result is Outcome.WRONG:
                self._attempts.add(place.client)
                self._queue.demote(place.client)
            place.outcome.set_result(result)
        if isinstance(result, Outcome):
            self._observer.count(PASSWORD_CHECKS, result.value)


def _dummy_hashes(users: Mapping[str, str]) -> list[str]:
    """A dummy hash for each user's; one with the parameters of new hashes if there are no users."""
    likes = list(users.values()) or [passwords.hash_password("")]
    return [passwords.dummy_hash(like) for like in likes]


def _lower_priority() -> None:
    """Lower the priority of this thread alone: Linux has one for each thread (setpriority(2), NOTES)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _THREAD_NICENESS)
