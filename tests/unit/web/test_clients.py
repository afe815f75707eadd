"""The client's address of a request, and which proxies are trusted to report it."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from pymager.web.clients import ClientResolver

PROXIES = ("10.0.0.0/8", "2001:db8::/32")


def a_request(peer: str | None, *lines: tuple[str, str]) -> web.BaseRequest:
    return make_mocked_request("GET", "/", headers=CIMultiDict(lines)).clone(remote=peer)


def forwarded_for(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-For", value) for value in values]


@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("192.0.2.9", ["192.0.2.7"], "192.0.2.9"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6", "192.0.2.7", "10.9.9.9 "], "192.0.2.7"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.1", ["2001:db9::7"], "2001:db9::7"),
        ("10.0.0.1", ["[2001:db9::7]:4711, 2001:db8::1"], "2001:db9::7"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, unknown, 10.2.2.2"], "10.2.2.2"),
        ("10.0.0.1", ["6.6.6.6, "], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, " + "9" * 9_000], "10.0.0.1"),
        (None, ["6.6.6.6"], ""),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_not_a_trusted_proxy(
    peer: str | None, values: list[str], client: str
) -> None:
    assert ClientResolver(PROXIES, "x-forwarded-for").address(a_request(peer, *forwarded_for(*values))) == client


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ('For="192.0.2.7:4711";proto=https', "192.0.2.7"),
        ('for=6.6.6.6, proto=http ; for="[2001:db9::7]:80";by=10.0.0.1', "2001:db9::7"),
        ("for=6.6.6.6, for=192.0.2.7, for=10.2.2.2", "192.0.2.7"),
        ('for="6.6.6.6, for=7.7.7.7", for=192.0.2.7', "192.0.2.7"),
        ('for="6.6.6.6, for=192.0.2.7', "192.0.2.7"),
        ("for=6.6.6.6, for=_hidden", "10.0.0.1"),
        ("for=6.6.6.6, for=unknown;by=10.0.0.1", "10.0.0.1"),
        ("for=6.6.6.6, by=10.0.0.1", "10.0.0.1"),
        ('for=6.6.6.6, for="', "10.0.0.1"),
        ('for="6.6.6.6, for=192.0.2.7;by="10.0.0.1:80"', "192.0.2.7"),
        ('for="6.6.6.6\\", for="192.0.2.7:80"', "192.0.2.7"),
        ('for=192.0.2.7;by="a, \\", b"', "192.0.2.7"),
        pytest.param("for=192.0.2.7;by=" + "x" * 2_000, "10.0.0.1", id="long"),
        # Whoever looks for the end of each quoted string from its beginning takes an hour for these.
        pytest.param('"\\' * 400_000 + ", for=192.0.2.7", "192.0.2.7", id="quotes"),
        pytest.param("for=10.1.1.1, " * 20_000 + '"\\' * 400_000 + ", for=10.2.2.2", "10.2.2.2", id="quotes-between"),
    ],
)
def test_forwarded_is_read_if_it_is_configured(value: str, client: str) -> None:
    request = a_request("10.0.0.1", ("Forwarded", value), *forwarded_for("6.6.6.6"))
    assert ClientResolver(PROXIES, "forwarded").address(request) == client


def test_the_header_that_is_not_configured_is_ignored() -> None:
    request = a_request("10.0.0.1", ("Forwarded", "for=6.6.6.6"))
    assert ClientResolver(PROXIES, "x-forwarded-for").address(request) == "10.0.0.1"


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert ClientResolver((), "x-forwarded-for").address(a_request("10.0.0.1", *forwarded_for("6.6.6.6"))) == "10.0.0.1"
