"""Sends purges to one purger: in batches, one call at a time, and none while its circuit is open."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from pymager.errors import PurgeFailed
from pymager.ports import Purger, PurgeTarget
from pymager.purging.circuit import Circuit
from pymager.telemetry.families import PURGES
from pymager.telemetry.observer import Observer

log = structlog.get_logger("pymager.purging")

_Waiting = tuple[PurgeTarget, "asyncio.Future[PurgeFailed | None]"]


class PurgerQueue:
    """The purges that wait for one purger. Works while it is entered."""

    def __init__(self, purger: Purger, observer: Observer) -> None:
        self.name = purger.name
        self._purger = purger
        self._observer = observer
        self._circuit = Circuit()
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        for outcome in ("delivered", "failed"):
            observer.count(PURGES, self.name, outcome, by=0)

    @property
    def is_ready(self) -> bool:
        """Whether the purger can be called now."""
        return not self._circuit.seconds_left

    def submit(self, target: PurgeTarget) -> "asyncio.Future[PurgeFailed | None]":
        """Queue a purge. The result is None once it is confirmed, and otherwise the reason why it is not."""
        future: asyncio.Future[PurgeFailed | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((target, future))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Send what is queued, until canceled."""
        while True:
            await self._wake.wait()
            while self._waiting:
                size = min(self._purger.max_batch, len(self._waiting))
                await self._send([self._waiting.popleft() for _ in range(size)])
            self._wake.clear()

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        if seconds := self._circuit.seconds_left:
            return self._resolve(batch, PurgeFailed("left alone after failures", retry_after=seconds))
        failure = await self._failure([target for target, _ in batch])
        if failure is not None and failure.is_refused and len(batch) > 1:
            for each in batch:  # one of them can be what is refused
                await self._send([each])
            return None
        if failure is None:
            self._circuit.succeeded()
        elif not failure.is_refused:
            self._circuit.failed(failure.retry_after)
        if failure is not None:
            log.warning("purge failed; will retry", purger=self.name, purges=len(batch), error=str(failure))
        return self._resolve(batch, failure)

    async def _failure(self, targets: Sequence[PurgeTarget]) -> PurgeFailed | None:
        try:
            await self._purger.purge(targets)
        except PurgeFailed as failure:
            return failure
        except Exception as error:  # third-party code: whatever it raises, other purgers go on
            log.error("purger raised an unexpected error", purger=self.name, exc_info=error)
            return PurgeFailed(f"unexpected {type(error).__name__}")
        return None

    def _resolve(self, batch: Sequence[_Waiting], failure: PurgeFailed | None) -> None:
        self._observer.count(PURGES, self.name, "delivered" if failure is None else "failed", by=len(batch))
        for _, future in batch:
            if not future.done():
                future.set_result(failure)
