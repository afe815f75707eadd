"""The threads that database work is handed to."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from pymager.errors import Unavailable

T = TypeVar("T")


class Threads:
    """A few threads. Work that waited for one longer than `patience` seconds is refused and not begun."""

    def __init__(self, name: str, size: int, patience: float) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._patience = patience

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Once begun it runs to its end, also where the caller is cancelled.

        Raises `Unavailable` where it was not begun in time.
        """
        latest = monotonic() + self._patience

        def in_time() -> T:
            if monotonic() > latest:
                raise Unavailable("the database is busy: this waited too long for its turn", outcome_known=True)
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._pool, in_time)

    def close(self) -> None:
        """Wait for what was begun or waits; blocks."""
        self._pool.shutdown()
