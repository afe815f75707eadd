"""Signatures: the test vectors of the page on signed URLs, and what cannot be signed."""

import base64
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pymager_client import InvalidArgument, PictureUrls
from pymager_client.signing import Signer
from tests.server import CHECKOUT, KEY

(_TEXT,) = (text for page in (CHECKOUT / "docs").rglob("*.md") if "Key 1 is `" in (text := page.read_text("utf-8")))
VECTORS: list[dict[str, Any]] = json.loads(re.findall(r"^```json\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)[0])
_KEY_2 = re.search(r"Key 2 is\s`([\w-]+)` in base64url", _TEXT)
assert _KEY_2 is not None
KEYS = {1: KEY, 2: _KEY_2[1]}
RAW = bytes(range(32))


def test_the_page_has_vectors_for_this_key() -> None:
    assert f"Key 1 is `{KEY}`" in _TEXT
    assert len(VECTORS) >= 20


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["case"]))
def test_every_vector_of_the_page_is_signed_as_it_says(vector: dict[str, Any]) -> None:
    urls = PictureUrls("https://img.example.org/pictures", signing_key=KEYS[vector["key"]])
    assert urls.sign(vector["target"]) == vector["url"]


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["target"].endswith("exp=4102444800")])
@pytest.mark.parametrize("expires", [4102444800, datetime(2100, 1, 1, tzinfo=timezone.utc)])
def test_an_expiry_is_added_to_the_query(vector: dict[str, Any], expires: int | datetime) -> None:
    target = vector["target"].removesuffix("exp=4102444800")[:-1]
    assert PictureUrls("http://a", signing_key=KEYS[vector["key"]]).sign(target, expires) == vector["url"]


def test_a_duration_counts_from_now() -> None:
    signer = Signer(RAW, now=lambda: 1000.7)
    assert "exp=1060&sig=" in signer.sign("/original/cat", timedelta(minutes=1))


@pytest.mark.parametrize(
    "key",
    [
        RAW,
        RAW.hex().upper(),
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
    ],
)
def test_a_key_can_be_written_as_in_the_settings(key: str | bytes) -> None:
    assert Signer(key).sign("/original/cat") == Signer(KEY).sign("/original/cat")


@pytest.mark.parametrize(
    "key", ["", b"short", KEY[:-2], KEY[:-1], "not base64!" * 8, base64.b64encode(RAW[:31]).decode()]
)
def test_a_key_that_is_too_short_or_malformed_is_refused_without_showing_it(key: str | bytes) -> None:
    with pytest.raises(InvalidArgument, match="signing_key") as caught:
        PictureUrls("http://a", signing_key=key)
    assert not key or str(key) not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    ["", "cat", "/original/", "/healthz", "/original/é", "/original/a b", "/original/cat#x", "/original/cat?sig=x"],
)
def test_a_target_that_no_server_would_accept_is_refused(target: str) -> None:
    with pytest.raises(InvalidArgument):
        PictureUrls("http://a", signing_key=KEY).sign(target)


def test_an_expiry_has_a_meaning_or_is_refused() -> None:
    urls = PictureUrls("http://a", signing_key=KEY)
    for expires in (-1, True, datetime(2100, 1, 1)):
        with pytest.raises(InvalidArgument):
            urls.original_url("cat", expires=expires)
    with pytest.raises(InvalidArgument):
        urls.sign("/original/cat?exp=1", 2)
    with pytest.raises(InvalidArgument):
        urls.original_url("cat", expires=2, sign=False)
    for call in (PictureUrls("http://a").sign, lambda path: PictureUrls("http://a").original_url("cat", sign=True)):
        with pytest.raises(InvalidArgument, match="signing_key"):
            call("/original/cat")
