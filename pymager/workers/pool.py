"""The worker pool: all decoding of untrusted bytes happens in its processes.

One bad picture costs one request: a decoder that crashes, hangs or exhausts memory ends its process, which is replaced.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from pymager.engine import protocol
from pymager.engine.jobs import Inspection, Mezzanine
from pymager.engine.limits import PictureLimits
from pymager.engine.protocol import Status
from pymager.errors import ConfigurationError, Overloaded
from pymager.sandbox.confinement import NONE, Confinement
from pymager.telemetry.context import CURRENT, cancelable
from pymager.telemetry.observer import OFF, Observer
from pymager.workers import cost, first_bytes
from pymager.workers.attempts import Attempts
from pymager.workers.child import WorkerStartFailed
from pymager.workers.client_groups import client_group
from pymager.workers.cost import CHEAP_SECONDS, USUAL, Estimates, Work
from pymager.workers.cpu_watch import Budget
from pymager.workers.limits import WorkerLimits
from pymager.workers.metrics import JobMetrics
from pymager.workers.process import JobRequest
from pymager.workers.queue import FairQueue, JobKind, Lane, lane_of
from pymager.workers.slot import BROKEN, BROKEN_RETRY_AFTER_SECONDS, STOPPING, Slot
from pymager.workers.sources import Sources
from pymager.workers.template import Template
from pymager.workers.worker import Worker

PROGRAM = ("-m", "pymager.engine.template")

_EVICTED_SECONDS = 2 * CHEAP_SECONDS  # what a job is expected to take that was not cheap
log = structlog.get_logger("pymager.workers")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolState:
    """Counts. `idle` and `busy` are slots; the rest of `size` is starting.

    `renders`, `animations` and `inspections` wait for a slot.

    `started` counts all worker processes since the start, `restarts` those that ended unexpectedly. `pids` are the
    worker processes that run, `template` is the process that they are forked from, if it runs. `lanes` says how many
    jobs wait and run in each lane of the queue.
    """

    size: int
    idle: int
    busy: int
    renders: int
    animations: int
    inspections: int
    started: int
    restarts: int
    pids: tuple[int, ...]
    template: int | None
    lanes: Mapping[Lane, tuple[int, int]]


class WorkerPool:
    """A fixed number of worker processes, which run while inside `async with`.

    At most `queue` renders, and as many inspections and animations, wait for a worker. `background` is the color behind
    transparent pictures in placeholders. `confinement` is the sandbox of the workers. `program` are the arguments that
    make the Python interpreter the template of the workers. Enter it in a thread that outlives the workers: the kernel
    kills them when that thread ends. Entering raises `ConfigurationError` if no worker can start.
    """

    def __init__(
        self,
        count: int,
        queue: int,
        limits: WorkerLimits,
        picture_limits: PictureLimits,
        *,
        background: tuple[int, int, int] = (255, 255, 255),
        confinement: Confinement = NONE,
        program: Sequence[str] = PROGRAM,
        observer: Observer = OFF,
    ) -> None:
        self.confinement = confinement
        self._limits = limits
        self.metrics = JobMetrics(observer)
        self._estimates = Estimates()
        self._queue: FairQueue[Slot] = FairQueue(count, queue)
        self.sources = Sources(limits.wall_seconds)
        start = protocol.start_request(limits.memory, limits.cpu_seconds, picture_limits, confinement)
        self.background = background
        self.max_frames = picture_limits.frames
        self._closed = False
        self._template = Template(program, picture_limits.decoders)
        self._attempts = Attempts(self._template, limits)
        self._slots = [
            Slot(self._template, start, limits.max_jobs, self._on_ready_changed, self.metrics.replaced)
            for _ in range(count)
        ]

    async def __aenter__(self) -> Self:
        try:
            opened = await asyncio.gather(*(slot.open() for slot in self._slots), return_exceptions=True)
            for error in opened:
                if isinstance(error, (WorkerStartFailed, OSError)):
                    raise ConfigurationError(
                        f"PYMAGER_WORKER_MEMORY: a worker process could not start; the limit may be too low: {error}"
                    )
                if error is not None:
                    raise error
        except BaseException:
            await self._close()
            raise
        for slot in self._slots:
            self._queue.put(slot)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    @property
    def state(self) -> PoolState:
        """What the workers do now."""
        return PoolState(
            size=len(self._slots),
            idle=self._queue.free,
            busy=self._queue.held,
            renders=self._queue.waiting(JobKind.RENDER),
            animations=self._queue.waiting(JobKind.ANIMATION),
            inspections=self._queue.waiting(JobKind.INSPECTION),
            started=sum(slot.starts for slot in self._slots),
            restarts=sum(slot.unexpected_exits for slot in self._slots),
            pids=tuple(pid for slot in self._slots for pid in slot.pids),
            template=self._template.pid,
            lanes={lane: (self._queue.waiting_in(lane), self._queue.running_in(lane)) for lane in Lane},
        )

    async def inspect(self, path: Path, mezzanine: Mezzanine | None = None, spool: Path | None = None) -> Inspection:
        """Decode the whole file at `path`, and say what it is. Canceled if the client leaves before a worker has it.

        A `mezzanine` is made too, if one pays, as a file in the folder `spool`; the caller then owns the file.

        If it seems expensive, its header is read by a cheap job before, which refuses most costly files, and says more
        of the others. Raises `PictureError`, `NotFound` if the file is gone, `Unavailable` and `Overloaded`.
        """
        work = await self._work_of_upload(path)
        return await self._inspecting(work, lambda worker: worker.inspect(path, mezzanine, spool))

    async def _work_of_upload(self, path: Path) -> Work:
        """What an upload costs: as its first bytes say, or if these say that it is expensive, as its header says."""
        try:
            format, pixels, size = first_bytes.read_file(path)
        except OSError:
            return USUAL  # the worker will say what is wrong
        work = cost.of_upload(format, pixels, size)
        if lane_of(self._estimates.seconds(work)) is Lane.CHEAP:
            return work
        header = await self._inspecting(cost.HEADER, lambda worker: worker.read_header(path))
        if format.split()[0] != header.format:  # else the first bytes say more: also which encoding it has
            format = header.format
        return cost.of_upload(format, header.width * header.height, size)

    async def _inspecting(self, work: Work, run: Callable[[Worker], Awaitable[T]]) -> T:
        with cancelable():
            worker = await self._reserved(JobKind.INSPECTION, work, self._limits.for_upload())
        try:
            return await run(worker)
        finally:
            self._give_back(worker, work)

    @asynccontextmanager
    async def reserve(self, kind: JobKind = JobKind.RENDER, work: Work = USUAL) -> AsyncIterator[Worker]:
        """Wait for a free worker and reserve it, for one job after the other. Raises `Overloaded`."""
        worker = await self._reserved(kind, work, self._limits.for_render(self._estimates.seconds(work)))
        try:
            yield worker
        finally:
            self._give_back(worker, work)

    async def move_to_expensive(self, worker: Worker) -> None:
        """Wait for a slot for a job that is more expensive than it seemed. Raises `Overloaded`."""
        assert worker.slot is not None
        slot, worker.slot = worker.slot, None
        self._queue.give_back(slot, usable=slot.ready, taken_seconds=worker.taken_seconds)
        worker.slot = await self._taken(worker.kind, _EVICTED_SECONDS)

    async def _reserved(self, kind: JobKind, work: Work, cpu_limit: float) -> Worker:
        seconds = self._estimates.seconds(work)
        return Worker(self, await self._taken(kind, seconds), kind, seconds, cpu_limit)

    async def _taken(self, kind: JobKind, seconds: float) -> Slot:
        """Wait for a slot. Raises `Overloaded`."""
        if self._closed:
            raise Overloaded(STOPPING)
        if self._is_broken():
            raise Overloaded(BROKEN, retry_after=BROKEN_RETRY_AFTER_SECONDS)
        with self.metrics.waiting(kind):
            return await self._queue.take(kind, _client_group(), seconds)

    def _give_back(self, worker: Worker, work: Work) -> None:
        taken, slot = worker.taken_seconds, worker.slot
        if taken:
            self.metrics.took(worker.kind, lane_of(worker.seconds), worker.seconds, taken)
            # Without a slot, it was refused when it turned out expensive: it would have taken more.
            self._estimates.learn(work, taken if slot is not None else max(taken, _EVICTED_SECONDS))
        if slot is not None:
            self._queue.give_back(slot, usable=slot.ready, taken_seconds=taken)

    def _budget(self, slot: Slot, cpu_limit: float) -> Budget:
        """CPU time decides: on a busy machine, a job can take many times as much wall time."""
        wall = self._limits.wall_seconds
        if self._queue.is_expensive(slot):
            return Budget(cpu_limit, wall)
        return Budget(cpu_limit, wall, CHEAP_SECONDS, lambda: self._queue.on_overrun(slot))

    async def run(self, slot: Slot, job: JobRequest, read: Callable[[Status, bytes], T], cpu_limit: float) -> T:
        """Run a job that may take up to `cpu_limit` seconds of CPU time. Raises as `Attempts.run` does."""
        return await self._attempts.run(slot, job, read, self._budget(slot, cpu_limit))

    def _on_ready_changed(self, slot: Slot) -> None:
        if slot.ready:
            self._queue.put(slot)
        else:
            self._queue.withdraw(slot)
        if self._is_broken():
            self._queue.refuse_all(BROKEN, BROKEN_RETRY_AFTER_SECONDS)

    def _is_broken(self) -> bool:
        return all(slot.broken for slot in self._slots)

    async def _close(self) -> None:
        self._closed = True
        self._queue.refuse_all(STOPPING, 1)
        await asyncio.gather(*(slot.close() for slot in self._slots))
        await self._template.close()


def _client_group() -> str:
    """The client group that a job is queued for; work outside of requests has one of its own."""
    context = CURRENT.get()
    return "" if context is None else client_group(context.client)
