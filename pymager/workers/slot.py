"""A slot of the worker pool: it always has a worker process, or one that is starting."""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from time import monotonic
from typing import TypeVar

import structlog

from pymager.engine.protocol import ProtocolError, Status
from pymager.errors import Overloaded
from pymager.workers.child import WorkerStartFailed
from pymager.workers.cpu_watch import Budget, CpuLimitExceeded, CpuWatch, Evicted
from pymager.workers.metrics import exit_reason
from pymager.workers.process import JobRequest, WorkerExited, WorkerProcess
from pymager.workers.template import Template

_SHORT_LIFE_SECONDS = 1.0
_FIRST_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.1, 5.0
_BROKEN_AFTER_FAILURES = 3  # failed starts in a row
_RETIRE_GRACE_SECONDS = 1.0
_START_WAIT_SECONDS = 30.0
_MAX_LOGGED_STDERR = 2_000
_MAX_KEPT_BYTES = 192 << 20  # address space that a process may keep after a job
_WATCH_REASONS: dict[type[Exception], str] = {CpuLimitExceeded: "cpu_limit", Evicted: "evicted"}
STOPPING = "the service is stopping"
BROKEN = "no worker process can be started"
BROKEN_RETRY_AFTER_SECONDS = 5

log = structlog.get_logger("pymager.workers")

T = TypeVar("T")


