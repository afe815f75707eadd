"""Who waits for one of a few things that everybody needs: bounded, and fair to both kinds and to every client."""

import asyncio
from collections import deque
from enum import Enum
from math import ceil
from typing import Generic, TypeVar

from pymager.errors import Overloaded
from pymager.workers.round_robin import RoundRobin

_LONGEST_RETRY = 30
_WEIGHT = 0.2  # of the newest duration in the moving average

T = TypeVar("T")


class JobKind(Enum):
    """What a thing is wanted for."""

    RENDER = "renders"
    INSPECTION = "uploads"


class FairQueue(Generic[T]):
    """Hands out `size` things; at most `bound` of each kind wait for one.

    The kinds take turns where both wait, and so do the clients of one kind. Nobody is kept out by one who asks for
    much: a quarter more places are for clients who have none, and where those are taken too, a client who has few gets
    one of who has most. Inspections have never more than all things but one, where there are two or more: uploads
    don't keep the pictures from being served.
    """

    def __init__(self, size: int, bound: int) -> None:
        self._size = size
        self._bound = bound
        self._spare = bound // 4
        self._free: deque[T] = deque()
        self._held: dict[T, tuple[JobKind, float]] = {}  # since when
        self._waiting: dict[JobKind, RoundRobin[asyncio.Future[T]]] = {kind: RoundRobin() for kind in JobKind}
        self._most = {JobKind.RENDER: size, JobKind.INSPECTION: max(1, size - 1)}
        self._turn = JobKind.RENDER
        self._seconds = 0.1

    @property
    def held(self) -> int:
        """How many things are given out."""
        return len(self._held)

    @property
    def free(self) -> int:
        """How many things nobody has."""
        return len(self._free)

    def waiting(self, kind: JobKind) -> int:
        """How many wait."""
        return len(self._waiting[kind])

    def put(self, thing: T) -> None:
        """A thing can be had from now on; nothing changes where it could before, or where somebody has it."""
        if thing not in self._free and thing not in self._held:
            self._free.append(thing)
            self._serve()

    def withdraw(self, thing: T) -> None:
        """A thing can't be had for the time being; nothing changes where somebody has it."""
        if thing in self._free:
            self._free.remove(thing)

    async def take(self, kind: JobKind, client: str = "") -> T:
        """A thing, which has to be given back. Raises `Overloaded` where too many wait already."""
        if not self._waiting[kind] and self._may_take(kind):
            return self._hand_out(kind)
        places = self._bound + (0 if self._waiting[kind].count(client) else self._spare)
        if len(self._waiting[kind]) >= places:
            self._make_room(kind, client)
        place: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[kind].add(client, place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._waiting[kind].remove(client, place)
            elif place.exception() is None:  # it came at the same moment
                self.give_back(place.result())
            raise

    def give_back(self, thing: T, *, usable: bool = True) -> None:
        """Done with a thing; one that is not `usable` is withdrawn."""
        _, since = self._held.pop(thing)
        self._seconds += _WEIGHT * (_now() - since - self._seconds)
        if usable:
            self._free.append(thing)
        self._serve()

    def refuse(self, sentence: str, retry_after: int) -> None:
        """Send everybody away who waits, with `Overloaded`."""
        for places in self._waiting.values():
            while places:
                if not (place := places.pop()).done():
                    place.set_exception(Overloaded(sentence, retry_after=retry_after))

    def _make_room(self, kind: JobKind, client: str) -> None:
        """Send one away of a client of whom more wait. Raises `Overloaded` where there is none."""
        sentence, retry_after = f"too many {kind.value} wait for a worker", self._retry_after()
        surplus = self._waiting[kind].pop_surplus(client)
        if surplus is None:
            raise Overloaded(sentence, retry_after=retry_after)
        if not surplus.done():  # or it is one who has just left
            surplus.set_exception(Overloaded(f"{sentence}, most of them for this client", retry_after=retry_after))

    def _may_take(self, kind: JobKind) -> bool:
        taken = sum(its is kind for its, _ in self._held.values())
        return bool(self._free) and taken < self._most[kind]

    def _hand_out(self, kind: JobKind) -> T:
        thing = self._free.popleft()
        self._held[thing] = (kind, _now())
        self._turn = _other(kind)
        return thing

    def _serve(self) -> None:
        """Give what is free to those who wait."""
        while (kind := self._next()) is not None:
            place = self._waiting[kind].pop()
            if not place.cancelled():
                place.set_result(self._hand_out(kind))

    def _next(self) -> JobKind | None:
        for kind in (self._turn, _other(self._turn)):
            if self._waiting[kind] and self._may_take(kind):
                return kind
        return None

    def _retry_after(self) -> int:
        """Whole seconds until the queue of today is worked off, by the moving average of a job's time."""
        ahead = sum(len(places) for places in self._waiting.values()) + self._size
        return min(_LONGEST_RETRY, max(1, ceil(ahead * self._seconds / self._size)))


def _other(kind: JobKind) -> JobKind:
    return JobKind.INSPECTION if kind is JobKind.RENDER else JobKind.RENDER


def _now() -> float:
    return asyncio.get_running_loop().time()
