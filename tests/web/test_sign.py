"""`POST /sign`: signs a URL for whoever has credentials."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pymager.web.sign import MAX_EXPIRY_SECONDS, MAX_URL_CHARACTERS
from tests.web.served import WRITER, Response, Served, serving

KEY = bytes(range(32)).hex()


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("signer"), signing_keys=KEY, sizes="80x60", presets="card:40x30") as it:
        yield it


def sign(served: Served, content: Any, headers: dict[str, str] = WRITER) -> Response:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return served.request("POST", "/sign", headers, body)


def test_a_signed_url_is_served_to_everyone(signer: Served, photo: bytes) -> None:
    id = signer.upload(photo)
    variants = f"/derived/{id}-33x44.webp?fit=inside&q=50", f"/derived/{id}@card.jpg"
    for path in (*variants, f"/original/{id}", f"/info/{id}"):
        response = sign(signer, {"url": path})
        assert (response.status, response["Cache-Control"]) == (200, "no-store")
        assert response.json["expires"] is None
        assert signer.get(response.json["url"]).status == 200
    assert signer.get(variants[0]).status == 403


@pytest.mark.parametrize("seconds", [1, 3_600, 3_600.0, MAX_EXPIRY_SECONDS])
def test_a_signature_expires_when_the_request_says(signer: Served, seconds: float) -> None:
    before = int(time.time())
    response = sign(signer, {"url": "/original/cat", "expires_in": seconds})
    assert before + seconds <= response.json["expires"] <= time.time() + seconds
    assert f"exp={response.json['expires']}&sig=" in response.json["url"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"\xff", "must be JSON"),
        ([], "must be JSON"),
        ({"url": "/original/cat", "more": 1}, "must be JSON"),
        ({}, "Url must be text"),
        ({"url": 5}, "Url must be text"),
        ({"url": ""}, "Url must be text"),
        ({"url": "/original/" + "a" * MAX_URL_CHARACTERS}, "Url must be text"),
        ({"url": "/original/cat", "expires_in": 0}, "Expires_in must be"),
        ({"url": "/original/cat", "expires_in": -5}, "Expires_in must be"),
        ({"url": "/original/cat", "expires_in": True}, "Expires_in must be"),
        ({"url": "/original/cat", "expires_in": 1.5}, "Expires_in must be"),
        ({"url": "/original/cat", "expires_in": "1h"}, "Expires_in must be"),
        ({"url": "/original/cat", "expires_in": MAX_EXPIRY_SECONDS + 1}, "Expires_in must be"),
        ({"url": "/readyz"}, "Only URLs of variants"),
        ({"url": "/original/a b"}, "The id contains"),
        ({"url": "/original/cat#x"}, "'#'"),
        ({"url": "/original/cat?sig=x"}, "already has the parameter 'sig'"),
        ({"url": "/derived/cat-8x6.xyz"}, "not an output format"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_cannot_be_signed_is_a_400_that_says_why(signer: Served, content: Any, said: str) -> None:
    response = sign(signer, content)
    assert response.status == 400
    assert said.lower() in response.json["detail"].lower()


def test_only_who_has_credentials_can_sign(signer: Served) -> None:
    assert sign(signer, {"url": "/original/cat"}, {}).status == 401
    assert sign(signer, {"url": "/original/cat"}, {"Authorization": "Bearer wrong"}).status == 401
    assert signer.get("/sign").status == 405


def test_a_hard_limit_binds_what_is_signed(signer: Served) -> None:
    assert sign(signer, {"url": "/derived/cat-5000x1.jpg"}).status == 403
    assert sign(signer, {"url": "/derived/cat@nothing.jpg"}).status == 404


def test_a_body_that_is_too_large_is_refused(signer: Served) -> None:
    assert sign(signer, b" " * 20_000).status == 413
    chunked = WRITER | {"Transfer-Encoding": "chunked"}
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (20_000, b" " * 20_000)
    assert signer.request("POST", "/sign", chunked, body).status == 413
    assert sign(signer, {"url": "/original/cat"}, WRITER | {"Content-Encoding": "gzip"}).status == 415


def test_without_a_key_the_response_is_a_409_that_names_the_setting(served: Served) -> None:
    response = sign(served, {"url": "/original/cat"})
    assert response.status == 409
    assert "PYMAGER_SIGNING_KEYS has no key" in response.json["detail"]


def test_signing_writes_nothing_and_works_in_read_only_mode(tmp_path: Path, log: list[dict[str, Any]]) -> None:
    with serving(tmp_path, signing_keys=KEY, read_only=True) as frozen:
        assert sign(frozen, {"url": "/original/cat"}).status == 200
        assert frozen.put("cat", b"").status == 503
