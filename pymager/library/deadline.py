"""A time limit that does not blame others for this process's own delay."""

import asyncio
from types import TracebackType
from typing import Self


class Deadline:
    """`async with Deadline(seconds)` raises `TimeoutError` when the seconds are over, unless the wait has just ended.

    If the loop was busy for longer than the limit, the answer may have arrived meanwhile, so that it and the timer are
    handled in the same turn. `asyncio.timeout` then cancels a task whose answer is there, and blames a fast server.
    Here, the cancellation waits for the next turn, in which the task goes on first.
    """

    __slots__ = ("_is_over", "_limit", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        await self._limit.__aenter__()
        self._timer = loop.call_later(self._seconds, self._expire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _expire(self) -> None:
        if not self._is_over:
            self._limit.reschedule(self._loop.time())  # which calls `call_soon`
