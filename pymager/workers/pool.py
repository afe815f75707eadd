"""The worker processes: the only place where strangers' bytes are decoded.

One bad picture costs one request: a decoder that crashes, hangs or eats memory ends its process, which is replaced.
"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from pymager.engine import wire
from pymager.engine.jobs import Inspection, PictureLimits, RenderJob
from pymager.engine.wire import Failure, ProtocolError, Status
from pymager.errors import ConfigurationError, Overloaded, Undecodable
from pymager.telemetry.context import CURRENT
from pymager.telemetry.observer import OFF, Observer
from pymager.workers.metrics import JobMetrics
from pymager.workers.process import WorkerExited, WorkerStartFailed
from pymager.workers.queue import FairQueue, JobKind
from pymager.workers.slot import STOPPING, Slot

PROGRAM = ("-m", "pymager.engine.worker")

# Signals that come from outside: from the kernel when memory runs out, or from an operator.
_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT}
_HOPELESS = "no worker process can be started at present"
_LATER = 5

log = structlog.get_logger("pymager.workers")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker process may use: `memory` in bytes of address space, the times for each job.

    After `jobs` jobs a process is replaced by a fresh one.
    """

    memory: int = 1 << 30
    cpu_seconds: int = 30
    wall_seconds: float = 30.0
    jobs: int = 200


@dataclass(frozen=True, slots=True)
class PoolState:
    """Counts. `idle` and `busy` are workers (the rest of `size` is being started); `renders` and `inspections` wait
    for one. `started` and `restarts` count processes since the start: all, and those that replaced a dead one.
    """

    size: int
    idle: int
    busy: int
    renders: int
    inspections: int
    started: int
    restarts: int
    pids: tuple[int, ...]


class Worker:
    """A worker that is reserved for its holder."""

    def __init__(self, workers: "WorkerPool", seat: Slot) -> None:
        self._workers = workers
        self._seat = seat

    async def render(self, path: Path, job: RenderJob, spool: Path) -> bytes | Path | None:
        """Make a picture from the file at `path`; None says that the file's own bytes are it.

        A picture of over 4 MiB comes as a file in the folder `spool`, which is then the caller's. Raises
        `PictureError`, `UnsupportedFormat`, `NotFound` where the file is gone, `NoSpace`, `Unavailable` and
        `Overloaded`.
        """
        file = spool / secrets.token_hex(8)

        def read(status: Status, payload: bytes) -> bytes | Path | None:
            match status:
                case Status.BODY if payload:
                    return payload
                case Status.FILE if file.is_file() and not file.is_symlink():
                    return file
                case Status.ORIGINAL:
                    return None
            raise ProtocolError(f"{status.name} of {len(payload)} bytes to a render")

        try:
            with self._workers._told.running("render"):
                return await self._workers._run(self._seat, wire.render(path, job, file), read)
        except BaseException:
            file.unlink(missing_ok=True)
            raise


