"""Responses to errors."""

import json
from typing import Any

import pytest
from aiohttp import web

from pymager import errors
from pymager.errors import PymagerError
from pymager.web import failures
from pymager.web.failures import error_response, problem_response, sentence


def document(answer: web.Response) -> dict[str, Any]:
    assert isinstance(answer.body, bytes)
    content: dict[str, Any] = json.loads(answer.body)
    return content


def test_a_problem_document_has_status_detail_and_request_id() -> None:
    answer = error_response(errors.InvalidName("the id is empty"), "r-1")
    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert document(answer) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The id is empty.",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("error", [ValueError("secret"), errors.OriginalLost("secret"), errors.NotFound("secret")])
def test_internal_errors_do_not_reach_the_client(error: Exception) -> None:
    answer = error_response(error, "r-1")
    assert answer.status == 500
    assert "secret" not in str(document(answer))


def test_unavailable_says_only_whether_the_outcome_is_known() -> None:
    known = error_response(errors.Unavailable("secret host", outcome_known=True), "")
    unknown = error_response(errors.Unavailable("secret host", outcome_known=False), "")
    assert known.status == unknown.status == 503
    assert known.headers["Retry-After"] == "5"
    assert "secret" not in str(document(known)) + str(document(unknown))
    assert "not known" in document(unknown)["detail"]
    assert "not known" not in document(known)["detail"]


def test_overload_has_retry_after() -> None:
    assert error_response(errors.Overloaded("full", retry_after=7), "").headers["Retry-After"] == "7"


def test_a_range_outside_has_the_size_in_content_range() -> None:
    answer = error_response(failures.RangeNotSatisfiable(100), "")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */100")


def test_a_401_names_the_schemes() -> None:
    answer = error_response(failures.Unauthorized("no"), "")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("kind", [errors.AlreadyExists, errors.Fenced, errors.NoSpace, errors.RevisionMismatch])
def test_an_error_without_a_message_has_a_detail(kind: type[PymagerError]) -> None:
    assert len(document(error_response(kind(), ""))["detail"]) > 20


def test_a_detail_that_is_not_utf_8_is_sent_with_replacements() -> None:
    assert document(problem_response(400, "bad \udcff", "r-1"))["detail"] == "bad ?"


def test_errors_of_aiohttps_router_become_problem_documents() -> None:
    missing = failures.http_exception_response(web.HTTPNotFound(), "r-1")
    assert (missing.status, missing.content_type) == (404, "application/problem+json")
    refused = failures.http_exception_response(web.HTTPMethodNotAllowed("PATCH", ["GET", "PUT"]), "r-1")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET,PUT")
    assert document(refused)["detail"] == "Method not allowed. This URL supports: GET, PUT"
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
