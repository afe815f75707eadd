"""Numbers in shared memory, their sums over processes, and the text format."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pymager.telemetry import exposition
from pymager.telemetry.exposition import MetricsCollector, text
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
from pymager.telemetry.shared_memory import SharedMetrics

_CHILD = """
import os, signal, sys
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.telemetry.families import JOBS_RUNNING, LEASES
from pymager.telemetry.metrics import Metrics
metrics = Metrics(SharedMetrics(int(sys.argv[1])))
for _ in range(1000):
    metrics.value(LEASES, "won").add()
metrics.value(JOBS_RUNNING, "render").set(7)
os.kill(os.getpid(), signal.SIGKILL)
"""


def sample(collector: MetricsCollector, name: str, **labels: str) -> float | None:
    """One number of the text, as Prometheus reads it."""
    shown = text(collector.collect(supervisor=False), openmetrics=False)
    samples = [found for family in text_string_to_metric_families(shown) for found in family.samples]
    return next((found.value for found in samples if found.name == name and found.labels == labels), None)


def counting(collector: MetricsCollector, pid: int) -> Metrics:
    shared = SharedMetrics()
    collector.add(shared, pid)
    return Metrics(shared)


def test_counts_of_several_processes_are_added_up() -> None:
    collector = MetricsCollector()
    for pid in (1, 2):
        counting(collector, pid).value(LEASES, "won").add(pid)
    assert sample(collector, "pymager_leases_total", outcome="won") == 3
    assert sample(collector, "pymager_processes") == 2


def test_a_date_is_the_latest_of_all_processes_and_not_their_sum() -> None:
    collector = MetricsCollector()
    for pid in (5, 3):
        counting(collector, pid).value(LAST_SWEEP).set(pid)
    assert sample(collector, LAST_SWEEP.name) == 5


def test_counters_of_an_ended_process_stay_and_its_gauges_go() -> None:
    collector = MetricsCollector()
    metrics = counting(collector, 1)
    metrics.value(LEASES, "won").add(4)
    metrics.histogram(JOB_SECONDS, "render").add(0.3)
    metrics.value(JOBS_RUNNING, "render").set(1)
    collector.remove(1)
    counting(collector, 2).value(LEASES, "won").add()
    assert sample(collector, "pymager_leases_total", outcome="won") == 5
    assert sample(collector, "pymager_job_seconds_count", kind="render") == 1
    assert sample(collector, "pymager_jobs_running", kind="render") is None
    assert sample(collector, SERVER_RESTARTS.name) == 1


def test_a_process_that_was_killed_has_left_its_last_count_behind() -> None:
    collector, shared = MetricsCollector(), SharedMetrics()
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(shared.fd)], pass_fds=[shared.fd])
    collector.add(shared, child.pid)
    assert child.wait(30) == -9
    assert sample(collector, "pymager_leases_total", outcome="won") == 1000
    assert sample(collector, "pymager_jobs_running", kind="render") == 7
    collector.remove(child.pid)
    assert sample(collector, "pymager_leases_total", outcome="won") == 1000


def test_a_value_is_counted_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    collector = MetricsCollector()
    histogram = counting(collector, 1).histogram(JOB_SECONDS, "render")
    for seconds in (0.005, 0.0051, 31.0):
        histogram.add(seconds)
    buckets = {
        bound: sample(collector, "pymager_job_seconds_bucket", kind="render", le=bound)
        for bound in ("0.005", "0.01", "30", "+Inf")
    }
    assert buckets == {"0.005": 1, "0.01": 2, "30": 2, "+Inf": 3}
    assert sample(collector, "pymager_job_seconds_sum", kind="render") == pytest.approx(31.0101)


def test_a_series_of_another_version_of_the_program_is_left_out() -> None:
    collector, shared = MetricsCollector(), SharedMetrics()
    collector.add(shared, 1)
    for name in (b'["pymager_of_the_future", "x"]', b'["pymager_leases_total", "won"]'):
        shared.numbers[shared.claim(name, 3)] = 9.0
    assert "future" not in text(collector.collect(supervisor=False), openmetrics=False)
    assert sample(collector, "pymager_leases_total", outcome="won") is None


def test_full_shared_memory_accepts_no_more_series_and_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedMetrics()
    metrics = Metrics(shared)
    metrics.value(LEASES, "won").add()
    with pytest.raises(MemoryError):
        shared.claim(b"too much", 1 << 20)
    for number in range(20_000):
        metrics.value(STORE_BYTES, f"{number:040}").add()
    metrics.value(LEASES, "won").add()
    rows = dict(shared.rows())
    assert rows[b'["pymager_leases_total", "won"]'] == [2.0]
    assert len(rows) < 20_000


def test_a_wrong_number_of_labels_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="has the labels"):
        Metrics(SharedMetrics()).value(LEASES)


def filled() -> MetricsCollector:
    """Shared memory with a series of every metric, with labels that must be escaped."""
    collector = MetricsCollector()
    metrics = counting(collector, 1)
    for family in FAMILIES:
        labels = ['a "quoted"\\ and\nbroken é'] * len(family.labels)
        if family.kind == "histogram":
            metrics.histogram(family, *labels).add(0.1)
        else:
            metrics.value(family, *labels).add(1.5)
    return collector


def of_prometheus(shown: str) -> list[Sample]:
    return [found for family in text_string_to_metric_families(shown) for found in family.samples]


def of_openmetrics(shown: str) -> list[Sample]:
    families = open_families(shown)
    return [found for family in families for found in family.samples]


@pytest.mark.parametrize(("read", "is_open"), [(of_prometheus, False), (of_openmetrics, True)])
def test_prometheus_parses_the_text(read: Callable[[str], list[Sample]], is_open: bool) -> None:
    samples = read(exposition.text(filled().collect(supervisor=True), openmetrics=is_open))
    for family in FAMILIES:
        name = f"{family.name}_count" if family.kind == "histogram" else family.name
        labels = [found.labels for found in samples if found.name == name]
        assert dict.fromkeys(family.labels, 'a "quoted"\\ and\nbroken é') in labels, family.name
