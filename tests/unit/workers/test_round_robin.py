"""The order in which clients' items are served, and which item is surplus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.workers.round_robin import RoundRobin


def rotation_of(*items: str) -> RoundRobin[str]:
    """Each item is named after its client: `a1` belongs to `a`."""
    rotation: RoundRobin[str] = RoundRobin()
    for item in items:
        rotation.add(item[0], item)
    return rotation


def served(rotation: RoundRobin[str]) -> list[str]:
    return [rotation.pop() for _ in range(len(rotation))]


def test_clients_take_turns_and_the_items_of_each_stay_in_order() -> None:
    assert served(rotation_of("a1", "a2", "a3", "b1", "c1", "c2")) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_a_client_that_returns_goes_to_the_end() -> None:
    rotation = rotation_of("a1", "b1", "c1")
    assert rotation.pop() == "a1"
    rotation.add("a", "a2")
    assert served(rotation) == ["b1", "c1", "a2"]


def test_a_removed_item_is_not_served_and_leaves_no_line() -> None:
    rotation = rotation_of("a1", "b1", "b2")
    rotation.remove("a", "a1")
    rotation.remove("a", "a1")
    rotation.remove("b", "b3")
    assert (len(rotation), rotation.clients) == (2, 1)
    assert served(rotation) == ["b1", "b2"]
    assert rotation.clients == 0
    with pytest.raises(KeyError):
        rotation.pop()


def test_the_surplus_is_the_last_item_of_the_longest_line() -> None:
    rotation = rotation_of("a1", "b1", "b2", "b3")
    assert rotation.pop_surplus("c") == "b3"
    assert rotation.pop_surplus("b") is None
    assert rotation.pop_surplus("a") is None, "with one more each would have as many as the other"
    assert rotation.pop_surplus("c") == "b2"
    assert rotation.pop_surplus("c") is None
    assert served(rotation) == ["a1", "b1"]


def test_an_empty_line_has_no_surplus() -> None:
    assert rotation_of().pop_surplus("a") is None


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans())), st.integers(1, 6))
def test_no_client_has_two_items_more_than_a_refused_client(calls: list[tuple[str, bool]], bound: int) -> None:
    rotation: RoundRobin[int] = RoundRobin()
    waiting: dict[int, str] = {}
    for number, (client, is_served) in enumerate(calls):
        if len(rotation) >= bound:
            surplus = rotation.pop_surplus(client)
            counts = [list(waiting.values()).count(each) for each in "abcde"]
            if surplus is None:
                assert max(counts) <= list(waiting.values()).count(client) + 1
                continue
            assert list(waiting.values()).count(waiting.pop(surplus)) == max(counts)
        rotation.add(client, number)
        waiting[number] = client
        if is_served:
            del waiting[rotation.pop()]
        assert len(rotation) == len(waiting) <= bound
        assert rotation.clients == len(set(waiting.values()))


def test_a_client_skips_turns_after_a_heavy_item() -> None:
    rotation: RoundRobin[str] = RoundRobin()
    for item in ("a1", "a2"):
        rotation.add("a", item, weight=3)
    for item in ("b1", "b2", "b3", "b4"):
        rotation.add("b", item)
    assert rotation.weight == 10
    assert served(rotation) == ["a1", "b1", "b2", "b3", "a2", "b4"]
    assert rotation.weight == 0


def test_a_client_alone_skips_no_turns() -> None:
    rotation: RoundRobin[str] = RoundRobin()
    for item in ("a1", "a2"):
        rotation.add("a", item, weight=100)
    assert served(rotation) == ["a1", "a2"]


def test_the_weight_is_that_of_what_waits() -> None:
    rotation: RoundRobin[str] = RoundRobin()
    for item, weight in (("a1", 2), ("a2", 3), ("a3", 5)):
        rotation.add("a", item, weight)
    rotation.add("b", "b1", 7)
    rotation.remove("a", "a2")
    assert rotation.weight == 14
    assert rotation.pop_longest() == "a3"
    assert rotation.weight == 9
    assert rotation.remove_line("a") == ["a1"]
    assert rotation.weight == 7
