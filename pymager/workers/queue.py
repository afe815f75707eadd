"""The queue in front of the worker pool: bounded, and fair to every kind of job and to every client.

It counts what jobs cost, in seconds of CPU time: `pymager.workers.cost` estimates it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from math import ceil
from typing import Generic, TypeVar

from pymager.errors import Overloaded
from pymager.workers.cost import CHEAP_SECONDS
from pymager.workers.cpu_watch import Overrun
from pymager.workers.round_robin import RoundRobin

_MAX_RETRY_AFTER_SECONDS = 30
_TURN_SECONDS = 0.1
_MAX_EXPENSIVE_WAIT_SECONDS = 5.0  # that expensive jobs of a kind may wait for a worker, as it seems
_MAX_CHEAP_TURNS = 50  # of cheap jobs in a row, while an expensive one waits for a single worker

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


class Lane(Enum):
    """Where a job waits; the value is the name in metrics."""

    CHEAP = "cheap"
    EXPENSIVE = "expensive"

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Job:
    """What a resource is needed for: by whom, and for how many seconds of CPU time, as it seems."""

    kind: JobKind
    client: str = ""
    seconds: float = 0.0

    @property
    def turns(self) -> int:
        """How many turns the job counts as."""
        return max(1, ceil(self.seconds / _TURN_SECONDS))


class _Lane(Generic[T]):
    """The waiting jobs of one lane. The kinds take turns, and so do the clients of a kind."""

    def __init__(self) -> None:
        self.waiting: dict[JobKind, RoundRobin[tuple[Job, asyncio.Future[T]]]] = {k: RoundRobin() for k in JobKind}
        self._turns = deque(JobKind)
        self._owed = dict.fromkeys(JobKind, 0)  # how many turns a kind has to skip

    def __len__(self) -> int:
        return sum(map(len, self.waiting.values()))

    @property
    def turns(self) -> int:
        """How many turns all waiting jobs count as."""
        return sum(places.weight for places in self.waiting.values())

    def kind_to_serve(self, may_take: Callable[[JobKind], bool]) -> JobKind | None:
        """The kind whose turn it is, among those that wait and may take a resource."""
        ready = deque(kind for kind in self._turns if self.waiting[kind] and may_take(kind))
        while len(ready) > 1 and self._owed[ready[0]]:
            self._owed[ready[0]] -= 1
            self._end_turn(ready[0])
            ready.rotate(-1)
        return ready[0] if ready else None

    def served(self, job: Job) -> None:
        """Note that a job of this lane has got a resource."""
        self._owed[job.kind] = job.turns - 1
        self._end_turn(job.kind)

    def _end_turn(self, kind: JobKind) -> None:
        self._turns.remove(kind)
        self._turns.append(kind)


@dataclass(slots=True)
class _Holding:
    """The job that a resource is used for, and its lane."""

    job: Job
    lane: Lane


class FairQueue(Generic[T]):
    """Hands out `size` resources; at most `bound` jobs of each kind wait for one in each lane.

    Jobs that are expected to cost more than `CHEAP_SECONDS` are expensive, and wait in a lane of their own. Expensive
    jobs never hold all of several resources, so cheap jobs wait for cheap ones only. While no expensive job runs, the
    next free one of several resources goes to an expensive job. A single resource goes to an expensive job when no
    cheap job waits, or after fifty turns of cheap jobs.

    In a lane, the kinds take turns when several wait, and so do the clients of one kind. A job counts as one turn for
    each tenth of a second that it is expected to cost, both of its kind and of its client. No client can shut the
    others out: beyond `bound`, there are a quarter as many places again for clients without a waiting job. When these
    are taken too, a client with few waiting jobs takes a place from the client with the most. Inspections never hold
    all resources in the cheap lane if there are two or more, so that uploads do not stop renders; neither do
    animations.
    """

    def __init__(self, size: int, bound: int) -> None:
        self._size = size
        self._bound = bound
        self._free: deque[T] = deque()
        self._held: dict[T, _Holding] = {}
        self._lanes: dict[Lane, _Lane[T]] = {lane: _Lane() for lane in Lane}
        self._max_expensive = max(1, size - 1)
        self._max_held = dict.fromkeys(JobKind, max(1, size - 1)) | {JobKind.RENDER: size}
        self._cheap_turns = 0  # of cheap jobs while an expensive job waits

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
        return sum(len(lane.waiting[kind]) for lane in self._lanes.values())

    def waiting_in(self, lane: Lane) -> int:
        """The number of jobs that wait in a lane."""
        return len(self._lanes[lane])

    def running_in(self, lane: Lane) -> int:
        """The number of jobs of a lane that have a resource."""
        return sum(holding.lane is lane for holding in self._held.values())

    def put(self, resource: T) -> None:
        """Make a resource available, unless it is already, or is handed out."""
        if resource not in self._free and resource not in self._held:
            self._free.append(resource)
            self._serve()

    def withdraw(self, resource: T) -> None:
        """Make a resource unavailable for now, unless it is handed out."""
        if resource in self._free:
            self._free.remove(resource)

    async def take(self, kind: JobKind, client: str = "", seconds: float = 0.0) -> T:
        """Wait for a resource; give it back with `give_back`. Raises `Overloaded` if too many jobs wait.

        `seconds` is how much CPU time the job is expected to take.
        """
        job, lane = Job(kind, client, seconds), lane_of(seconds)
        places = self._lanes[lane].waiting[kind]
        if not places and self._may_take(kind, lane):
            return self._hand_out(job, lane)
        while self._is_full(job, lane):
            self._make_room(job, lane)
        place: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        places.add(client, (job, place), job.turns)
        try:
            return await place
        except asyncio.CancelledError:
            if place.cancelled():
                places.remove(client, (job, place))
            elif place.exception() is None:  # a resource was assigned at the same moment
                self.give_back(place.result())
            raise

    def is_expensive(self, resource: T) -> bool:
        """Whether a resource is used for an expensive job."""
        return self._held[resource].lane is Lane.EXPENSIVE

    def on_overrun(self, resource: T) -> Overrun:
        """Say what becomes of a job that costs more than it seemed: it goes on as an expensive one if not too many run.

        Otherwise it leaves if a cheap job waits for its resource.
        """
        if self.running_in(Lane.EXPENSIVE) < self._max_expensive:
            self._held[resource].lane = Lane.EXPENSIVE
            self._serve()  # cheap jobs of its kind may take another resource now
            return Overrun.GO_ON
        return Overrun.LEAVE if self._lanes[Lane.CHEAP] else Overrun.ASK_AGAIN

    def give_back(self, resource: T, *, usable: bool = True, taken_seconds: float = 0.0) -> None:
        """Return a resource; one that is not `usable` is withdrawn.

        What the job took more than expected, of CPU time, is charged to its client.
        """
        holding = self._held.pop(resource)
        job = holding.job
        if (more := Job(job.kind, job.client, taken_seconds).turns - job.turns) > 0:
            for lane in self._lanes.values():
                lane.waiting[job.kind].charge(job.client, more)
        if usable:
            self._free.append(resource)
        self._serve()

    def refuse_all(self, message: str, retry_after: int) -> None:
        """End every wait with `Overloaded`; `retry_after` is in seconds."""
        for lane in self._lanes.values():
            for places in lane.waiting.values():
                while places:
                    if not (place := places.pop()[1]).done():
                        place.set_exception(Overloaded(message, retry_after=retry_after))

    def _is_full(self, job: Job, lane: Lane) -> bool:
        places = self._lanes[lane].waiting[job.kind]
        spare = 0 if places.count(job.client) else 1
        if len(places) >= self._bound + spare * (self._bound // 4):
            return True
        if lane is Lane.CHEAP or not places:
            return False
        seconds = (places.weight + job.turns) * _TURN_SECONDS / self._max_expensive
        return seconds > _MAX_EXPENSIVE_WAIT_SECONDS * (1 + spare / 4)

    def _make_room(self, job: Job, lane: Lane) -> None:
        """End the wait of another client that has more waiting jobs. Raises `Overloaded` if there is none."""
        message, retry_after = f"too many {job.kind.value} are waiting for a worker", self._retry_after(lane)
        surplus = self._lanes[lane].waiting[job.kind].pop_surplus(job.client)
        if surplus is None:
            raise Overloaded(message, retry_after=retry_after)
        if not surplus[1].done():  # it may have been canceled just now
            surplus[1].set_exception(Overloaded(f"{message}, most of them from this client", retry_after=retry_after))

    def _may_take(self, kind: JobKind, lane: Lane) -> bool:
        if not self._free:
            return False
        if lane is Lane.EXPENSIVE:
            return self.running_in(lane) < self._max_expensive
        taken = sum(holding.job.kind is kind for holding in self._held.values() if holding.lane is lane)
        return taken < self._max_held[kind]

    def _hand_out(self, job: Job, lane: Lane) -> T:
        resource = self._free.popleft()
        self._held[resource] = _Holding(job, lane)
        self._lanes[lane].served(job)
        is_postponed = lane is Lane.CHEAP and len(self._lanes[Lane.EXPENSIVE])
        self._cheap_turns = self._cheap_turns + job.turns if is_postponed else 0
        return resource

    def _serve(self) -> None:
        """Hand free resources to waiting jobs."""
        while (found := self._next()) is not None:
            lane, kind = found
            job, place = self._lanes[lane].waiting[kind].pop()
            if not place.cancelled():
                place.set_result(self._hand_out(job, lane))

    def _next(self) -> tuple[Lane, JobKind] | None:
        """The lane and the kind whose turn it is."""
        for lane in (Lane.EXPENSIVE, Lane.CHEAP) if self._expensive_is_due() else (Lane.CHEAP, Lane.EXPENSIVE):
            kind = self._lanes[lane].kind_to_serve(partial(self._may_take, lane=lane))
            if kind is not None:
                return lane, kind
        return None

    def _expensive_is_due(self) -> bool:
        """Whether the next resource is for an expensive job, even if cheap ones wait."""
        if self._size > 1:
            return not self.running_in(Lane.EXPENSIVE)
        return self._cheap_turns >= _MAX_CHEAP_TURNS

    def _retry_after(self, lane: Lane) -> int:
        """Whole seconds until the jobs that wait in a lane have run, as it seems."""
        turns = self._lanes[lane].turns
        turns += sum(holding.job.turns for holding in self._held.values() if holding.lane is lane)
        seconds = turns * _TURN_SECONDS / (self._size if lane is Lane.CHEAP else self._max_expensive)
        return min(_MAX_RETRY_AFTER_SECONDS, max(1, ceil(seconds)))


def lane_of(seconds: float) -> Lane:
    """The lane of a job that is expected to take so much CPU time."""
    return Lane.CHEAP if seconds <= CHEAP_SECONDS else Lane.EXPENSIVE
