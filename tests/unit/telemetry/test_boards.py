"""Numbers in shared memory, added up over processes, and the text that is made of them."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pymager.telemetry import exposition
from pymager.telemetry.exposition import Boards, text
from pymager.telemetry.families import (
    FAMILIES,
    JOB_SECONDS,
    JOBS_RUNNING,
    LAST_SWEEP,
    LEASES,
    SERVER_RESTARTS,
    STORE_BYTES,
)
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.shared_memory import Board

_CHILD = """
import os, signal, sys
from pymager.telemetry.shared_memory import Board
from pymager.telemetry.families import JOBS_RUNNING, LEASES
from pymager.telemetry.metrics import Metrics
metrics = Metrics(Board(int(sys.argv[1])))
for _ in range(1000):
    metrics.count(LEASES, "won").add()
metrics.count(JOBS_RUNNING, "render").set(7)
os.kill(os.getpid(), signal.SIGKILL)
"""


def sample(boards: Boards, name: str, **labels: str) -> float | None:
    """One number of the text, as Prometheus reads it."""
    shown = text(boards.collected(supervisor=False), openmetrics=False)
    samples = [found for family in text_string_to_metric_families(shown) for found in family.samples]
    return next((found.value for found in samples if found.name == name and found.labels == labels), None)


def counting(boards: Boards, pid: int) -> Metrics:
    board = Board()
    boards.belongs(board, pid)
    return Metrics(board)


def test_counts_of_several_processes_are_added_up() -> None:
    boards = Boards()
    for pid in (1, 2):
        counting(boards, pid).count(LEASES, "won").add(pid)
    assert sample(boards, "pymager_leases_total", outcome="won") == 3
    assert sample(boards, "pymager_processes") == 2


def test_a_date_is_the_latest_of_all_processes_and_not_their_sum() -> None:
    boards = Boards()
    for pid in (5, 3):
        counting(boards, pid).count(LAST_SWEEP).set(pid)
    assert sample(boards, LAST_SWEEP.name) == 5


def test_what_a_process_counted_stays_after_its_end_and_what_it_measured_goes() -> None:
    boards = Boards()
    metrics = counting(boards, 1)
    metrics.count(LEASES, "won").add(4)
    metrics.spread(JOB_SECONDS, "render").add(0.3)
    metrics.count(JOBS_RUNNING, "render").set(1)
    boards.ended(1)
    counting(boards, 2).count(LEASES, "won").add()
    assert sample(boards, "pymager_leases_total", outcome="won") == 5
    assert sample(boards, "pymager_job_seconds_count", kind="render") == 1
    assert sample(boards, "pymager_jobs_running", kind="render") is None
    assert sample(boards, SERVER_RESTARTS.name) == 1


def test_a_process_that_was_killed_has_left_its_last_count_behind() -> None:
    boards, board = Boards(), Board()
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(board.fd)], pass_fds=[board.fd])
    boards.belongs(board, child.pid)
    assert child.wait(30) == -9
    assert sample(boards, "pymager_leases_total", outcome="won") == 1000
    assert sample(boards, "pymager_jobs_running", kind="render") == 7
    boards.ended(child.pid)
    assert sample(boards, "pymager_leases_total", outcome="won") == 1000


def test_a_value_is_counted_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    boards = Boards()
    spread = counting(boards, 1).spread(JOB_SECONDS, "render")
    for seconds in (0.005, 0.0051, 31.0):
        spread.add(seconds)
    buckets = {
        bound: sample(boards, "pymager_job_seconds_bucket", kind="render", le=bound)
        for bound in ("0.005", "0.01", "30", "+Inf")
    }
    assert buckets == {"0.005": 1, "0.01": 2, "30": 2, "+Inf": 3}
    assert sample(boards, "pymager_job_seconds_sum", kind="render") == pytest.approx(31.0101)


def test_a_series_of_another_version_of_the_program_is_left_out() -> None:
    boards, board = Boards(), Board()
    boards.belongs(board, 1)
    for name in (b'["pymager_of_the_future", "x"]', b'["pymager_leases_total", "won"]'):
        board.numbers[board.claim(name, 3)] = 9.0
    assert "future" not in text(boards.collected(supervisor=False), openmetrics=False)
    assert sample(boards, "pymager_leases_total", outcome="won") is None


def test_a_full_board_takes_no_more_series_and_keeps_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    metrics = Metrics(board)
    metrics.count(LEASES, "won").add()
    with pytest.raises(MemoryError):
        board.claim(b"too much", 1 << 20)
    for number in range(20_000):
        metrics.count(STORE_BYTES, f"{number:040}").add()
    metrics.count(LEASES, "won").add()
    rows = dict(board.rows())
    assert rows[b'["pymager_leases_total", "won"]'] == [2.0]
    assert len(rows) < 20_000


def test_a_wrong_number_of_labels_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="has the labels"):
        Metrics(Board()).count(LEASES)


def filled() -> Boards:
    """Boards with a series of every metric, under labels that have to be escaped."""
    boards = Boards()
    metrics = counting(boards, 1)
    for family in FAMILIES:
        labels = ['a "quoted"\\ and\nbroken é'] * len(family.labels)
        if family.kind == "histogram":
            metrics.spread(family, *labels).add(0.1)
        else:
            metrics.count(family, *labels).add(1.5)
    return boards


def of_prometheus(shown: str) -> list[Sample]:
    return [found for family in text_string_to_metric_families(shown) for found in family.samples]


def of_openmetrics(shown: str) -> list[Sample]:
    families = open_families(shown)
    return [found for family in families for found in family.samples]


@pytest.mark.parametrize(("read", "is_open"), [(of_prometheus, False), (of_openmetrics, True)])
def test_the_text_is_what_the_formats_own_parser_reads(read: Callable[[str], list[Sample]], is_open: bool) -> None:
    samples = read(exposition.text(filled().collected(supervisor=True), openmetrics=is_open))
    for family in FAMILIES:
        name = f"{family.name}_count" if family.kind == "histogram" else family.name
        labels = [found.labels for found in samples if found.name == name]
        assert dict.fromkeys(family.labels, 'a "quoted"\\ and\nbroken é') in labels, family.name
