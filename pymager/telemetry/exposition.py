"""The boards of all processes as one text: Prometheus's own format, or OpenMetrics 1.0."""

import json
import threading
from collections.abc import Iterator

from pymager import __version__
from pymager.telemetry import process_memory
from pymager.telemetry.families import BY_NAME, FAMILIES, INFO, MEMORY, PROCESSES, SERVER_RESTARTS, Family
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.shared_memory import Board

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Series = dict[tuple[str, ...], list[float]]


class Boards:
    """The boards of the processes that run, and the counts of those that have ended: no counter goes backwards.

    Processes come and go in one thread, and are read in others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._living: dict[int, Board] = {}
        self._departed: Series = {}
        self._own = Board()
        self._metrics = Metrics(self._own)
        self._metrics.count(INFO, __version__).set(1)
        self._metrics.count(SERVER_RESTARTS)

    def belongs(self, board: Board, pid: int) -> None:
        """The process has started, and counts on this board."""
        with self._lock:
            self._living[pid] = board

    def ended(self, pid: int) -> None:
        """The process has ended, and is to be replaced: its counts stay, its gauges go."""
        with self._lock:
            board = self._living.pop(pid)
            _add(self._departed, board, gauges=False)
        board.close()
        self._metrics.count(SERVER_RESTARTS).add()

    def collected(self, *, supervisor: bool) -> Series:
        """Every series by name and label values, added up over the processes; `supervisor`: this one serves nobody."""
        self._metrics.count(PROCESSES).set(len(self._living))
        if supervisor:
            for kind, size in process_memory.own().items():
                self._metrics.count(MEMORY, "supervisor", kind).set(size)
        with self._lock:
            series = {key: list(numbers) for key, numbers in self._departed.items()}
            for board in (self._own, *self._living.values()):
                _add(series, board, gauges=True)
        return series


def _add(series: Series, board: Board, *, gauges: bool) -> None:
    for name, numbers in board.rows():
        key = tuple(json.loads(name))
        family = BY_NAME.get(key[0])
        if family is None or family.size != len(numbers) or (family.kind == "gauge" and not gauges):
            continue  # of another version of the program, while it is being updated
        before = series.get(key)
        if before is None:
            series[key] = numbers
        elif family.merge == "max":
            series[key] = [max(pair) for pair in zip(before, numbers, strict=True)]
        else:
            series[key] = [sum(pair) for pair in zip(before, numbers, strict=True)]


def text(series: Series, *, openmetrics: bool) -> str:
    """The series in the text format that was asked for."""
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
