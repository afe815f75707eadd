"""The combinations that tests use."""

from itertools import combinations, product

from tests.pairwise import pairwise

GRID = {"size": (1, 2, 3), "color": ("red", "red", "blue"), "deep": (True, False), "name": ("a", "b", "c", "d")}


def test_any_two_values_of_two_dimensions_occur_together() -> None:
    cases = pairwise(GRID)
    for one, other in combinations(GRID, 2):
        assert {(case[one], case[other]) for case in cases} == set(product(GRID[one], GRID[other]))
    assert len(cases) < 20  # of 72


def test_the_cases_are_always_the_same() -> None:
    assert pairwise(GRID, at_least=30) == pairwise(GRID, at_least=30)
    assert len(pairwise(GRID, at_least=30)) == 30
    assert pairwise(GRID, at_least=30, seed=1) != pairwise(GRID, at_least=30)
