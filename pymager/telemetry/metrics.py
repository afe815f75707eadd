"""The counters of a process. To count costs a tenth of a microsecond; no lock, since only the event loop counts."""

import json
from array import array
from bisect import bisect_left
from collections.abc import MutableSequence
from typing import TypeAlias

import structlog

from pymager.telemetry.families import Family
from pymager.telemetry.shared_memory import Board

log = structlog.get_logger("pymager.observing")

Numbers: TypeAlias = "MutableSequence[float] | memoryview[float]"


class Count:
    """One series of a counter or a gauge."""

    __slots__ = ("_at", "_numbers")

    def __init__(self, numbers: Numbers, at: int) -> None:
        self._numbers = numbers
        self._at = at

    def add(self, by: float = 1.0) -> None:
        """Count on."""
        self._numbers[self._at] += by

    def set(self, value: float) -> None:
        """Put a gauge to what was measured."""
        self._numbers[self._at] = value


class Spread:
    """One series of a histogram."""

    __slots__ = ("_at", "_bounds", "_numbers", "_sum")

    def __init__(self, numbers: Numbers, at: int, bounds: tuple[float, ...]) -> None:
        self._numbers = numbers
        self._at = at
        self._bounds = bounds
        self._sum = at + len(bounds) + 1

    def add(self, value: float) -> None:
        """Count a value in its bucket."""
        numbers = self._numbers
        numbers[self._at + bisect_left(self._bounds, value)] += 1.0
        numbers[self._sum] += value


class Metrics:
    """What a process counts, on its board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._counts: dict[tuple[str, ...], Count] = {}
        self._spreads: dict[tuple[str, ...], Spread] = {}

    def count(self, family: Family, *labels: str) -> Count:
        """The series of a counter or gauge with these labels' values, in the family's order."""
        key = (family.name, *labels)
        if (found := self._counts.get(key)) is None:
            found = self._counts[key] = Count(*self._claimed(family, labels))
        return found

    def spread(self, family: Family, *labels: str) -> Spread:
        """The series of a histogram with these labels' values."""
        key = (family.name, *labels)
        if (found := self._spreads.get(key)) is None:
            found = self._spreads[key] = Spread(*self._claimed(family, labels), family.bounds)
        return found

    def _claimed(self, family: Family, labels: tuple[str, ...]) -> tuple[Numbers, int]:
        if len(labels) != len(family.labels):
            raise TypeError(f"{family.name} has the labels {family.labels}, not {labels}")
        try:
            return self._board.numbers, self._board.claim(json.dumps([family.name, *labels]).encode(), family.size)
        except MemoryError:
            log.error("no room for another metric", metric=family.name, labels=labels)
            return array("d", bytes(8 * family.size)), 0
