"""Delivers the purges of the outbox to all purgers, at least once each.

The process that recorded a purge delivers it at once. If it ends before, or a delivery fails, any process takes the
purge over when it is due: by one conditional update, so that usually one of them delivers it.

A purge alone does not close a race: a response that the origin sent before the mutation can reach a cache after the
purge. So each purger gets the purge a second time, `repeat_seconds` after the mutation, when a cache has given up
waiting for such a response. Only then does the purge leave the outbox.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import structlog

from pymager.errors import BackendError
from pymager.failpoints import reached
from pymager.ports import Original, Outbox, Purge, PurgeOrder, Purger, PurgeTarget
from pymager.purging.paths import paths_of
from pymager.purging.progress import Progress, missing
from pymager.purging.queue import PurgerQueue
from pymager.purging.tags import Tags
from pymager.telemetry.families import OLDEST_PURGE, PENDING_PURGES
from pymager.telemetry.observer import OFF, Observer

CLAIM_SECONDS = 20
"""How long other processes leave a purge to the one that recorded it or took it over."""
_POLL_SECONDS = 3.0
_MEASURE_SECONDS = 15.0
_MAX_IN_FLIGHT = 1_000
_PAGE_SIZE = 200
_FIRST_BACKOFF_SECONDS = 2.0
_MAX_BACKOFF_SECONDS = 300.0
_CLOSE_TIMEOUT_SECONDS = 5.0

log = structlog.get_logger("pymager.purging")


class Delivery:
    """Delivers purges while it is entered. With `run`, also those that other processes have left."""

    def __init__(
        self,
        outbox: Outbox,
        purgers: Sequence[Purger],
        tags: Tags,
        repeat_seconds: float,
        observer: Observer = OFF,
    ) -> None:
        self._outbox = outbox
        self._purgers = purgers
        self._tags = tags
        self._repeat = timedelta(seconds=repeat_seconds)
        self._observer = observer
        self._queues = {purger.name: PurgerQueue(purger, observer) for purger in purgers}
        self._in_flight: dict[str, asyncio.Task[bool]] = {}
        self._exit_stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the purgers. Raises `ConfigurationError`."""
        async with AsyncExitStack() as stack:
            for purger in self._purgers:
                await stack.enter_async_context(purger)
            for queue in self._queues.values():
                stack.push_async_callback(_canceled, asyncio.create_task(queue.run()))
            self._exit_stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait a few seconds for deliveries. Other processes take over what does not end."""
        if self._in_flight:
            await asyncio.wait(list(self._in_flight.values()), timeout=_CLOSE_TIMEOUT_SECONDS)
        for task in list(self._in_flight.values()):
            await _canceled(task)
        await self._exit_stack.aclose()

    def order(self) -> PurgeOrder:
        """What records a purge now, for this process to deliver."""
        now = _now()
        return PurgeOrder(now, now + timedelta(seconds=CLAIM_SECONDS))

    def committed(self, order: PurgeOrder, original: Original) -> None:
        """Deliver the purge that was recorded with the removal or replacement of a row. Returns at once.

        With too many purges under way it is left to the outbox.
        """
        if len(self._in_flight) < _MAX_IN_FLIGHT:
            self._start(order.of(original))

    async def run(self) -> None:
        """Take over purges that are due, until canceled, and measure the outbox."""
        loop = asyncio.get_running_loop()
        measure_at = loop.time()
        while True:
            taken = 0
            try:
                taken = await self._take_over()
                if loop.time() >= measure_at:
                    await self._measure()
                    measure_at = loop.time() + _MEASURE_SECONDS
            except BackendError as error:
                log.warning("cannot read pending purges; will retry", error=str(error) or type(error).__name__)
            pause = _POLL_SECONDS / 10 if taken == _PAGE_SIZE else _POLL_SECONDS
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311

    async def deliver(self, purge: Purge) -> bool | None:
        """Deliver a purge now, although it may not be due.

        Returns whether all purgers have confirmed it, and None if another process delivers or has delivered it.
        Raises `Unavailable`.
        """
        claimed = await self._claimed(purge)
        return None if claimed is None else await self._start(claimed)

    async def _take_over(self) -> int:
        """Deliver purges that are due. Returns how many were taken over."""
        room = min(_MAX_IN_FLIGHT - len(self._in_flight), _PAGE_SIZE)
        if room <= 0 or not any(queue.is_ready for queue in self._queues.values()):
            return 0
        due = await self._outbox.due_purges(_now(), room)
        random.shuffle(due)  # other processes find the same ones
        taken = 0
        for purge in due:
            if purge.revision not in self._in_flight and self._can_advance(purge):
                claimed = await self._claimed(purge)
                if claimed is not None:
                    self._start(claimed)
                    taken += 1
        return taken

    def _can_advance(self, purge: Purge) -> bool:
        left = missing(purge, self._queues)
        return not left or any(self._queues[name].is_ready for name in left)

    async def _claimed(self, purge: Purge) -> Purge | None:
        due = max(_now(), purge.due) + timedelta(seconds=CLAIM_SECONDS)
        claimed = replace(purge, due=due, attempts=purge.attempts + 1)
        return claimed if await self._outbox.update_purge(purge, claimed) else None

    def _start(self, purge: Purge) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._deliver(purge))
        self._in_flight[purge.revision] = task
        task.add_done_callback(lambda _: self._in_flight.pop(purge.revision, None))
        return task

    async def _deliver(self, purge: Purge) -> bool:
        """Send the purge to all purgers that need it, and record what came of it. Returns whether none failed."""
        is_final = _now() >= purge.recorded + self._repeat
        progress = Progress.parse(purge.state, self._queues)
        target = PurgeTarget(purge.id, purge.revision, self._tags.of(purge.id), paths_of(purge.id))
        queues = [queue for queue in self._queues.values() if not progress.has(queue.name, is_final=is_final)]
        reached("purge.delivering")
        failures = await asyncio.gather(*[queue.submit(target) for queue in queues])
        reached("purge.confirmed")
        outcomes = dict(zip((queue.name for queue in queues), failures, strict=True))
        confirmed = [name for name, failure in outcomes.items() if failure is None]
        progress = progress.confirmed(confirmed, is_final=is_final)
        waits = [failure.retry_after or 0.0 for failure in failures if failure is not None]
        try:
            if progress.final == self._queues.keys():
                await self._outbox.finish_purge(purge)
                reached("purge.finished")
            else:
                due = self._next_due(purge, progress, waits)
                await self._outbox.update_purge(purge, replace(purge, due=due, state=str(progress)))
        except BackendError as error:
            log.warning("cannot record the delivery of a purge; it will be sent again", id=purge.id, error=str(error))
        return not waits

    def _next_due(self, purge: Purge, progress: Progress, waits: Sequence[float]) -> datetime:
        """When to deliver next: after a back-off if a purger failed, but no later than the second delivery is due."""
        repeated = purge.recorded + self._repeat
        if not waits:
            return repeated
        longest = min(_FIRST_BACKOFF_SECONDS * 2 ** min(purge.attempts, 16), _MAX_BACKOFF_SECONDS)
        pause = max(longest * random.uniform(0.5, 1.0), min(max(waits), _MAX_BACKOFF_SECONDS))  # noqa: S311
        retried = _now() + timedelta(seconds=max(1, round(pause)))
        return min(retried, repeated) if progress.early and repeated > _now() else retried

    async def _measure(self) -> None:
        if self._observer.metrics is None:
            return
        backlog = await self._outbox.count_purges()
        age = 0.0 if backlog.oldest is None else max(0.0, (_now() - backlog.oldest).total_seconds())
        self._observer.metrics.value(PENDING_PURGES).set(backlog.pending)
        self._observer.metrics.value(OLDEST_PURGE).set(age)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def _canceled(task: "asyncio.Task[bool] | asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
