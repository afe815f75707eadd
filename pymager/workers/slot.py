"""A worker's seat: there is always a process in it, or one on its way."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from time import monotonic
from typing import TypeVar

import structlog

from pymager.engine.wire import ProtocolError, Status
from pymager.errors import Overloaded
from pymager.workers.metrics import ending
from pymager.workers.process import WorkerExited, WorkerProcess, WorkerStartFailed

_SHORT_LIFE = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_HOPELESS = 3  # starts that failed in a row
_GRACE = 1.0
_PATIENCE = 30.0
STOPPING = "the service is being stopped"

log = structlog.get_logger("pymager.workers")

T = TypeVar("T")


class Slot:
    """Keeps a worker process running, and runs jobs on it one at a time.

    A process that ends is replaced at once, after failures with a growing pause; one that has done its `jobs` when
    its successor is ready. `changed` is called when the seat became ready, or stopped being so; `ended` with the
    reason when a process is to be replaced.
    """

    def __init__(
        self,
        program: Sequence[str],
        start: bytes,
        jobs: int,
        changed: Callable[["Slot"], None],
        ended: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.starts = 0
        self.deaths = 0  # processes that ended without being told to
        self._program = program
        self._start = start
        self._jobs = jobs
        self._changed = changed
        self._ended = ended
        self._user = Context()  # of the request whose job is under way, or was the last
        self._process: WorkerProcess | None = None
        self._successor: WorkerProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._all: set[WorkerProcess] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._readied = asyncio.Event()
        self._failures = 0
        self._in_use = False
        self._closing = False

    @property
    def ready(self) -> bool:
        """Whether a job would start at once."""
        return self._process is not None

    @property
    def hopeless(self) -> bool:
        """Whether no process is there, and several starts in a row have failed."""
        return not self.ready and self._failures >= _HOPELESS

    @property
    def pids(self) -> list[int]:
        """The ids of its processes: mostly one, two while one replaces the other."""
        return [process.pid for process in self._all]

    async def open(self) -> None:
        """Start the first process and wait until it is ready. Raises `WorkerStartFailed`."""
        self._process = await self._started()

    async def close(self) -> None:
        """End its processes; none is left."""
        self._closing = True
        self._readied.set()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._in_use and self._process is not None:
            self._process.kill()
        for process in list(self._all):
            self._retire(process)
        if self._retiring:
            await asyncio.wait(list(self._retiring))

    async def run(self, message: bytes, seconds: float, read: Callable[[Status, bytes], T]) -> T:
        """Have a job done and its answer read; a process whose answer can't be is killed.

        Raises what `WorkerProcess.ask` raises, and `Overloaded` where no process comes up.
        """
        if self._in_use:
            raise RuntimeError("a worker does one job at a time")
        self._in_use, self._user = True, copy_context()
        try:
            process = await self._present()
            try:
                result = read(*await process.ask(message, seconds))
            except BaseException:
                process.kill()
                self._lose(process)
                raise
            if process.jobs >= self._jobs and self._is_alone():
                self._ended("worn_out")
                self._replace()
            return result
        except (WorkerExited, ProtocolError):
            if self._closing:
                raise Overloaded(STOPPING) from None
            raise
        finally:
            self._in_use = False
            self._settle()

    async def _present(self) -> WorkerProcess:
        try:
            async with asyncio.timeout(_PATIENCE):
                while self._process is None:
                    if self._closing:
                        raise Overloaded(STOPPING)
                    if self.hopeless:
                        break
                    self._readied.clear()
                    await self._readied.wait()
        except TimeoutError:
            pass
        if self._process is None:
            raise Overloaded("no worker process comes up at present", retry_after=5)
        return self._process

    def _replace(self) -> None:
        """Start another process, unless one is on its way."""
        if self._is_alone():
            # On nobody's behalf: the new process outlives the request that it comes up in.
            self._starting = asyncio.create_task(self._restart(), context=Context())

    def _is_alone(self) -> bool:
        """Whether no other process is on its way, and one may be."""
        return self._starting is None and self._successor is None and not self._closing

    async def _restart(self) -> None:
        """Start a process, again and again until it works."""
        while self._successor is None:
            if self._failures:
                await asyncio.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self._failures - 1)))
            try:
                self._successor = await self._started()
            except (WorkerStartFailed, OSError) as error:
                self._failures += 1
                log.error("a worker process did not start", failures=self._failures, error=str(error))
                self._readied.set()
                self._changed(self)
        self._starting = None
        self._settle()

    async def _started(self) -> WorkerProcess:
        process = WorkerProcess(self._program, self._left)
        self._all.add(process)
        self.starts += 1
        try:
            await process.prepare(self._start)
        except BaseException:
            self._retire(process)
            raise
        return process

    def _settle(self) -> None:
        """Let the successor take over, if there is one and no job is under way."""
        if self._successor is not None and (self._process is None or not self._in_use):
            if self._process is not None:
                self._retire(self._process)
            self._process, self._successor = self._successor, None
            self._readied.set()
            self._changed(self)

    def _retire(self, process: WorkerProcess) -> None:
        process.told = True
        task = asyncio.create_task(process.retire(_GRACE))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _left(self, process: WorkerProcess) -> None:
        """A process has ended, told to or not."""
        self._all.discard(process)
        if process.told or self._closing:
            return
        self.deaths += 1
        self._ended(ending(process.exit.result(), killed=process.killed))
        is_its_fault = self._in_use or process.killed
        (self._user if is_its_fault else Context()).run(
            log.warning,
            "a worker process ended",
            pid=process.pid,
            code=process.exit.result(),
            killed=process.killed,
            jobs=process.jobs,
            said=process.last_words[-2_000:],
        )
        self._lose(process)

    def _lose(self, process: WorkerProcess) -> None:
        """A process is no good any more: it has ended, or will at once."""
        if process is self._successor:
            self._successor = None
        elif process is self._process:
            self._process = None
            self._changed(self)
            self._settle()
        else:
            return
        was_useless = not process.jobs and monotonic() - process.born < _SHORT_LIFE
        self._failures = self._failures + 1 if was_useless else 0
        if self._process is None:
            self._replace()
