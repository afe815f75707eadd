"""When a request is sent again: a generator that asks for each step and gets its result, so that it needs no sockets.

What may be repeated: a request that has the same effect twice; any other one only if the server has not begun it. A
source that was read and cannot be read again is never sent again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pymager_client.deadlines import Deadline
from pymager_client.errors import InvalidArgument, PymagerError, error_of
from pymager_client.messages import Failure, Request, Response, problem_of
from pymager_client.sources import Source

T = TypeVar("T")

MAX_RETRY_SECONDS = 120.0
"""How long after the beginning of a call another attempt can begin."""
MAX_RETRY_AFTER_SECONDS = 60.0
"""The longest wait that a response can ask for."""
_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 10.0
_MAX_DOUBLINGS = 30
_TOO_MANY_REQUESTS = 429
_TRANSIENT = (_TOO_MANY_REQUESTS, 502, 503, 504)


@dataclass(frozen=True)
class Send:
    """The step: send the request, and give back the `Response` or `Failure`."""

    request: Request


@dataclass(frozen=True)
class Wait:
    """The step: wait, and give back nothing."""

    seconds: float


@dataclass(frozen=True)
class Hash:
    """The step: read a source, and give back its SHA-256 in hexadecimal digits."""

    source: Source


Step = Send | Wait | Hash
Result = Response | Failure | str | None
Steps = Generator[Step, Result, T]


@dataclass(frozen=True)
class Recovered(Generic[T]):
    """An earlier attempt has succeeded although its response was lost; this is its result."""

    value: T


def _no_recovery(error: PymagerError, deadline: Deadline) -> Steps[None]:
    yield from ()


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, how its success is read, and how an error is explained that an earlier attempt may have caused."""

    request: Request
    parse: Callable[[Response], T]
    recover: Callable[[PymagerError, Deadline], Steps[Recovered[T] | None]] = _no_recovery


class Attempts:
    """Sends calls up to `max_attempts` times."""

    def __init__(self, max_attempts: int, jitter: Callable[[], float] = random.random) -> None:
        """`jitter` gives numbers from 0 to 1. Raises `InvalidArgument`."""
        if max_attempts < 1:
            raise InvalidArgument(f"max_attempts: must be at least 1, got {max_attempts!r}")
        self._max_attempts = max_attempts
        self._jitter = jitter

    def steps(self, call: Call[T], deadline: Deadline) -> Steps[T]:
        """The steps of a call. Raises what `pymager_client.errors` lists."""
        may_have_succeeded = False
        for number in range(1, self._max_attempts + 1):
            outcome = yield Send(call.request)
            assert isinstance(outcome, (Response, Failure))
            if isinstance(outcome, Response) and outcome.is_success:
                return call.parse(outcome)
            error = outcome.error if isinstance(outcome, Failure) else error_of(problem_of(outcome))
            if may_have_succeeded:
                recovered = yield from call.recover(error, deadline)
                if recovered is not None:
                    return recovered.value
            wait = self._wait(call.request, outcome, number)
            if wait is None or number == self._max_attempts or not _is_in_time(wait, deadline):
                raise error
            may_have_succeeded = may_have_succeeded or not _was_not_begun(outcome)
            yield Wait(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, request: Request, outcome: Response | Failure, attempts: int) -> float | None:
        """Seconds to wait after this many attempts; None if the request is not sent again."""
        if request.upload is not None and not request.upload.source.can_be_read:
            return None
        if not request.is_idempotent and not _was_not_begun(outcome):
            return None
        if isinstance(outcome, Failure):
            return None if outcome.is_final else self._backoff(attempts)
        if outcome.status not in _TRANSIENT:
            return None
        retry_after = problem_of(outcome).retry_after
        return self._backoff(attempts) if retry_after is None else min(retry_after, MAX_RETRY_AFTER_SECONDS)

    def _backoff(self, attempts: int) -> float:
        """Doubles with each attempt. Up to a half is taken off, so that clients do not return at the same moment."""
        longest = min(_FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, _MAX_DOUBLINGS), _MAX_WAIT_SECONDS)
        return longest * (1 - self._jitter() / 2)


def _was_not_begun(outcome: Response | Failure) -> bool:
    """Whether the request certainly had no effect."""
    if isinstance(outcome, Failure):
        return not outcome.was_sent
    return outcome.status == _TOO_MANY_REQUESTS


def _is_in_time(wait: float, deadline: Deadline) -> bool:
    return wait < deadline.remaining() and deadline.elapsed() + wait <= MAX_RETRY_SECONDS
