"""Decisions on retries that need no server: the generator is asked what it would do."""

from collections.abc import Mapping
from typing import Any

import pytest

from pymager_client.deadlines import Deadline
from pymager_client.errors import ConnectionFailed, PymagerError
from pymager_client.messages import Failure, Request, Response, Upload, retry_after_seconds
from pymager_client.retries import Attempts, Call, Result, Send, Wait
from pymager_client.sources import IteratorSource

REFUSED = Failure(ConnectionFailed("refused"), was_sent=False)
LOST = Failure(ConnectionFailed("lost"))
DONE = Response(200, {}, b"done")


class Clock:
    """Goes on only while a step waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(
    *results: Result,
    seconds: float | None = None,
    max_attempts: int = 10,
    jitter: float = 0.0,
    request: Request | None = None,
) -> list[float]:
    """The waits between the attempts that have these results."""
    clock = Clock()
    call = Call(request or Request("GET", "/", "/", {}), lambda response: response.body)
    steps = Attempts(max_attempts, lambda: jitter).steps(call, Deadline(seconds, clock))
    waited, given = [], iter(results)
    result: Result = None
    try:
        while True:
            step = steps.send(result)
            if isinstance(step, Wait):
                clock.now += step.seconds
                waited.append(step.seconds)
                result = None
            else:
                assert isinstance(step, Send)
                result = next(given)
    except (StopIteration, PymagerError):
        assert list(given) == []
        return waited


def busy(status: int = 503, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()})


def test_waits_double_up_to_a_limit_and_are_spread_over_a_half() -> None:
    assert waits(*[LOST] * 8, DONE) == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    assert waits(*[busy(504)] * 2, DONE, jitter=1.0) == [0.125, 0.25]


def test_a_wait_that_the_server_asks_for_is_capped() -> None:
    assert waits(busy(retry_after="7"), busy(429, retry_after="86400"), DONE) == [7, 60]


def test_only_errors_that_pass_are_repeated() -> None:
    for status in (429, 502, 503, 504):
        assert waits(busy(status), DONE) == [0.25]
    for status in (302, 400, 401, 408, 409, 412, 500, 501, 507):
        assert waits(busy(status, retry_after="1")) == []


def test_a_malformed_time_counts_as_none() -> None:
    for text in ("", "-1", "1.5", "soon", "１", "1e3", "Wed, 99 Foo 2026"):
        assert waits(busy(retry_after=text), DONE) == [0.25]


def test_no_attempt_begins_after_the_deadline_or_after_two_minutes() -> None:
    assert waits(busy(retry_after="4"), busy(retry_after="4"), seconds=8) == [4]
    assert waits(*[busy(retry_after="50")] * 3) == [50, 50]


def test_a_stream_that_was_not_read_can_be_sent_after_a_refused_connection() -> None:
    source = IteratorSource(iter([b"a", b"b"]))
    request = Request("POST", "/original", "/original", {}, Upload(source, is_form=True), is_idempotent=False)
    assert waits(REFUSED, DONE, request=request) == [0.25]
    assert source.open().next() == b"a"
    assert waits(REFUSED, request=request) == []


def test_an_upload_without_an_id_is_repeated_only_if_it_was_not_begun() -> None:
    request = Request("POST", "/original", "/original", {}, is_idempotent=False)
    assert waits(REFUSED, busy(429, retry_after="1"), DONE, request=request) == [0.25, 1]
    for result in (LOST, busy(retry_after="1"), busy(502)):
        assert waits(result, request=request) == []


def test_a_request_that_cannot_succeed_is_not_repeated() -> None:
    assert waits(Failure(ConnectionFailed("protocol"), is_final=True)) == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": " 5 "}, 5.0),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT", "date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:37 GMT", "date": "Sun Nov  6 08:49:07 1994"}, 30.0),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(headers: Mapping[str, str], seconds: Any) -> None:
    assert retry_after_seconds(headers) == seconds
