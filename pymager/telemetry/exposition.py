"""The metrics of all processes as one text: the Prometheus text format, or OpenMetrics 1.0."""

import json
import threading
from collections.abc import Iterator

from pymager import __version__
from pymager.telemetry import process_memory
from pymager.telemetry.families import BY_NAME, FAMILIES, INFO, MEMORY, PROCESSES, SERVER_RESTARTS, Family
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.shared_memory import SharedMetrics

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Series = dict[tuple[str, ...], list[float]]


class MetricsCollector:
    """Collects the metrics of running processes, and keeps the counts of ended ones: no counter goes backwards.

    One thread adds and removes processes, others collect.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, SharedMetrics] = {}
        self._ended: Series = {}
        self._own = SharedMetrics()
        self._metrics = Metrics(self._own)
        self._metrics.value(INFO, __version__).set(1)
        self._metrics.value(SERVER_RESTARTS)

    def add(self, shared: SharedMetrics, pid: int) -> None:
        """Add a process that has started, and counts in this memory."""
        with self._lock:
            self._running[pid] = shared

    def remove(self, pid: int) -> None:
        """Remove a process that has ended unexpectedly: its counts stay, its gauges go."""
        with self._lock:
            shared = self._running.pop(pid)
            _add(self._ended, shared, gauges=False)
        shared.close()
        self._metrics.value(SERVER_RESTARTS).add()

    def collect(self, *, supervisor: bool) -> Series:
        """Every series by name and label values, summed over the processes; `supervisor` adds this one's memory."""
        self._metrics.value(PROCESSES).set(len(self._running))
        if supervisor:
            for kind, size in process_memory.own().items():
                self._metrics.value(MEMORY, "supervisor", kind).set(size)
        with self._lock:
            series = {key: list(numbers) for key, numbers in self._ended.items()}
            for shared in (self._own, *self._running.values()):
                _add(series, shared, gauges=True)
        return series


def _add(series: Series, shared: SharedMetrics, *, gauges: bool) -> None:
    for name, numbers in shared.rows():
        key = tuple(json.loads(name))
        family = BY_NAME.get(key[0])
        if family is None or family.size != len(numbers) or (family.kind == "gauge" and not gauges):
            continue  # from another version of the program, during an update
        before = series.get(key)
        if before is None:
            series[key] = numbers
        elif family.merge == "max":
            series[key] = [max(pair) for pair in zip(before, numbers, strict=True)]
        else:
            series[key] = [sum(pair) for pair in zip(before, numbers, strict=True)]


def text(series: Series, *, openmetrics: bool) -> str:
    """The series in one of the two text formats."""
    lines: list[str] = []
    for family in FAMILIES:
        found = sorted((key[1:], numbers) for key, numbers in series.items() if key[0] == family.name)
        if found:
            name = family.name.removesuffix("_total") if openmetrics else family.name
            lines += (f"# HELP {name} {_escaped(family.help)}", f"# TYPE {name} {family.kind}")
            lines += (line for values, numbers in found for line in _samples(family, values, numbers))
    return "\n".join([*lines, *(["# EOF"] if openmetrics else []), ""])


def _samples(family: Family, values: tuple[str, ...], numbers: list[float]) -> Iterator[str]:
    labels = list(zip(family.labels, values, strict=True))
    if family.kind != "histogram":
        yield f"{family.name}{_braced(labels)} {_number(numbers[0])}"
        return
    total = 0.0
    for bound, count in zip([*map(_number, family.bounds), "+Inf"], numbers[:-1], strict=True):
        total += count
        yield f"{family.name}_bucket{_braced([*labels, ('le', bound)])} {_number(total)}"
    yield f"{family.name}_count{_braced(labels)} {_number(total)}"
    yield f"{family.name}_sum{_braced(labels)} {_number(numbers[-1])}"


def _braced(labels: list[tuple[str, str]]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
