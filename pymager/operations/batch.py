"""Bulk runs: process a listing with several jobs, in constant memory, with retries, until a signal stops them."""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TypeVar

from pymager.errors import NoSpace, Overloaded, Unavailable
from pymager.operations.progress import Progress
from pymager.operations.report import Extra, Failed, Outcome, Report
from pymager.settings.model import Settings

_RETRY_PAUSES_SECONDS = (0.2, 0.8, 3.2)
_MAX_CONSECUTIVE_FAILURES = 20
_MIN_OVERLOADED_PAUSE_SECONDS = 0.1
_MAX_OVERLOADED_SECONDS = 600.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


class Batch:
    """A bulk run that processes `jobs` items at a time and counts their outcomes in `report`.

    `retry_pauses` are the seconds to wait before each retry; `total` is the number of items, if it is known.
    """

    def __init__(
        self,
        jobs: int,
        progress: Progress,
        report: Report | None = None,
        *,
        total: int | None = None,
        retry_pauses: tuple[float, ...] = _RETRY_PAUSES_SECONDS,
    ) -> None:
        self.report = report or Report()
        self._jobs = jobs
        self._progress = progress
        self._total = total
        self._retry_pauses = retry_pauses
        self._stopped = asyncio.Event()
        self._consecutive_failures = 0

    def stop(self, reason: str) -> None:
        """Start no further item. Items in progress are finished, without further retries."""
        if self.report.stopped is None:
            self.report.stopped = reason
        self._stopped.set()

    def print_line(self, line: str) -> None:
        """Print a line above the progress."""
        self._progress.print_line(line)

    async def run(
        self,
        items: AsyncGenerator[T, None],
        label: Callable[[T], str],
        process: Callable[[T], Awaitable[Outcome | None]],
        record: Callable[[T, Outcome], None] | None = None,
    ) -> None:
        """Process all items; `label` names an item in messages, `record` gets each outcome.

        An item for which a store stays unavailable is counted as failed. A full store, or many failures in a row,
        stop the run.
        """
        listing = asyncio.Lock()

        async def work() -> None:
            while (item := await self._next(items, listing)) is not None:
                if (outcome := await self._outcome(process(item))) is not None:
                    self._count(label(item), outcome)
                    if record is not None:
                        record(item, outcome)

        async with aclosing(items), asyncio.TaskGroup() as group:
            for _ in range(self._jobs):
                group.create_task(work())

    async def retry(self, work: Callable[[], Awaitable[T]], *, is_idempotent: bool = True) -> T:
        """The result of `work`, which is repeated after a pause while a store is unavailable.

        Work that is not idempotent is repeated only if the store says that nothing has changed. Work that the run's
        other jobs leave no room for has not begun, and waits until there is room.
        """
        pauses, waited = iter(self._retry_pauses), 0.0
        while True:
            pause: float | None
            try:
                return await work()
            except Overloaded as error:
                pause = max(_MIN_OVERLOADED_PAUSE_SECONDS, error.retry_after)
                waited += pause
                if self._stopped.is_set() or waited > _MAX_OVERLOADED_SECONDS:
                    raise
            except Unavailable as error:
                pause = next(pauses, None)
                if pause is None or self._stopped.is_set() or not (is_idempotent or error.outcome_known):
                    raise
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), pause)

    async def _next(self, items: AsyncGenerator[T, None], listing: asyncio.Lock) -> T | None:
        async with listing:
            if self._stopped.is_set():
                return None
            try:
                return await anext(items, None)
            except Unavailable as error:
                self.stop(f"the listing failed: {error}")
                return None

    async def _outcome(self, processing: Awaitable[Outcome | None]) -> Outcome | None:
        try:
            outcome = await processing
        except NoSpace as error:
            self.stop(f"no space left: {error}")
            return Failed(f"no space left: {error}")
        except Overloaded as error:
            return Failed(str(error))
        except Unavailable as error:
            self._consecutive_failures += 1
            if self._consecutive_failures >= _MAX_CONSECUTIVE_FAILURES:
                self.stop(f"{self._consecutive_failures} items in a row failed: {error}")
            return Failed(str(error) or "a store did not answer")
        self._consecutive_failures = 0
        return outcome

    def _count(self, label: str, outcome: Outcome) -> None:
        self.report.count(outcome)
        match outcome:
            case Failed(reason):
                self._progress.print_line(f"{label}: {reason}")
            case Extra():
                self._progress.print_line(f"{label}: is only in TO")
        self._progress.update(self.report, self._total)


def batch_settings(settings: Settings, jobs: int) -> Settings:
    """The settings of a bulk run: it serves nothing, so it needs no cache, and its jobs must not be refused.

    In a shared cache, it would replace what the replicas use.
    """
    caches = {"memory_cache": 0, "shared_cache": ""}
    return settings.model_copy(update=caches | {"queue_size": max(settings.queue_size, jobs)})


@asynccontextmanager
async def stoppable_batch(
    jobs: int, progress: Progress, report: Report | None = None, *, total: int | None = None
) -> AsyncIterator[Batch]:
    """A batch that SIGINT or SIGTERM stops: after the items in progress, or at once on the second signal."""
    batch = Batch(jobs, progress, report, total=total)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop(number: signal.Signals) -> None:
        if batch.report.stopped is not None:
            task.cancel()
        batch.stop(f"stopped by {number.name}")

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield batch
    except asyncio.CancelledError:
        task.uncancel()
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
        progress.close()
