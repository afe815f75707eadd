"""Goes through what a store lists, several things at a time, in flat memory, patiently, until it is told to stop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

from pymager.errors import NoSpace, Unavailable
from pymager.operations.progress import Progress
from pymager.operations.report import Outcome, Refused, Report, Surplus

_PAUSES = (0.2, 0.8, 3.2)
_ENOUGH = 20

T = TypeVar("T")


class Copying:
    """A copy that runs, `jobs` things at a time; `pauses` in seconds are made before each further try."""

    def __init__(
        self, jobs: int, progress: Progress, pauses: tuple[float, ...] = _PAUSES, report: Report | None = None
    ) -> None:
        self.report = report or Report()
        self._jobs = jobs
        self._progress = progress
        self._pauses = pauses
        self._stopped = asyncio.Event()
        self._away = 0

    def stop(self, reason: str) -> None:
        """Begin nothing more; what is being copied is finished, without further tries."""
        if self.report.stopped is None:
            self.report.stopped = reason
        self._stopped.set()

    def say(self, line: str) -> None:
        """A line that stays, beside the progress."""
        self._progress.say(line)

    async def run(
        self, items: AsyncGenerator[T, None], name: Callable[[T], str], copy: Callable[[T], Awaitable[Outcome | None]]
    ) -> None:
        """Copy all items. One that can't be had is refused; a full store or many refusals in a row stop it all."""
        turn = asyncio.Lock()

        async def work() -> None:
            while (item := await self._next(items, turn)) is not None:
                if (outcome := await self._outcome(copy(item))) is not None:
                    self._count(name(item), outcome)

        async with aclosing(items), asyncio.TaskGroup() as group:
            for _ in range(self._jobs):
                group.create_task(work())

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """The work's result; tried again after a pause where a backend is away. Only for what may be done twice."""
        for pause in self._pauses:
            try:
                return await work()
            except Unavailable:
                if self._stopped.is_set():
                    raise
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), pause)
        return await work()

    async def _next(self, items: AsyncGenerator[T, None], turn: asyncio.Lock) -> T | None:
        async with turn:
            if self._stopped.is_set():
                return None
            try:
                return await anext(items, None)
            except Unavailable as error:
                self.stop(f"the listing broke off: {error}")
                return None

    async def _outcome(self, copying: Awaitable[Outcome | None]) -> Outcome | None:
        try:
            outcome = await copying
        except NoSpace as error:
            self.stop(f"no space is left: {error}")
            return Refused(f"no space is left: {error}")
        except Unavailable as error:
            self._away += 1
            if self._away >= _ENOUGH:
                self.stop(f"{self._away} in a row could not be copied: {error}")
            return Refused(str(error) or "a store did not answer")
        self._away = 0
        return outcome

    def _count(self, name: str, outcome: Outcome) -> None:
        self.report.count(outcome)
        match outcome:
            case Refused(reason):
                self._progress.say(f"{name}: {reason}")
            case Surplus():
                self._progress.say(f"{name}: is only in TO")
        self._progress.show(self.report)
