"""What a client is told of an error."""

import json
from typing import Any

import pytest
from aiohttp import web

from pymager import errors
from pymager.errors import PymagerError
from pymager.web import failures
from pymager.web.failures import error_response, problem_response, sentence


def told(answer: web.Response) -> dict[str, Any]:
    assert isinstance(answer.body, bytes)
    content: dict[str, Any] = json.loads(answer.body)
    return content


def test_a_problem_document_tells_status_sentence_and_request() -> None:
    answer = error_response(errors.InvalidName("the id is empty"), "r-1")
    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert told(answer) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The id is empty.",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("error", [ValueError("secret"), errors.OriginalLost("secret"), errors.NotFound("secret")])
def test_of_what_is_not_the_clients_business_nothing_is_told(error: Exception) -> None:
    answer = error_response(error, "r-1")
    assert answer.status == 500
    assert "secret" not in str(told(answer))


def test_a_backends_words_are_not_told_but_whether_the_outcome_is_known_is() -> None:
    known = error_response(errors.Unavailable("secret host", outcome_known=True), "")
    unknown = error_response(errors.Unavailable("secret host", outcome_known=False), "")
    assert known.status == unknown.status == 503
    assert known.headers["Retry-After"] == "5"
    assert "secret" not in str(told(known)) + str(told(unknown))
    assert "not known" in told(unknown)["detail"]
    assert "not known" not in told(known)["detail"]


def test_overload_says_when_to_come_again() -> None:
    assert error_response(errors.Overloaded("full", retry_after=7), "").headers["Retry-After"] == "7"


def test_a_range_outside_is_told_with_the_size() -> None:
    answer = error_response(failures.RangeNotSatisfiable(100), "")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */100")


def test_who_is_not_let_in_is_told_how() -> None:
    answer = error_response(failures.Unauthorized("no"), "")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("kind", [errors.AlreadyExists, errors.Fenced, errors.NoSpace, errors.RevisionMismatch])
def test_an_error_without_words_gets_a_sentence(kind: type[PymagerError]) -> None:
    assert len(told(error_response(kind(), ""))["detail"]) > 20


def test_text_that_is_not_utf_8_is_told_as_well_as_can_be() -> None:
    assert told(problem_response(400, "bad \udcff", "r-1"))["detail"] == "bad ?"


def test_what_aiohttps_router_raises_is_a_problem_document_too() -> None:
    missing = failures.http_exception_response(web.HTTPNotFound(), "r-1")
    assert (missing.status, missing.content_type) == (404, "application/problem+json")
    refused = failures.http_exception_response(web.HTTPMethodNotAllowed("PATCH", ["GET", "PUT"]), "r-1")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET,PUT")
    assert told(refused)["detail"] == "Method not allowed. This URL supports: GET,PUT"
    assert failures.http_exception_response(web.HTTPRequestEntityTooLarge(1, 2), "r-1").status == 413


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the id is empty", "The id is empty."),
        ("If-Match does not match", "If-Match does not match."),
        ("'bmp3' is unknown", "'bmp3' is unknown."),
        ("Wait a moment.", "Wait a moment."),
    ],
)
def test_a_message_becomes_a_sentence(message: str, expected: str) -> None:
    assert sentence(message) == expected
