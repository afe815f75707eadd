"""A pool of threads for the blocking work of a backend.

Passing work to `concurrent.futures` and back costs more than most of the work that is passed to it here: it makes three
locks and two futures for each call, and every call wakes two threads if several are idle.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Job(Generic[T]):
    """Work for a thread. `end` is completed in the event loop when the work has ended, or has been dropped."""

    __slots__ = ("end", "error", "has_ended", "is_dropped", "is_started", "loop", "result", "work")

    result: T

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.end: asyncio.Future[None] = self.loop.create_future()
        self.error: BaseException | None = None
        self.is_started = self.is_dropped = self.has_ended = False

    def run(self) -> None:
        """Run the work. Called in a thread."""
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error

    def tell(self) -> None:
        """Complete `end`. Called in any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(self._complete)

    def outcome(self) -> T:
        """Return the result, or raise the error, once `end` is completed."""
        if self.is_dropped:
            raise asyncio.CancelledError
        error, self.error = self.error, None
        if error is None:
            return self.result
        try:
            raise error
        finally:
            del error  # its traceback has this frame, which would be a cycle

    async def wait_for_end(self) -> None:
        """Wait until the work has ended, although `end` was canceled, and even if the caller is canceled again."""
        while not self.has_ended:
            self.end = self.loop.create_future()
            with suppress(asyncio.CancelledError):
                await self.end

    def _complete(self) -> None:
        self.has_ended = True
        if not self.end.done():
            self.end.set_result(None)


class _Thread:
    """A thread that runs a job each time it is woken. It ends if it is woken without a job."""

    __slots__ = ("_wake", "job")

    def __init__(self, job: _Job[Any] | None) -> None:
        self.job = job
        self._wake = threading.Lock()
        self._wake.acquire()

    def wait(self) -> None:
        """Wait until it is woken."""
        self._wake.acquire()

    def wake(self, job: _Job[Any] | None) -> None:
        """Wake it."""
        self.job = job
        self._wake.release()


class Threads:
    """Up to `size` threads, whose names start with `name`. They do not keep the process from ending."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._count = 0
        self._idle: list[_Thread] = []  # the last one is used first: its memory is in the processor's caches
        self._queue: deque[_Job[Any]] = deque()
        self._is_closed = False

    async def run(self, work: Callable[[], T], stop: Callable[[], None] = lambda: None) -> T:
        """Run `work` and return its result.

        If the caller is canceled, call `stop` and wait until the work has ended, so that nothing happens after the
        cancellation.
        """
        job = _Job(work)
        self._submit(job)
        try:
            await job.end
        except asyncio.CancelledError:
            if not self._withdraw(job):
                stop()
                await job.wait_for_end()
            raise
        return job.outcome()

    async def run_with_timeout(self, seconds: float, work: Callable[[], object]) -> None:
        """Run `work`, and wait for it at most `seconds`. Raises `TimeoutError`; the work then continues."""
        job = _Job(work)
        self._submit(job)
        async with asyncio.timeout(seconds):
            await job.end
        job.outcome()

    def close(self) -> None:
        """Let the threads end, without waiting: one may hang in an unresponsive file system."""
        with self._lock:
            self._is_closed = True
            dropped, self._queue = self._queue, deque()
            idle, self._idle = self._idle, []
        for job in dropped:
            job.is_dropped = True
            job.tell()
        for thread in idle:
            thread.wake(None)

    def _submit(self, job: _Job[Any]) -> None:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the threads are closed")
            idle = self._idle.pop() if self._idle else None
            if idle is None:
                if self._count >= self._size:
                    self._queue.append(job)
                    return
                self._count += 1
            job.is_started = True
        if idle is not None:
            idle.wake(job)
            return
        try:
            name = f"{self._name}_{self._count - 1}"
            threading.Thread(target=self._serve, args=(_Thread(job),), name=name, daemon=True).start()
        except BaseException:
            with self._lock:
                self._count -= 1
            raise

    def _withdraw(self, job: _Job[Any]) -> bool:
        """Whether the job waits for a thread; it is then dropped."""
        with self._lock:
            if job.is_started or job.is_dropped:
                return job.is_dropped
            self._queue.remove(job)
            job.is_dropped = True
            return True

    def _serve(self, thread: _Thread) -> None:
        """Run jobs, in a thread of the pool."""
        while thread.job is not None:
            thread.job.run()
            self._end_job(thread)

    def _end_job(self, thread: _Thread) -> None:
        """Tell the caller, and give the thread its next job; wait for one."""
        done = thread.job
        assert done is not None
        with self._lock:
            thread.job = self._queue.popleft() if self._queue else None
            if thread.job is not None:
                thread.job.is_started = True
            is_idle = thread.job is None and not self._is_closed
            if is_idle:
                self._idle.append(thread)
        done.tell()
        del done  # an idle thread keeps no result
        if is_idle:
            thread.wait()
