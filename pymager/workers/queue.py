"""The queue in front of the worker pool: bounded, and fair to every kind of job and to every client."""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Generic, TypeVar

from pymager.errors import Overloaded
from pymager.workers.round_robin import RoundRobin

_MAX_RETRY_AFTER_SECONDS = 30
_NEWEST_WEIGHT = 0.2  # of the newest duration in the moving average
_INITIAL_JOB_SECONDS = 0.1

T = TypeVar("T")


class JobKind(Enum):
    """What a resource is used for; the value is the plural for messages."""

    RENDER = "renders"
    INSPECTION = "uploads"
    ANIMATION = "animations"

    label: str
    """The name in metrics and traces."""

    def __init__(self, plural: str) -> None:
        self.label = self._name_.lower()

    __hash__ = object.__hash__  # members are compared by identity; Enum's own hash is a function in Python


@dataclass(frozen=True, slots=True)
class _Holding:
    """What a resource is used for, since when, and the weight of the job."""

    kind: JobKind
    since: float
    weight: int


class FairQueue(Generic[T]):
    """Hands out `size` resources; at most `bound` jobs of each kind wait for one.

    The kinds take turns when several wait, and so do the clients of one kind. A job of weight n counts as n turns, both
    of its kind and of its client. No client can shut the others out: a quarter more places are reserved for clients
    without a waiting job. When these are taken too, a client with few waiting jobs takes a place from the client with
    the most. Inspections never hold all resources if there are two or more, so that uploads do not stop renders;
    neither do animations.
    """

    def __init__(self, size: int, bound: int) -> None:
        self._size = size
        self._bound = bound
        self._spare = bound // 4
        self._free: deque[T] = deque()
        self._held: dict[T, _Holding] = {}
        self._waiting: dict[JobKind, RoundRobin[asyncio.Future[T]]] = {kind: RoundRobin() for kind in JobKind}
        self._max_held = dict.fromkeys(JobKind, max(1, size - 1)) | {JobKind.RENDER: size}
        self._turns = deque(JobKind)
        self._owed = dict.fromkeys(JobKind, 0)  # how many turns a kind has to skip
        self._job_seconds = _INITIAL_JOB_SECONDS

    @property
    def held(self) -> int:
        """The number of resources that are handed out."""
        return len(self._held)

    @property
    def free(self) -> int:
        """The number of resources that are available."""
        return len(self._free)

    def waiting(self, kind: JobKind) -> int:
        """The number of jobs that wait."""
        return len(self._waiting[kind])

    def put(self, resource: T) -> None:
        """Make a resource available, unless it is already, or is handed out."""
        if resource not in self._free and resource not in self._held:
            self._free.append(resource)
            self._serve()

    def withdraw(self, resource: T) -> None:
        """Make a resource unavailable for now, unless it is handed out."""
        if resource in self._free:
            self._free.remove(resource)

    async def take(self, kind: JobKind, client: str = "", weight: int = 1) -> T:
        """Wait for a resource; give it back with `give_back`. Raises `Overloaded` if too many jobs wait.

        `weight` is how many usual jobs the job costs.
        """
        if not self._waiting[kind] and self._may_take(kind):
            return self._hand_out(kind, weight)
        places = self._bound + (0 if self._waiting[kind].count(client) else self._spare)
        if len(self._waiting[kind]) >= places:
            self._make_room(kind, client)
        place: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[kind].add(client, place, weight)
        try:
            return await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._waiting[kind].remove(client, place)
            elif place.exception() is None:  # a resource was assigned at the same moment
                self.give_back(place.result())
            raise

    def give_back(self, resource: T, *, usable: bool = True) -> None:
        """Return a resource; one that is not `usable` is withdrawn."""
        holding = self._held.pop(resource)
        seconds = (_now() - holding.since) / holding.weight
        self._job_seconds += _NEWEST_WEIGHT * (seconds - self._job_seconds)
        if usable:
            self._free.append(resource)
        self._serve()

    def refuse_all(self, message: str, retry_after: int) -> None:
        """End every wait with `Overloaded`; `retry_after` is in seconds."""
        for places in self._waiting.values():
            while places:
                if not (place := places.pop()).done():
                    place.set_exception(Overloaded(message, retry_after=retry_after))

    def _make_room(self, kind: JobKind, client: str) -> None:
        """End the wait of another client that has more waiting jobs. Raises `Overloaded` if there is none."""
        message, retry_after = f"too many {kind.value} are waiting for a worker", self._retry_after()
        surplus = self._waiting[kind].pop_surplus(client)
        if surplus is None:
            raise Overloaded(message, retry_after=retry_after)
        if not surplus.done():  # it may have been canceled just now
            surplus.set_exception(Overloaded(f"{message}, most of them from this client", retry_after=retry_after))

    def _may_take(self, kind: JobKind) -> bool:
        taken = sum(holding.kind is kind for holding in self._held.values())
        return bool(self._free) and taken < self._max_held[kind]

    def _hand_out(self, kind: JobKind, weight: int) -> T:
        resource = self._free.popleft()
        self._held[resource] = _Holding(kind, _now(), weight)
        self._owed[kind] = weight - 1
        self._end_turn(kind)
        return resource

    def _serve(self) -> None:
        """Hand free resources to waiting jobs."""
        while (kind := self._kind_to_serve()) is not None:
            place, weight = self._waiting[kind].pop_weighted()
            if not place.cancelled():
                place.set_result(self._hand_out(kind, weight))

    def _kind_to_serve(self) -> JobKind | None:
        """The kind whose turn it is, among those that wait and may take a resource."""
        ready = deque(kind for kind in self._turns if self._waiting[kind] and self._may_take(kind))
        while len(ready) > 1 and self._owed[ready[0]]:
            self._owed[ready[0]] -= 1
            self._end_turn(ready[0])
            ready.rotate(-1)
        return ready[0] if ready else None

    def _end_turn(self, kind: JobKind) -> None:
        self._turns.remove(kind)
        self._turns.append(kind)

    def _retry_after(self) -> int:
        """Whole seconds until the current queue is empty, estimated from the moving average of a job's duration."""
        held = sum(holding.weight for holding in self._held.values())
        ahead = sum(places.weight for places in self._waiting.values()) + max(self._size, held)
        return min(_MAX_RETRY_AFTER_SECONDS, max(1, ceil(ahead * self._job_seconds / self._size)))


def _now() -> float:
    return asyncio.get_running_loop().time()
