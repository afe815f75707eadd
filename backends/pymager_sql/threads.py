"""The threads that database work is handed to."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from pymager.errors import Unavailable
from pymager_sql.deadlines import Call, current

T = TypeVar("T")


class Threads:
    """A few threads. What is handed to them ends within `patience` seconds, its turn included.

    `grace` is how many seconds more its caller waits for what can't be interrupted; None is as long as it takes.
    """

    def __init__(self, name: str, size: int, patience: float, grace: float | None) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._patience = patience
        self._grace = grace

    async def run(self, work: Callable[[], T], patience: float | None = None) -> T:
        """What `work` returns. Once begun it runs to its end, also where the caller is cancelled.

        Raises `Unavailable` where it was not begun in time. At the end of the time the socket that it waits on is
        shut, and then `work` tells the outcome.
        """
        loop = asyncio.get_running_loop()
        patience = patience or self._patience
        call = Call(monotonic() + patience)
        future = loop.run_in_executor(self._pool, _within, call, work)
        timer = loop.call_later(patience, call.cut)
        future.add_done_callback(lambda done: _finished(done, timer))
        done, _ = await asyncio.wait([future], timeout=None if self._grace is None else patience + self._grace)
        if done:
            return future.result()
        # Where nothing was sent, the resolver of names keeps it, and nothing will be sent afterwards.
        raise Unavailable("the database was not reached in time", outcome_known=not call.is_begun)

    def close(self) -> None:
        """Wait for what was begun or waits; blocks."""
        self._pool.shutdown()


def _within(call: Call, work: Callable[[], T]) -> T:
    token = current.set(call)
    try:
        call.check()
        return work()
    finally:
        current.reset(token)
        call.forget()


def _finished(future: asyncio.Future[T], timer: asyncio.TimerHandle) -> None:
    timer.cancel()
    if not future.cancelled():
        future.exception()  # somebody has looked: the caller may have left
