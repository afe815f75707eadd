"""Hits that do not come from memory: they take a way of their own, and the contract is the same."""

from pathlib import Path

import pytest

from tests.web.served import Served, serving
from tests.web.test_problems import assert_problem


@pytest.mark.parametrize("header", ["If_Match", "If_Unmodified_Since"])
def test_a_condition_that_does_not_hold_is_told_also_where_nothing_is_known_yet(
    folder: Path, photo: bytes, header: str
) -> None:
    with serving(folder) as first:
        path = f"/derived/{first.kept(photo)}-20x10.png"
        assert first.get(path).status == 200
    value = {"If_Match": '"another"', "If_Unmodified_Since": "Sat, 01 Jan 2000 00:00:00 GMT"}[header]
    with serving(folder) as second:
        assert_problem(second.get(path, **{header: value}), 412)
        assert second.get(path).status == 200


def test_a_large_picture_is_the_same_whether_it_is_known_or_not(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.kept(photo)}-1000x900.bmp"
    answers = [served.get(path) for _ in range(3)]
    assert [(answer.status, len(answer.body)) for answer in answers] == [(200, 54 + 1000 * 900 * 3)] * 3
    assert len({(answer["ETag"], answer.body) for answer in answers}) == 1
    assert served.get(path, If_None_Match=answers[0]["ETag"]).status == 304
