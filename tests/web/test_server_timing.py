"""Server-Timing on derived pictures, where it is asked for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.served import Answer, Served, serving

_ENTRY = re.compile(r'(\w+)(?:;desc="(\w+)"|;dur=(\d+\.\d\d))')


def timings(answer: Answer) -> dict[str, str]:
    """The entries by name, in order: a duration in milliseconds, or the cache's tier."""
    found = [_ENTRY.fullmatch(entry) for entry in answer["Server-Timing"].split(", ")]
    assert all(found), answer["Server-Timing"]
    return {match[1]: match[2] or match[3] for match in found if match}


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("timed"), server_timing=True) as server:
        yield server


def test_it_tells_where_a_picture_came_from_and_what_took_how_long(timed: Served, photo: bytes) -> None:
    path = f"/derived/{timed.kept(photo)}-20x10.jpg"
    cold = timings(timed.get(path))
    assert cold["cache"] == "rendered"
    assert set(cold) == {"cache", "catalog", "bucket", "queue", "lease", "render"}
    assert float(cold["render"]) > 0
    hit = timed.get(path)
    assert timings(hit).keys() == {"cache", "catalog"}
    assert timings(hit)["cache"] == "memory"
    again = timed.get(path, If_None_Match=hit["ETag"])
    assert (again.status, timings(again)["cache"]) == (304, "memory")
    assert timings(timed.head(path))["cache"] == "memory"
    assert hit["Timing-Allow-Origin"] == "*"


def test_a_picture_of_the_store_tells_how_long_that_took(folder: Path, photo: bytes) -> None:
    with serving(folder, server_timing=True, memory_cache=0) as bare:
        path = f"/derived/{bare.kept(photo)}-20x10.jpg"
        assert timings(bare.get(path))["cache"] == "rendered"
        for answer in (bare.get(path), bare.head(path)):
            assert timings(answer)["cache"] == "bucket"
            assert float(timings(answer)["bucket"]) > 0


def test_a_large_picture_that_was_just_made_counts_as_rendered(timed: Served, photo: bytes) -> None:
    path = f"/derived/{timed.kept(photo)}-2000x800.bmp"
    assert [timings(timed.get(path))["cache"] for _ in range(2)] == ["rendered", "bucket"]


def test_what_is_no_derived_picture_has_none(timed: Served, photo: bytes) -> None:
    id = timed.kept(photo)
    for path in (f"/original/{id}", f"/info/{id}", "/derived/nobody-20x10.jpg", "/healthz"):
        assert "Server-Timing" not in timed.get(path).headers


def test_nobody_is_told_unless_it_is_asked_for(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.kept(photo)}-20x10.jpg"
    for _ in range(2):
        answer = served.get(path)
        assert "Server-Timing" not in answer.headers
        assert "Timing-Allow-Origin" not in answer.headers
