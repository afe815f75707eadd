"""Hits that do not come from memory take another path through the code, with the same responses."""

from pathlib import Path

import pytest

from tests.web.served import Served, serving
from tests.web.test_problems import assert_problem


@pytest.mark.parametrize("header", ["If_Match", "If_Unmodified_Since"])
def test_a_failed_precondition_is_a_412_also_on_a_cold_cache(folder: Path, photo: bytes, header: str) -> None:
    with serving(folder) as first:
        path = f"/derived/{first.upload(photo)}-20x10.png"
        assert first.get(path).status == 200
    value = {"If_Match": '"another"', "If_Unmodified_Since": "Sat, 01 Jan 2000 00:00:00 GMT"}[header]
    with serving(folder) as second:
        assert_problem(second.get(path, **{header: value}), 412)
        assert second.get(path).status == 200


def test_a_large_variant_is_the_same_from_each_tier(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-1000x900.bmp"
    responses = [served.get(path) for _ in range(3)]
    assert [(response.status, len(response.body)) for response in responses] == [(200, 54 + 1000 * 900 * 3)] * 3
    assert len({(response["ETag"], response.body) for response in responses}) == 1
    assert served.get(path, If_None_Match=responses[0]["ETag"]).status == 304
