"""Watches how much CPU time a worker process takes for a job, and ends the process at a limit.

Wall time says nothing on a busy machine. The server looks at the process's clock, which the process cannot change. The
limit that the worker puts on itself (`pymager.process_limits`) counts whole seconds, and is the last resort.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

_CLOCK_BITS = 2  # clock_getcpuclockid(3): CPUCLOCK_SCHED, in the lowest three bits
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.05, 1.0


class CpuLimitExceeded(Exception):
    """The job took more CPU time than it may."""


class Evicted(Exception):
    """A job that was expected to be cheap is not, and has to wait as an expensive one. It has not failed."""


class Overrun(Enum):
    """What becomes of a job that has taken more than it was expected to."""

    GO_ON = "go on"
    ASK_AGAIN = "ask again"
    """It goes on for now."""
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Budget:
    """How many seconds of CPU time and of wall time a job may take.

    After `cheap_seconds` of CPU time, `on_overrun` says whether the job may go on.
    """

    cpu_seconds: float
    wall_seconds: float
    cheap_seconds: float = float("inf")
    on_overrun: Callable[[], Overrun] = lambda: Overrun.GO_ON


def cpu_seconds(pid: int) -> float:
    """The CPU time of all threads of a process; 0 if it is not known."""
    with suppress(OSError):
        return time.clock_gettime(~pid << 3 | _CLOCK_BITS)
    return 0.0


class CpuWatch:
    """Watches a process while inside `with`, and calls `kill` when the budget is used up: `error` then says why."""

    def __init__(self, pid: int, budget: Budget, kill: Callable[[], None]) -> None:
        self.error: CpuLimitExceeded | Evicted | None = None
        self._pid = pid
        self._budget = budget
        self._kill = kill
        self._start = cpu_seconds(pid)
        self._seen = 0.0
        self._may_go_on = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def taken(self) -> float:
        """The CPU time that the process has taken since the start of the watch, in seconds.

        Of a process that has ended, it is what was seen last.
        """
        self._seen = max(self._seen, cpu_seconds(self._pid) - self._start)
        return self._seen

    def __enter__(self) -> Self:
        self._look_later(0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self, taken: float) -> None:
        limit = self._budget.cpu_seconds if self._may_go_on else self._budget.cheap_seconds
        left = min(limit, self._budget.cpu_seconds) - taken  # negative while `on_overrun` answers ASK_AGAIN
        pause = min(_MAX_PAUSE_SECONDS, max(_MIN_PAUSE_SECONDS, left))
        self._timer = asyncio.get_running_loop().call_later(pause, self._look)

    def _look(self) -> None:
        taken = self.taken
        if taken >= self._budget.cpu_seconds:
            self._end(CpuLimitExceeded())
        elif self._must_leave(taken):
            self._end(Evicted())
        else:
            self._look_later(taken)

    def _must_leave(self, taken: float) -> bool:
        if self._may_go_on or taken < self._budget.cheap_seconds:
            return False
        overrun = self._budget.on_overrun()
        self._may_go_on = overrun is Overrun.GO_ON
        return overrun is Overrun.LEAVE

    def _end(self, error: CpuLimitExceeded | Evicted) -> None:
        self.error, self._timer = error, None
        self._kill()
