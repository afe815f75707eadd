"""Many passwords at once: guesses from others do not lock a user out, and a client that keeps guessing gets 429."""

import base64
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from pymager.passwords import hash_password
from tests.web.served import Served, send, serving

NAME, PASSWORD = "ann", "right"
USERS = {NAME: hash_password(PASSWORD)}
TRUSTING = {"trusted_proxies": ("127.0.0.1",)}
LISTING = "/original?limit=1"


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{NAME}:{password}".encode()).decode()}


def from_address(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


@pytest.fixture
def cold(folder: Path) -> Iterator[Served]:
    """A server that has not verified any password yet, behind a proxy."""
    with serving(folder, users=USERS, tokens={}, **TRUSTING) as server:
        yield server


def test_fifty_clients_of_one_user_lose_no_upload_after_a_start(cold: Served, photo: bytes) -> None:
    def upload(number: int) -> int:
        return cold.request("PUT", f"/original/cold-{number}", basic(PASSWORD), photo).status

    with ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(upload, range(100)))
    assert statuses == [201] * 100


@pytest.mark.parametrize("where", ["at the user's address", "elsewhere"])
def test_a_user_who_is_not_remembered_gets_in_beside_twenty_guessers(cold: Served, where: str) -> None:
    stop, started = Event(), Event()

    def guess(guesser: int) -> set[int]:
        address = from_address("192.0.2.1" if where == "at the user's address" else f"198.51.100.{guesser}")
        statuses = set()
        with closing(cold.connected()) as connection:
            while not stop.is_set():
                headers = basic(secrets.token_hex(8)) | address
                statuses.add(send(connection, "GET", LISTING, headers).status)
                started.set()
        return statuses

    with ThreadPoolExecutor(20) as threads:
        guessers = [threads.submit(guess, number) for number in range(20)]
        try:
            assert started.wait(60)
            for _ in range(3):
                assert cold.request("GET", LISTING, basic(PASSWORD) | from_address("192.0.2.1")).status == 200
        finally:
            stop.set()
        assert set().union(*(guesser.result(60) for guesser in guessers)) <= {401, 429}


def test_who_keeps_guessing_gets_429_and_others_do_not(cold: Served) -> None:
    for _ in range(500):
        response = cold.request("GET", LISTING, basic(secrets.token_hex(8)) | from_address("2001:db8::1"))
        if response.status == 429:
            break
        assert response.status == 401
    assert response.status == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in response.headers
    assert re.search(r"wait \d+ seconds? ", response.json["detail"])
    wrong = basic(secrets.token_hex(8))
    assert cold.request("GET", LISTING, wrong | from_address("2001:db8::ffff")).status == 429  # the same /64
    assert cold.request("GET", LISTING, wrong | from_address("2001:db8:0:1::1")).status == 401
    assert cold.request("GET", LISTING, from_address("2001:db8::1")).status == 401
    for _ in range(2):
        assert cold.request("GET", LISTING, basic(PASSWORD) | from_address("2001:db8::1")).status == 200
    assert cold.request("GET", "/original/nobody", wrong | from_address("2001:db8::1")).status == 404
