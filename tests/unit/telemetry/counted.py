"""Reads numbers from the shared memory for metrics."""

import json

from pymager.telemetry.shared_memory import SharedMetrics


def counted(shared: SharedMetrics, *name: str) -> list[float]:
    """The numbers of one series, by the name of the metric and the values of its labels."""
    return next(numbers for row, numbers in shared.rows() if json.loads(row) == list(name))


def times(shared: SharedMetrics, *name: str) -> float:
    """How many values a histogram has counted."""
    return sum(counted(shared, *name)[:-1])


def above_zero(shared: SharedMetrics, metric: str) -> dict[tuple[str, ...], float]:
    """The series of a counter that has counted something, by the labels' values."""
    rows = {tuple(json.loads(row)): numbers for row, numbers in shared.rows()}
    return {name[1:]: numbers[0] for name, numbers in rows.items() if name[0] == metric and numbers[0]}
