"""Combinations of values for tests: all pairs of values occur, and not all combinations."""

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

Case = Mapping[str, Any]
Pair = tuple[tuple[str, Any], tuple[str, Any]]

_CANDIDATES = 12


def pairwise(grid: Mapping[str, Sequence[Any]], *, at_least: int = 0, seed: int = 0) -> list[Case]:
    """Cases with a value of each dimension: any two values of two dimensions occur together. Always the same cases.

    Some values of a dimension can be equal, so that they are drawn more often.
    """
    draw = random.Random(seed)
    missing = {
        ((one, value), (other, second))
        for (one, values), (other, seconds) in combinations(grid.items(), 2)
        for value in values
        for second in seconds
    }
    found: list[Case] = []
    while missing or len(found) < at_least:
        drawn = [{name: draw.choice(values) for name, values in grid.items()} for _ in range(_CANDIDATES)]
        if missing:  # one of them has a pair that is missing, so that this ends
            drawn[0] |= dict(min(missing, key=repr))
        best = max(drawn, key=lambda case: len(_pairs(case) & missing))
        missing -= _pairs(best)
        found.append(best)
    return found


def _pairs(case: Case) -> set[Pair]:
    return set(combinations(case.items(), 2))
