"""Runs database calls in threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from pymager.errors import Unavailable
from pymager_sql.deadlines import Call, current

T = TypeVar("T")


class Threads:
    """A pool of up to `size` threads. A call ends within `timeout_seconds`, including its time in the queue.

    `grace_seconds` is how much longer the caller waits for work that cannot be interrupted; None means without limit.
    """

    def __init__(self, name: str, size: int, timeout_seconds: float, grace_seconds: float | None) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._timeout_seconds = timeout_seconds
        self._grace_seconds = grace_seconds

    async def run(self, work: Callable[[], T], timeout_seconds: float | None = None) -> T:
        """Return what `work` returns. Once started, it runs to its end even if the caller is canceled.

        Raises `Unavailable` if it could not start in time. At the deadline the socket that it waits on is shut down,
        and `work` then raises an error that states the outcome.
        """
        loop = asyncio.get_running_loop()
        timeout_seconds = timeout_seconds or self._timeout_seconds
        call = Call(monotonic() + timeout_seconds)
        future = loop.run_in_executor(self._pool, _run_call, call, work)
        timer = loop.call_later(timeout_seconds, call.cancel)
        future.add_done_callback(lambda done: _finished(done, timer))
        done, _ = await asyncio.wait(
            [future], timeout=None if self._grace_seconds is None else timeout_seconds + self._grace_seconds
        )
        if done:
            return future.result()
        # If it has not started, it hangs in name resolution and will send nothing afterwards.
        raise Unavailable(
            f"the database did not respond within {timeout_seconds:g} seconds", outcome_known=not call.has_started
        )

    def close(self) -> None:
        """Wait for running and queued calls. Blocks."""
        self._pool.shutdown()


def _run_call(call: Call, work: Callable[[], T]) -> T:
    token = current.set(call)
    try:
        call.check()
        return work()
    finally:
        current.reset(token)
        call.forget_socket()


def _finished(future: asyncio.Future[T], timer: asyncio.TimerHandle) -> None:
    timer.cancel()
    if not future.cancelled():
        future.exception()  # mark as retrieved: the caller can be gone
