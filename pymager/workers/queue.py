"""The queue in front of the worker pool: bounded, and fair to both kinds of job and to every client."""

import asyncio
from collections import deque
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

    @property
    def label(self) -> str:
        """The name in metrics and traces."""
        return self.name.lower()


class FairQueue(Generic[T]):
    """Hands out `size` resources; at most `bound` jobs of each kind wait for one.

    The kinds take turns when both wait, and so do the clients of one kind. No client can shut the others out: a
    quarter more places are reserved for clients without a waiting job. When these are taken too, a client with few
    waiting jobs takes a place from the client with the most. Inspections never hold all resources if there are
    two or more, so that uploads do not stop renders.
    """

    def __init__(self, size: int, bound: int) -> None:
        self._size = size
        self._bound = bound
        self._spare = bound // 4
        self._free: deque[T] = deque()
        self._held: dict[T, tuple[JobKind, float]] = {}  # with the time at which it was handed out
        self._waiting: dict[JobKind, RoundRobin[asyncio.Future[T]]] = {kind: RoundRobin() for kind in JobKind}
        self._max_held = {JobKind.RENDER: size, JobKind.INSPECTION: max(1, size - 1)}
        self._next_kind = JobKind.RENDER
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

    async def take(self, kind: JobKind, client: str = "") -> T:
        """Wait for a resource; give it back with `give_back`. Raises `Overloaded` if too many jobs wait."""
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
            elif place.exception() is None:  # a resource was assigned at the same moment
                self.give_back(place.result())
            raise

    def give_back(self, resource: T, *, usable: bool = True) -> None:
        """Return a resource; one that is not `usable` is withdrawn."""
        _, since = self._held.pop(resource)
        self._job_seconds += _NEWEST_WEIGHT * (_now() - since - self._job_seconds)
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
        taken = sum(holder is kind for holder, _ in self._held.values())
        return bool(self._free) and taken < self._max_held[kind]

    def _hand_out(self, kind: JobKind) -> T:
        resource = self._free.popleft()
        self._held[resource] = (kind, _now())
        self._next_kind = _other(kind)
        return resource

    def _serve(self) -> None:
        """Hand free resources to waiting jobs."""
        while (kind := self._kind_to_serve()) is not None:
            place = self._waiting[kind].pop()
            if not place.cancelled():
                place.set_result(self._hand_out(kind))

    def _kind_to_serve(self) -> JobKind | None:
        for kind in (self._next_kind, _other(self._next_kind)):
            if self._waiting[kind] and self._may_take(kind):
                return kind
        return None

    def _retry_after(self) -> int:
        """Whole seconds until the current queue is empty, estimated from the moving average of a job's duration."""
        ahead = sum(len(places) for places in self._waiting.values()) + self._size
        return min(_MAX_RETRY_AFTER_SECONDS, max(1, ceil(ahead * self._job_seconds / self._size)))


def _other(kind: JobKind) -> JobKind:
    return JobKind.INSPECTION if kind is JobKind.RENDER else JobKind.RENDER


def _now() -> float:
    return asyncio.get_running_loop().time()
