"""Hostile pictures over HTTP: each is answered with a sentence, and the next request is answered as ever."""

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
def test_a_hostile_picture_costs_its_own_request_and_no_other(guarded: Served, photo: bytes, name: str) -> None:
    id = f"h{secrets.token_hex(6)}"
    answer = guarded.put(id, HOSTILE[name]())
    assert answer.status in ((201,) if name in HARMLESS else (400, 422)), answer.body
    if answer.status == 201:
        assert guarded.get(f"/derived/{id}-40x30.jpg").status == 200
    else:
        assert answer["Content-Type"] == "application/problem+json"
        assert len(answer.json["detail"]) > 20
        assert not set(answer.json["detail"]) & set("<>{}\n/")
        assert guarded.get(f"/original/{id}").status == 404
    honest = guarded.kept(photo)
    assert guarded.get(f"/derived/{honest}-20x20.jpg").status == 200


def test_nothing_of_them_is_left_behind(guarded: Served) -> None:
    for make in list(HOSTILE.values())[:6]:
        guarded.put(f"h{secrets.token_hex(6)}", make())
    assert [file for file in guarded.parts.spool.folder.iterdir() if file.name != "lock"] == []


def test_none_of_them_was_a_bug(guarded: Served, log: list[dict[str, Any]]) -> None:
    before = len(log)
    for make in list(HOSTILE.values())[-8:]:
        assert guarded.put(f"h{secrets.token_hex(6)}", make()).status < 500
    assert [line for line in log[before:] if line["level"] == "error"] == []
