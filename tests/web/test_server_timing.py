"""Server-Timing of variants, if it is switched on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.served import Response, Served, serving

_ENTRY = re.compile(r'(\w+)(?:;desc="(\w+)"|;dur=(\d+\.\d\d))')


def timings(response: Response) -> dict[str, str]:
    """The entries by name, in order: a duration in milliseconds, or the tier."""
    found = [_ENTRY.fullmatch(entry) for entry in response["Server-Timing"].split(", ")]
    assert all(found), response["Server-Timing"]
    return {match[1]: match[2] or match[3] for match in found if match}


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("timed"), server_timing=True) as server:
        yield server


def test_server_timing_has_the_tier_and_the_duration_of_each_step(timed: Served, photo: bytes) -> None:
    path = f"/derived/{timed.upload(photo)}-20x10.jpg"
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


def test_a_variant_from_the_store_has_the_duration_of_the_read(folder: Path, photo: bytes) -> None:
    with serving(folder, server_timing=True, memory_cache=0) as bare:
        path = f"/derived/{bare.upload(photo)}-20x10.jpg"
        assert timings(bare.get(path))["cache"] == "rendered"
        for response in (bare.get(path), bare.head(path)):
            assert timings(response)["cache"] == "bucket"
            assert float(timings(response)["bucket"]) > 0


def test_a_large_variant_that_was_just_rendered_has_the_tier_rendered(timed: Served, photo: bytes) -> None:
    path = f"/derived/{timed.upload(photo)}-2000x800.bmp"
    assert [timings(timed.get(path))["cache"] for _ in range(2)] == ["rendered", "bucket"]


def test_other_responses_have_no_server_timing(timed: Served, photo: bytes) -> None:
    id = timed.upload(photo)
    for path in (f"/original/{id}", f"/info/{id}", "/derived/nobody-20x10.jpg", "/healthz"):
        assert "Server-Timing" not in timed.get(path).headers


def test_server_timing_is_off_by_default(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-20x10.jpg"
    for _ in range(2):
        response = served.get(path)
        assert "Server-Timing" not in response.headers
        assert "Timing-Allow-Origin" not in response.headers
