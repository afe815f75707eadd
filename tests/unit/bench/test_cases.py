"""What the benchmark sends, and how it makes files of equal size."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from bench import sharp
from bench.cases import BUCKET, FOLDER, Case
from bench.load import Load, Request
from bench.matching import Setting, cheapest, nearest
from bench.measure import bare_decode
from bench.servers import Peer, Server
from bench.sides import FURTHER_ORIGINALS, side
from bench.stage import Stage


class Recorder:
    """A server that notes which originals it is given."""

    name, port, pid = "recorder", 1, 2

    def __init__(self) -> None:
        self.added: list[str] = []
        self.encodings: dict[str, Setting] = {}

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        assert id in self.added
        return Request(f"/{id}-{width}x{height}.{extension}")

    def upload(self, id: str, file: Path) -> Request:
        return Request(f"/{id}", "POST", file=str(file))

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        self.added += ids


def blocks(case: Case, server: Server, *, quick: bool) -> list[Request]:
    """All requests of a case but those to warm up."""
    stage = Stage(cast(Load, None), {case.original: Path("a")}, {"thumbor": cast(Peer, Recorder())})
    part = side(case, stage, server, "table")
    part.warm_up()
    return [
        request
        for connections, count in case.counts(quick=quick).items()
        for number in range(case.rounds(quick=quick))
        for request in part.requests(number, connections, count)
    ]


COLD = [case for case in (*FOLDER, *BUCKET) if case.kind in ("first", "further", "upload")]


@pytest.mark.parametrize("case", COLD, ids=lambda case: case.name)
@pytest.mark.parametrize("quick", [True, False])
def test_no_request_of_a_cold_case_is_sent_twice(case: Case, quick: bool) -> None:
    paths = [request.path for request in blocks(case, Recorder(), quick=quick)]
    assert len(paths) == case.rounds(quick=quick) * sum(case.counts(quick=quick).values()) == len(set(paths))


def test_first_variants_are_of_originals_that_nothing_else_is_requested_of() -> None:
    server = Recorder()
    paths = [request.path for case in FOLDER if case.kind == "first" for request in blocks(case, server, quick=True)]
    ids = [re.sub(r"-\d+x\d+\.\w+$", "", path) for path in paths]
    assert len(ids) == len(set(ids))


def test_further_variants_are_of_originals_of_which_another_one_was_requested() -> None:
    case = next(case for case in FOLDER if case.kind == "further")
    server = Recorder()
    stage = Stage(cast(Load, None), {case.original: Path("a")}, {"thumbor": cast(Peer, server)})
    part = side(case, stage, server, "table")
    warm = {request.path.split("-640x480")[0] for request in part.warm_up() if "-640x480." in request.path}
    asked = {re.sub(r"-\d+x\d+\.\w+$", "", request.path) for request in part.requests(0, 16, 32)}
    assert asked == warm
    assert len(asked) == FURTHER_ORIGINALS


@pytest.mark.parametrize("target", range(0, 1100, 7))
def test_the_quality_is_the_one_with_the_nearest_size(target: int) -> None:
    qualities = range(10, 90)
    best = min(abs(quality**2 // 8 - target) for quality in qualities)
    found = nearest(lambda quality: quality**2 // 8, target, qualities)
    assert found in qualities
    assert abs(found**2 // 8 - target) == best


def test_the_level_is_the_first_whose_file_is_hardly_larger() -> None:
    sizes: list[tuple[Setting, int]] = [({"level": 1}, 130), ({"level": 2}, 101), ({"level": 3}, 90)]
    assert cheapest(sizes, 100) == {"level": 2}
    assert cheapest(sizes, 50) == {"level": 3}


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_a_bare_decode_is_of_any_format(tmp_path: Path, extension: str) -> None:
    file = tmp_path / f"a.{extension}"
    Image.new("RGB", (640, 480), "red").save(file)
    assert bare_decode(file, (80, 60)) > 0


def test_the_lock_file_of_sharp_names_no_registry_and_what_is_asked_for() -> None:
    lock = json.loads(sharp.LOCK.read_text("utf-8"))
    wanted = json.loads(sharp.LOCK.with_name("package.json").read_text("utf-8"))["dependencies"]
    packages = lock["packages"]
    assert packages[""]["dependencies"] == wanted
    assert packages["node_modules/sharp"]["version"] == wanted["sharp"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in packages.items() if name)
