"""In which order clients' things are served, and whose place is given away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.workers.round_robin import RoundRobin


def turns_of(*things: str) -> RoundRobin[str]:
    """Each thing is called after its client, as `a1`."""
    turns: RoundRobin[str] = RoundRobin()
    for thing in things:
        turns.add(thing[0], thing)
    return turns


def served(turns: RoundRobin[str]) -> list[str]:
    return [turns.pop() for _ in range(len(turns))]


def test_clients_take_turns_and_each_ones_own_go_in_order() -> None:
    assert served(turns_of("a1", "a2", "a3", "b1", "c1", "c2")) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_who_comes_back_goes_to_the_end() -> None:
    turns = turns_of("a1", "b1", "c1")
    assert turns.pop() == "a1"
    turns.add("a", "a2")
    assert served(turns) == ["b1", "c1", "a2"]


def test_who_leaves_is_not_served_and_not_remembered() -> None:
    turns = turns_of("a1", "b1", "b2")
    turns.remove("a", "a1")
    turns.remove("a", "a1")
    turns.remove("b", "b3")
    assert (len(turns), turns.clients) == (2, 1)
    assert served(turns) == ["b1", "b2"]
    assert turns.clients == 0
    with pytest.raises(KeyError):
        turns.pop()


def test_the_last_of_the_longest_line_gives_its_place_to_who_has_much_less() -> None:
    turns = turns_of("a1", "b1", "b2", "b3")
    assert turns.pop_surplus("c") == "b3"
    assert turns.pop_surplus("b") is None
    assert turns.pop_surplus("a") is None, "with one more each would have as many as the other"
    assert turns.pop_surplus("c") == "b2"
    assert turns.pop_surplus("c") is None
    assert served(turns) == ["a1", "b1"]


def test_an_empty_line_has_no_surplus() -> None:
    assert turns_of().pop_surplus("a") is None


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans())), st.integers(1, 6))
def test_of_a_full_line_nobody_has_two_places_more_than_one_who_was_refused(
    asked: list[tuple[str, bool]], bound: int
) -> None:
    turns: RoundRobin[int] = RoundRobin()
    waiting: dict[int, str] = {}
    for number, (client, is_served) in enumerate(asked):
        if len(turns) >= bound:
            surplus = turns.pop_surplus(client)
            counts = [list(waiting.values()).count(each) for each in "abcde"]
            if surplus is None:
                assert max(counts) <= list(waiting.values()).count(client) + 1
                continue
            assert list(waiting.values()).count(waiting.pop(surplus)) == max(counts)
        turns.add(client, number)
        waiting[number] = client
        if is_served:
            del waiting[turns.pop()]
        assert len(turns) == len(waiting) <= bound
        assert turns.clients == len(set(waiting.values()))
