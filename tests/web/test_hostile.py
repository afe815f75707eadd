"""Hostile pictures over HTTP: each is refused with an explanation, and the next request works as usual."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.hostile import HARMLESS, HOSTILE
from tests.web.served import Served, serving


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_picture_fails_only_its_own_request(guarded: Served, photo: bytes, name: str) -> None:
    id = f"h{secrets.token_hex(6)}"
    response = guarded.put(id, HOSTILE[name]())
    assert response.status in ((201,) if name in HARMLESS else (400, 422)), response.body
    if response.status == 201:
        assert guarded.get(f"/derived/{id}-40x30.jpg").status == 200
    else:
        assert response["Content-Type"] == "application/problem+json"
        assert len(response.json["detail"]) > 20
        assert not set(response.json["detail"]) & set("<>{}\n/")
        assert guarded.get(f"/original/{id}").status == 404
    honest = guarded.upload(photo)
    assert guarded.get(f"/derived/{honest}-20x20.jpg").status == 200


def test_hostile_pictures_leave_no_files(guarded: Served) -> None:
    for make in list(HOSTILE.values())[:6]:
        guarded.put(f"h{secrets.token_hex(6)}", make())
    assert [file for file in guarded.parts.spool.folder.iterdir() if file.name != "lock"] == []


def test_hostile_pictures_leave_no_errors_in_the_log(guarded: Served, log: list[dict[str, Any]]) -> None:
    before = len(log)
    for make in list(HOSTILE.values())[-8:]:
        assert guarded.put(f"h{secrets.token_hex(6)}", make()).status < 500
    assert [line for line in log[before:] if line["level"] == "error"] == []
