"""The queue of passwords: fair to clients and to both lanes, and bounded."""

import pytest

from pymager.web.check_queue import MAX_WAITING, MAX_WAITING_PER_CLIENT, CheckQueue, Lane

CLEAN, FAILING = Lane.CLEAN, Lane.FAILING


def drained(queue: CheckQueue[str]) -> list[str]:
    items = []
    while queue:
        items.append(queue.pop())
    return items


def test_clients_take_turns_and_their_items_stay_in_order() -> None:
    queue: CheckQueue[str] = CheckQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        assert queue.add(CLEAN, item[0], item) is None
    assert drained(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    with pytest.raises(KeyError):
        queue.pop()


def test_a_client_that_did_not_fail_goes_before_those_that_did() -> None:
    queue: CheckQueue[str] = CheckQueue()
    for number in range(20):
        queue.add(FAILING, f"guesser {number}", f"guess {number}")
    assert queue.pop() == "guess 0"
    queue.add(CLEAN, "user", "user")
    assert queue.pop() == "user"


def test_clients_that_failed_are_served_too_however_many_others_there_are() -> None:
    queue: CheckQueue[str] = CheckQueue()
    queue.add(FAILING, "user", "user")
    for number in range(20):
        queue.add(CLEAN, f"guesser {number}", f"guess {number}")
    assert "user" in [queue.pop() for _ in range(4)]


def test_what_a_client_has_waiting_changes_the_lane_when_it_fails() -> None:
    queue: CheckQueue[str] = CheckQueue()
    for item in ("a1", "a2", "a3", "b1", "b2"):
        queue.add(CLEAN, item[0], item)
    assert queue.pop() == "a1"
    queue.demote("a")
    queue.demote("nobody")
    assert len(queue) == 4
    assert drained(queue) == ["b1", "b2", "a2", "a3"]


def test_removed_items_are_not_served() -> None:
    queue: CheckQueue[str] = CheckQueue()
    queue.add(CLEAN, "a", "a1")
    queue.add(FAILING, "b", "b1")
    queue.remove("b", "b1")
    queue.remove("b", "b1")
    queue.remove("nobody", "x")
    assert drained(queue) == ["a1"]


def test_a_client_can_have_a_limited_number_of_items() -> None:
    queue: CheckQueue[str] = CheckQueue()
    for number in range(MAX_WAITING_PER_CLIENT):
        assert queue.add(CLEAN, "a", str(number)) is None
    assert queue.add(CLEAN, "a", "one more") == "one more"
    assert queue.add(CLEAN, "b", "b") is None
    assert len(queue) == MAX_WAITING_PER_CLIENT + 1


def test_the_client_with_the_longest_line_makes_room_for_a_newcomer() -> None:
    queue: CheckQueue[str] = CheckQueue()
    for number in range(MAX_WAITING):
        assert queue.add(CLEAN, f"client {number % 100 if number < 250 else 7}", str(number)) is None
    assert queue.add(CLEAN, "newcomer", "new") == str(MAX_WAITING - 1)
    assert len(queue) == MAX_WAITING
    assert "new" in drained(queue)


@pytest.mark.parametrize("lane", Lane)
def test_a_newcomer_is_refused_if_nobody_has_more_than_it(lane: Lane) -> None:
    queue: CheckQueue[str] = CheckQueue()
    for number in range(MAX_WAITING):
        queue.add(CLEAN, f"client {number}", str(number))
    assert queue.add(lane, "newcomer", "new") == "new"
    assert len(queue) == MAX_WAITING


def test_a_client_that_failed_makes_room_for_one_that_did_not() -> None:
    queue: CheckQueue[str] = CheckQueue()
    for number in range(MAX_WAITING - 1):
        queue.add(CLEAN, f"client {number}", str(number))
    queue.add(FAILING, "guesser", "guess")
    assert queue.add(FAILING, "another guesser", "new guess") == "new guess"
    assert queue.add(CLEAN, "newcomer", "new") == "guess"
    assert "new" in drained(queue)