class Slot:
    """Keeps a worker process running, and runs jobs on it one at a time.

    A process that ends is replaced: immediately, or with exponential backoff after failed starts. A process that has
    done `max_jobs` jobs, or keeps much memory, is replaced when its successor is ready. `on_ready_changed` is called
    when `ready` changes, and `on_replace` with the reason when a process has to be replaced.
    """

    def __init__(
        self,
        template: Template,
        start: bytes,
        max_jobs: int,
        on_ready_changed: Callable[["Slot"], None],
        on_replace: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.starts = 0
        self.unexpected_exits = 0
        self.taken_seconds = 0.0
        """The CPU time that its jobs have taken."""
        self._template = template
        self._start = start
        self._max_jobs = max_jobs
        self._on_ready_changed = on_ready_changed
        self._on_replace = on_replace
        self._job_context = Context()  # of the request whose job runs, or ran last
        self._watch: CpuWatch | None = None  # of the job that runs, or ran last
        self._process: WorkerProcess | None = None
        self._successor: WorkerProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._processes: set[WorkerProcess] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._became_ready = asyncio.Event()
        self._failures = 0
        self._is_busy = False
        self._closing = False

    @property
    def ready(self) -> bool:
        """Whether a job can start at once."""
        return self._process is not None

    @property
    def broken(self) -> bool:
        """Whether it has no process, and several starts in a row have failed."""
        return not self.ready and self._failures >= _BROKEN_AFTER_FAILURES

    @property
    def pids(self) -> list[int]:
        """The ids of its processes: usually one, two while one replaces the other."""
        return [process.pid for process in self._processes]

    async def open(self) -> None:
        """Start the first process and wait until it is ready. Raises `WorkerStartFailed`."""
        self._process = await self._started()

    async def close(self) -> None:
        """End all its processes."""
        self._closing = True
        self._became_ready.set()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._is_busy and self._process is not None:
            self._process.kill()
        for process in list(self._processes):
            self._retire(process)
        if self._retiring:
            await asyncio.wait(list(self._retiring))

    async def run(self, job: JobRequest, budget: Budget, read: Callable[[Status, bytes], T]) -> T:
        """Run a job and read its answer. A process whose answer cannot be read is killed.

        Raises what `WorkerProcess.request` and `read` raise, `CpuLimitExceeded`, `Evicted`, and `Overloaded` if no
        process starts.
        """
        if self._is_busy:
            raise RuntimeError("a worker process runs one job at a time")
        self._is_busy, self._job_context = True, copy_context()
        try:
            process = await self._ready_process()
            watch = self._watch = CpuWatch(process.pid, budget, process.kill)
            try:
                with watch:
                    result = read(*await process.request(job, budget.wall_seconds))
            except BaseException as error:
                self.taken_seconds += watch.taken
                process.kill()
                self._lose(process)
                if watch.error is not None and isinstance(error, (WorkerExited, ProtocolError)):
                    raise watch.error from None
                raise
            self.taken_seconds += watch.taken
            reason = "max_jobs" if process.jobs >= self._max_jobs else "memory"
            if (reason == "max_jobs" or process.kept_bytes() > _MAX_KEPT_BYTES) and self._may_start():
                self._on_replace(reason)
                self._replace()
            return result
        except (WorkerExited, ProtocolError):
            if self._closing:
                raise Overloaded(STOPPING) from None
            raise
        finally:
            self._is_busy = False
            self._promote_successor()

    def discard(self, reason: str) -> None:
        """Replace the process now, and not when its successor is ready: it lacks memory or modules."""
        if (process := self._process) is not None:
            self._on_replace(reason)
            self._retire(process)
            self._lose(process)

    async def _ready_process(self) -> WorkerProcess:
        try:
            async with asyncio.timeout(_START_WAIT_SECONDS):
                while self._process is None:
                    if self._closing:
                        raise Overloaded(STOPPING)
                    if self.broken:
                        break
                    self._became_ready.clear()
                    await self._became_ready.wait()
        except TimeoutError:
            pass
        if self._process is None:
            raise Overloaded(BROKEN, retry_after=BROKEN_RETRY_AFTER_SECONDS)
        return self._process

    def _replace(self) -> None:
        """Start another process, unless one is already starting."""
        if self._may_start():
            # In an empty context: the new process outlives the request that happens to start it.
            self._starting = asyncio.create_task(self._restart(), context=Context())

    def _may_start(self) -> bool:
        """Whether no other process is starting or ready to take over, and the slot stays open."""
        return self._starting is None and self._successor is None and not self._closing

    async def _restart(self) -> None:
        """Start a process; retry until it works."""
        while self._successor is None:
            if self._failures:
                await asyncio.sleep(min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** (self._failures - 1)))
            try:
                self._successor = await self._started()
            except (WorkerStartFailed, OSError) as error:
                self._failures += 1
                log.error("worker process did not start", failures=self._failures, error=str(error))
                self._became_ready.set()
                self._on_ready_changed(self)
        self._starting = None
        self._promote_successor()

    async def _started(self) -> WorkerProcess:
        process = await WorkerProcess.forked(self._template, self._on_exit)
        self._processes.add(process)
        self.starts += 1
        try:
            await process.prepare(self._start)
        except BaseException:
            self._retire(process)
            raise
        return process

    def _promote_successor(self) -> None:
        """Let the successor take over, if there is one and no job runs."""
        if self._successor is not None and (self._process is None or not self._is_busy):
            if self._process is not None:
                self._retire(self._process)
            self._process, self._successor = self._successor, None
            self._became_ready.set()
            self._on_ready_changed(self)

    def _retire(self, process: WorkerProcess) -> None:
        process.is_retired = True
        task = asyncio.create_task(process.retire(_RETIRE_GRACE_SECONDS))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _on_exit(self, process: WorkerProcess) -> None:
        self._processes.discard(process)
        if process.is_retired or self._closing:
            return
        self.unexpected_exits += 1
        self._on_replace(self._exit_reason(process))
        is_its_fault = self._is_busy or process.killed
        (self._job_context if is_its_fault else Context()).run(
            log.warning,
            "worker process ended",
            pid=process.pid,
            code=process.exit.result(),
            killed=process.killed,
            jobs=process.jobs,
            stderr=process.stderr[-_MAX_LOGGED_STDERR:],
        )
        self._lose(process)

    def _exit_reason(self, process: WorkerProcess) -> str:
        """Why a process ended, for the metrics."""
        if process.killed and self._watch is not None and self._watch.error is not None:
            return _WATCH_REASONS[type(self._watch.error)]
        return exit_reason(process.exit.result(), killed=process.killed)

    def _lose(self, process: WorkerProcess) -> None:
        """Stop using a process: it has ended, or is about to end."""
        if process is self._successor:
            self._successor = None
        elif process is self._process:
            self._process = None
            self._on_ready_changed(self)
            self._promote_successor()
        else:
            return
        failed_at_start = not process.jobs and monotonic() - process.started < _SHORT_LIFE_SECONDS
        self._failures = self._failures + 1 if failed_at_start else 0
        if self._process is None:
            self._replace()
