"""The queue of passwords to check: bounded, fair, and with priority for clients without recent failures."""

from enum import Enum
from typing import Generic, TypeVar

from pymager.workers.round_robin import RoundRobin

MAX_WAITING = 256
MAX_WAITING_PER_CLIENT = 64
_CLEAN_TURNS = 3  # turns, before one for the clients that failed

T = TypeVar("T")


class Lane(Enum):
    """The clients of a lane take turns. If clients wait in both lanes, every fourth turn is for the failing one."""

    CLEAN = "clean"
    FAILING = "failing"


class CheckQueue(Generic[T]):
    """Items by client, in two lanes: one for clients without recent failures, one for clients with some.

    When it is full, the client with the longest line loses its newest item; clients that have failed lose theirs first.
    """

    def __init__(self) -> None:
        self._lanes: dict[Lane, RoundRobin[T]] = {lane: RoundRobin() for lane in Lane}
        self._clean_turns = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def add(self, lane: Lane, client: str, item: T) -> T | None:
        """Append the item to its client's line. Returns the item that lost its place, possibly this one, or None."""
        if self._lanes[lane].count(client) >= MAX_WAITING_PER_CLIENT:
            return item
        loser = self._make_room(lane, client, item) if len(self) >= MAX_WAITING else None
        if loser is not item:
            self._lanes[lane].add(client, item)
        return loser

    def pop(self) -> T:
        """Remove the next item and return it. Raises `KeyError` if there is none."""
        clean, failing = self._lanes[Lane.CLEAN], self._lanes[Lane.FAILING]
        if clean and (self._clean_turns < _CLEAN_TURNS or not failing):
            self._clean_turns += 1
            return clean.pop()
        self._clean_turns = 0
        return failing.pop()

    def remove(self, client: str, item: T) -> None:
        """Remove an item that no longer waits; an unknown item is ignored."""
        for lane in self._lanes.values():
            lane.remove(client, item)

    def demote(self, client: str) -> None:
        """The client has failed: move what it has waiting to the lane of such clients."""
        for item in self._lanes[Lane.CLEAN].remove_line(client):
            self._lanes[Lane.FAILING].add(client, item)

    def _make_room(self, lane: Lane, client: str, item: T) -> T:
        if lane is Lane.CLEAN and self._lanes[Lane.FAILING]:
            return self._lanes[Lane.FAILING].pop_longest()
        surplus = self._lanes[lane].pop_surplus(client)
        return item if surplus is None else surplus
