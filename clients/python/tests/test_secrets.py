"""Credentials and signatures are shown nowhere, and sent to one host only."""

import logging
import pickle
import re
import traceback
from base64 import b64encode

import pytest

from pymager_client import PictureUrls, PymagerError, UnexpectedResponse
from pymager_client.calls import Calls
from pymager_client.credentials import authorization
from pymager_client.deadlines import Deadline
from pymager_client.errors import Problem, error_of
from pymager_client.retries import Attempts
from pymager_client.signing import Signer
from tests.conftest import Connect
from tests.pictures import png
from tests.scripted import Answer, Reset, answer, problem, scripted
from tests.server import KEY

PASSWORD, TOKEN = "hush-hush-password", "hush-hush-token"
SECRETS = (PASSWORD, TOKEN, KEY, b64encode(f"test:{PASSWORD}".encode()).decode(), str(bytes.fromhex(KEY))[2:-1])
OPTIONS = ({"username": "test", "password": PASSWORD}, {"token": TOKEN})


def assert_no_secret(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []
    assert "sig=" not in text


@pytest.mark.parametrize("credentials", OPTIONS, ids=["password", "token"])
def test_no_secret_is_in_a_log_a_representation_or_an_exception(
    connect: Connect, caplog: pytest.LogCaptureFixture, credentials: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[Answer] = [
        problem(401, "No."),
        Reset(),
        answer(502, b"<html>"),
        problem(404, "No."),
        problem(403, "No."),
    ]
    with scripted(*answers) as server:
        client = connect(server.url, signing_key=KEY, max_attempts=1, **credentials)
        assert_no_secret(repr(client) + str(client))
        for call in (
            client.info,
            lambda id: client.variant(id, 8, q=70),
            client.delete,
            client.download,
            lambda id: client.upload(png(1, 1), id),
        ):
            with pytest.raises(PymagerError) as caught:
                call("cat")
            error = caught.value
            assert_no_secret(repr(error) + str(error) + repr(vars(error)))
            assert_no_secret("".join(traceback.format_exception(error)))
            assert str(pickle.loads(pickle.dumps(error))) == str(error)
    # What is not shown has been used.
    signed = server.requests.pop(1)
    assert re.fullmatch(r"/derived/cat-8x\.jpg\?q=70&sig=[\w-]{43}", signed.target)
    assert "authorization" not in signed.headers
    assert all(request.headers["authorization"].startswith(("Basic ", "Bearer ")) for request in server.requests)
    assert all("sig=" not in request.target for request in server.requests)
    logged = "".join(record.getMessage() for record in caplog.records)
    assert "/info/cat" in logged
    assert_no_secret(logged)
    assert_no_secret(repr(PictureUrls("http://a", signing_key=KEY)))


def test_a_request_is_represented_without_secrets() -> None:
    credentials = authorization("test", PASSWORD, None)
    calls = Calls(credentials, Signer(KEY), Attempts(1))
    for steps in (calls.info("cat", Deadline(None)), calls.variant("/derived/cat-8x.jpg", Deadline(None))):
        shown = repr(next(steps))
        assert "path=" in shown
        assert_no_secret(shown)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_nothing_is_sent_there(connect: Connect, status: int) -> None:
    with scripted() as other, scripted(*[answer(status, Location=f"{other.url}/info/cat")] * 5) as server:
        client = connect(server.url, username="test", password=PASSWORD)
        for call in (client.info, client.download, client.delete, lambda id: client.upload(b"x", id)):
            with pytest.raises(UnexpectedResponse) as caught:
                call("cat")
            assert caught.value.status == status
        assert len(server.requests) == 4
        assert other.requests == []


def test_the_next_page_is_requested_from_the_same_server(connect: Connect) -> None:
    with scripted() as other:
        page = answer(200, b'{"items": [], "next": "a+b"}', Link=f'<{other.url}/original?cursor=x>; rel="next"')
        with scripted(page, answer(200, b'{"items": [], "next": null}')) as server:
            assert list(connect(f"{server.url}/prefix", token=TOKEN).originals(7)) == []
        assert [request.target for request in server.requests] == [
            "/prefix/original?limit=7",
            "/prefix/original?limit=7&cursor=a%2Bb",
        ]
        assert other.requests == []


def test_without_credentials_none_are_sent(connect: Connect) -> None:
    with scripted(answer(200, b"x")) as server:
        connect(server.url).download("cat")
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].target == "/original/cat"


def test_a_password_outside_of_ascii_is_sent_as_utf_8(connect: Connect) -> None:
    with scripted(answer(200, b"x")) as server:
        connect(server.url, username="é", password="猫:").download("cat")
    assert server.requests[0].headers["authorization"] == f"Basic {b64encode('é:猫:'.encode()).decode()}"


def test_every_status_has_a_class() -> None:
    names = {status: type(error_of(Problem(status, ""))).__name__ for status in (*range(200, 600), 100, 700)}
    assert {status: name for status, name in names.items() if name not in ("InvalidRequest", "ServerError")} == {
        **dict.fromkeys((*range(200, 400), 100, 700), "UnexpectedResponse"),
        401: "Unauthorized",
        403: "Forbidden",
        404: "NotFound",
        409: "Conflict",
        412: "PreconditionFailed",
        413: "TooLarge",
        422: "Unprocessable",
        429: "TooManyRequests",
        502: "Unavailable",
        503: "Unavailable",
        504: "Unavailable",
        507: "StorageFull",
    }
    assert names[400] == names[415] == names[416] == "InvalidRequest" and names[500] == names[501] == "ServerError"
