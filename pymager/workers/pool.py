"""The worker pool: all decoding of untrusted bytes happens in its processes.

One bad picture costs one request: a decoder that crashes, hangs or exhausts memory ends its process, which is replaced.
"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from pymager.confinement import NONE, Confinement
from pymager.engine import protocol
from pymager.engine.jobs import Inspection, Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.protocol import Failure, ProtocolError, Status
from pymager.errors import ConfigurationError, Overloaded, Undecodable
from pymager.telemetry.context import CURRENT, cancelable
from pymager.telemetry.observer import OFF, Observer
from pymager.workers.child import WorkerStartFailed
from pymager.workers.client_groups import client_group
from pymager.workers.metrics import JobMetrics
from pymager.workers.process import EXTERNAL_EXIT_CODES, Job, WorkerExited
from pymager.workers.queue import FairQueue, JobKind
from pymager.workers.slot import STOPPING, Slot
from pymager.workers.sources import Sources
from pymager.workers.template import Template

PROGRAM = ("-m", "pymager.engine.template")

_BROKEN = "no worker process can be started"
_BROKEN_RETRY_AFTER_SECONDS = 5
_MAX_OLDER_WORKERS = 3  # of a slot, that were forked before all modules were loaded: running, starting, and ready

log = structlog.get_logger("pymager.workers")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker process may use: `memory` in bytes of address space, the times for each job.

    After `max_jobs` jobs a process is replaced.
    """

    memory: int = 1 << 30
    cpu_seconds: int = 30
    wall_seconds: float = 30.0
    max_jobs: int = 200