class WorkerPool:
    """A fixed number of worker processes, which are there while inside `async with`.

    At most `queue` renders and as many inspections wait for a worker. `program` are the arguments of the Python
    interpreter that make a worker. Enter it in the thread that lives as long as the workers shall: the kernel kills
    them when that thread ends. Entering raises `ConfigurationError` where no worker can start.
    """

    def __init__(
        self,
        count: int,
        queue: int,
        limits: WorkerLimits,
        picture_limits: PictureLimits,
        *,
        program: Sequence[str] = PROGRAM,
        observer: Observer = OFF,
    ) -> None:
        self._limits = limits
        self._told = JobMetrics(observer)
        self._queue: FairQueue[Slot] = FairQueue(count, queue)
        start = wire.start(limits.memory, limits.cpu_seconds, picture_limits)
        self._closed = False
        self._seats = [Slot(program, start, limits.jobs, self._changed, self._told.ended) for _ in range(count)]

    async def __aenter__(self) -> Self:
        try:
            opened = await asyncio.gather(*(seat.open() for seat in self._seats), return_exceptions=True)
            for error in opened:
                if isinstance(error, (WorkerStartFailed, OSError)):
                    raise ConfigurationError(f"a worker process could not start (is worker_memory too small?): {error}")
                if error is not None:
                    raise error
        except BaseException:
            await self._close()
            raise
        for seat in self._seats:
            self._queue.put(seat)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    @property
    def state(self) -> PoolState:
        """What the workers are at."""
        return PoolState(
            size=len(self._seats),
            idle=self._queue.free,
            busy=self._queue.held,
            renders=self._queue.waiting(JobKind.RENDER),
            inspections=self._queue.waiting(JobKind.INSPECTION),
            started=sum(seat.starts for seat in self._seats),
            restarts=sum(seat.deaths for seat in self._seats),
            pids=tuple(pid for seat in self._seats for pid in seat.pids),
        )

    async def inspect(self, path: Path) -> Inspection:
        """Say what the file at `path` is, having decoded all of it.

        Raises `PictureError`, `NotFound` where the file is gone, `Unavailable` and `Overloaded`.
        """

        def read(status: Status, payload: bytes) -> Inspection:
            if status is not Status.INSPECTION:
                raise ProtocolError(f"{status.name} to an inspection")
            return wire.read_inspection(payload)

        async with self._reserved(JobKind.INSPECTION) as seat:
            with self._told.running("inspection"):
                return await self._run(seat, wire.inspect(path), read)

    @asynccontextmanager
    async def reserve(self) -> AsyncIterator[Worker]:
        """Reserve a free worker for renders, one after the other. Raises `Overloaded`."""
        async with self._reserved(JobKind.RENDER) as seat:
            yield Worker(self, seat)

    @asynccontextmanager
    async def _reserved(self, kind: JobKind) -> AsyncIterator[Slot]:
        if self._closed:
            raise Overloaded(STOPPING)
        if self._is_hopeless():
            raise Overloaded(_HOPELESS, retry_after=_LATER)
        with self._told.waiting(kind.name.lower()):
            seat = await self._queue.take(kind, _client_group())
        try:
            yield seat
        finally:
            self._queue.give_back(seat, usable=seat.ready)

    async def _run(self, seat: Slot, message: bytes, read: Callable[[Status, bytes], T]) -> T:
        """Have a job done, and once more where its process was killed from outside. A cancelled job is ended."""

        def outcome(status: Status, payload: bytes) -> T | Failure:
            return wire.read_failure(payload) if status is Status.FAILED else read(status, payload)

        seconds = self._limits.wall_seconds
        try:
            try:
                result = await seat.run(message, seconds, outcome)
            except WorkerExited as end:
                if end.code not in _FROM_OUTSIDE:
                    raise
                result = await seat.run(message, seconds, outcome)
        except TimeoutError:
            raise Undecodable(f"the picture took longer than {seconds:g} seconds to decode") from None
        except WorkerExited as end:
            raise Undecodable(self._why(end)) from None
        except ProtocolError as error:
            log.error("a worker gave an answer that no sound worker gives", error=str(error))
            raise Undecodable("the picture made its decoder answer nonsense") from None
        if not isinstance(result, Failure):
            return result
        if result.trace:
            log.warning("a decoder raised what it should not", trace=result.trace)
        raise result.error

    def _changed(self, seat: Slot) -> None:
        if seat.ready:
            self._queue.put(seat)
        else:
            self._queue.withdraw(seat)
        if self._is_hopeless():
            self._queue.refuse(_HOPELESS, _LATER)

    def _is_hopeless(self) -> bool:
        return all(seat.hopeless for seat in self._seats)

    async def _close(self) -> None:
        self._closed = True
        self._queue.refuse(STOPPING, 1)
        await asyncio.gather(*(seat.close() for seat in self._seats))

    def _why(self, end: WorkerExited) -> str:
        if end.code in _FROM_OUTSIDE:
            return "the picture's decoder was killed twice from outside: probably it needs too much memory"
        if end.code == -signal.SIGXCPU:
            return f"the picture took more than {self._limits.cpu_seconds} seconds of processor time to decode"
        if end.code < 0:
            return f"the picture crashed its decoder ({signal.strsignal(-end.code)})"
        return f"the picture ended its decoder (exit code {end.code})"


def _client_group() -> str:
    """On whose account a job waits; work outside of requests has an account of its own."""
    context = CURRENT.get()
    return "" if context is None else context.client_group