@dataclass(frozen=True, slots=True)
class PoolState:
    """Counts. `idle` and `busy` are slots; the rest of `size` is starting.

    `renders`, `animations` and `inspections` wait for a slot.

    `started` counts all worker processes since the start, `restarts` those that ended unexpectedly. `pids` are the
    worker processes that run, `template` is the process that they are forked from, if it runs.
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


@dataclass(frozen=True, slots=True)
class _ModuleNeeded:
    """The answer of a worker that lacks this module."""

    name: str


@contextmanager
def _removing_on_failure(file: Path | str | None) -> Iterator[None]:
    """Remove a file that a worker may have written, if the block fails."""
    try:
        yield
    except BaseException:
        if file is not None:
            Path(file).unlink(missing_ok=True)
        raise


class Worker:
    """A worker process that is reserved for its holder, for jobs of one kind."""

    def __init__(self, pool: "WorkerPool", slot: Slot, kind: JobKind = JobKind.RENDER) -> None:
        self._pool = pool
        self._slot = slot
        self._kind = kind

    async def inspect(self, path: Path, mezzanine: Mezzanine | None = None, spool: Path | None = None) -> Inspection:
        """Decode the whole file at `path`, and say what it is. Raises as `WorkerPool.inspect` does.

        A `mezzanine` is made too, if one pays, as a file in the folder `spool`; the caller then owns the file.
        """
        file = None if mezzanine is None or spool is None else spool / secrets.token_hex(8)
        pool = self._pool

        def read(status: Status, payload: bytes) -> Inspection:
            if status is not Status.INSPECTION:
                raise ProtocolError(f"an inspection was answered with {status.name}")
            return protocol.read_inspection(payload, pool._max_frames, file)

        with pool._metrics.running(JobKind.INSPECTION), _removing_on_failure(file):
            message = protocol.inspect_request(pool._background, mezzanine if file is not None else None)
            async with pool._sources.opened(path) as files:
                inspection = await pool._run(self._slot, Job(message, files, file), read)
        if file is not None and inspection.mezzanine is None:
            file.unlink(missing_ok=True)  # a part of it, if the spool is full
        return inspection

    async def make_mezzanine(self, path: Path, mezzanine: Mezzanine, spool: Path) -> Path | None:
        """Make the mezzanine of the original at `path`: a file in the folder `spool`, which the caller then owns.

        None means that the original gets none. Raises as `render` does.
        """
        file = spool / secrets.token_hex(8)

        def read(status: Status, payload: bytes) -> Path | None:
            match status:
                case Status.FILE if file.is_file() and not file.is_symlink():
                    return file
                case Status.NO_MEZZANINE:
                    return None
            raise ProtocolError(f"a mezzanine was answered with {status.name} of {len(payload)} bytes")

        with self._pool._metrics.running(self._kind), _removing_on_failure(file):
            async with self._pool._sources.opened(path) as files:
                return await self._pool._run(self._slot, Job(protocol.mezzanine_request(mezzanine), files, file), read)

    async def render(self, path: Path, job: RenderJob, spool: Path) -> bytes | Path | None:
        """Render a variant of the file at `path`. None means that the file's own bytes are the variant.

        A variant of over 4 MiB is returned as a file in the folder `spool`; the caller then owns the file. Raises
        `PictureError`, `UnsupportedFormat`, `NotFound` if the file is gone, `WatermarkChanged` if that of the overlay
        is, `NoSpace`, `Unavailable` and `Overloaded`; also `MezzanineDamaged`, if `path` is a mezzanine
        (`RenderJob.upright`).
        """
        file = f"{spool}/{secrets.token_hex(8)}"  # a `Path` would take longer, and few variants need it

        def read(status: Status, payload: bytes) -> bytes | Path | None:
            match status:
                case Status.BODY if payload:
                    return payload
                case Status.FILE if (path := Path(file)).is_file() and not path.is_symlink():
                    return path
                case Status.ORIGINAL:
                    return None
            raise ProtocolError(f"a render was answered with {status.name} of {len(payload)} bytes")

        with self._pool._metrics.running(self._kind), _removing_on_failure(file):
            overlay = None if job.overlay is None else str(job.overlay.file)
            async with self._pool._sources.opened(path, overlay) as files:
                return await self._pool._run(self._slot, Job(protocol.render_request(job), files, file), read)


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
        self._limits = limits
        self._metrics = JobMetrics(observer)
        self._queue: FairQueue[Slot] = FairQueue(count, queue)
        self._sources = Sources(limits.wall_seconds)
        start = protocol.start_request(limits.memory, limits.cpu_seconds, picture_limits, confinement)
        self._background = background
        self._max_frames = picture_limits.frames
        self._closed = False
        self._template = Template(program, picture_limits.decoders)
        self._slots = [
            Slot(self._template, start, limits.max_jobs, self._on_ready_changed, self._metrics.replaced)
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
        )

    async def inspect(self, path: Path, mezzanine: Mezzanine | None = None, spool: Path | None = None) -> Inspection:
        """Decode the whole file at `path`, and say what it is. Canceled if the client leaves before a worker has it.

        A `mezzanine` is made too, if one pays, as a file in the folder `spool`; the caller then owns the file.

        Raises `PictureError`, `NotFound` if the file is gone, `Unavailable` and `Overloaded`.
        """

        with cancelable():
            slot = await self._taken(JobKind.INSPECTION)
        try:
            return await Worker(self, slot).inspect(path, mezzanine, spool)
        finally:
            self._give_back(slot)

    @asynccontextmanager
    async def reserve(self, kind: JobKind = JobKind.RENDER, weight: int = 1) -> AsyncIterator[Worker]:
        """Wait for a free worker and reserve it, for one job after the other. Raises `Overloaded`.

        `weight` is how many usual renders the job costs.
        """
        slot = await self._taken(kind, weight)
        try:
            yield Worker(self, slot, kind)
        finally:
            self._give_back(slot)

    async def _taken(self, kind: JobKind, weight: int = 1) -> Slot:
        """Wait for a slot. Raises `Overloaded`."""
        if self._closed:
            raise Overloaded(STOPPING)
        if self._is_broken():
            raise Overloaded(_BROKEN, retry_after=_BROKEN_RETRY_AFTER_SECONDS)
        with self._metrics.waiting(kind):
            return await self._queue.take(kind, _client_group(), weight)

    def _give_back(self, slot: Slot) -> None:
        self._queue.give_back(slot, usable=slot.ready)

    async def _run(self, slot: Slot, job: Job, read: Callable[[Status, bytes], T]) -> T:
        """Run a job. Canceling it kills its process.

        It runs again if its process was killed from outside, lacked a module, or lacked memory that it kept from other
        jobs.
        """

        def outcome(status: Status, payload: bytes) -> T | Failure | _ModuleNeeded:
            if status is Status.NEEDS_MODULES:
                return _ModuleNeeded(payload.decode(errors="replace"))
            return protocol.read_failure(payload) if status is Status.FAILED else read(status, payload)

        seconds = self._limits.wall_seconds
        try:
            try:
                result = await slot.run(job, seconds, outcome)
            except WorkerExited as end:
                if end.code not in EXTERNAL_EXIT_CODES:
                    raise
                result = await slot.run(job, seconds, outcome)
            for _ in range(_MAX_OLDER_WORKERS):
                if isinstance(result, _ModuleNeeded):
                    await self._load_modules(slot)
                    result = await slot.run(job, seconds, outcome)
            if isinstance(result, Failure) and result.out_of_memory:
                slot.discard("memory")
                result = await slot.run(job, seconds, outcome)
        except TimeoutError:
            raise Undecodable(f"the picture took longer than {seconds:g} seconds to decode") from None
        except WorkerExited as end:
            raise Undecodable(self._exit_message(end)) from None
        except ProtocolError as error:
            log.error("malformed answer from a worker process", error=str(error))
            raise Undecodable("the picture made its decoder send a malformed answer") from None
        if isinstance(result, _ModuleNeeded):
            log.error("worker process lacks a module that cannot be loaded", module=repr(result.name))
            raise Undecodable("the picture needs a module that its decoder does not have; the server's log has details")
        if not isinstance(result, Failure):
            return result
        if result.traceback:
            log.warning("unexpected exception in a decoder", trace=result.traceback)
        raise result.error

    async def _load_modules(self, slot: Slot) -> None:
        """Replace the slot's process by one with all modules. Raises `Undecodable` if they leave no memory."""
        try:
            has_room = await self._template.load_all(self._limits.memory - protocol.LEAST_MEMORY_BYTES)
        except (WorkerStartFailed, OSError) as error:
            log.error("modules were not loaded", error=str(error))
            raise Overloaded(_BROKEN, retry_after=_BROKEN_RETRY_AFTER_SECONDS) from None
        slot.discard("modules")
        if not has_room:
            raise Undecodable(protocol.OUT_OF_MEMORY_MESSAGE.format(self._limits.memory >> 20))

    def _on_ready_changed(self, slot: Slot) -> None:
        if slot.ready:
            self._queue.put(slot)
        else:
            self._queue.withdraw(slot)
        if self._is_broken():
            self._queue.refuse_all(_BROKEN, _BROKEN_RETRY_AFTER_SECONDS)

    def _is_broken(self) -> bool:
        return all(slot.broken for slot in self._slots)

    async def _close(self) -> None:
        self._closed = True
        self._queue.refuse_all(STOPPING, 1)
        await asyncio.gather(*(slot.close() for slot in self._slots))
        await self._template.close()

    def _exit_message(self, end: WorkerExited) -> str:
        if end.code in EXTERNAL_EXIT_CODES:
            return "the picture's decoder was killed twice from outside; it probably needs too much memory"
        if end.code == -signal.SIGXCPU:
            return f"the picture took more than {self._limits.cpu_seconds} seconds of processor time to decode"
        if end.code < 0:
            return f"the picture crashed its decoder ({signal.strsignal(-end.code)})"
        return f"the picture ended its decoder (exit code {end.code})"


def _client_group() -> str:
    """The client group that a job is queued for; work outside of requests has one of its own."""
    context = CURRENT.get()
    return "" if context is None else client_group(context.client)
