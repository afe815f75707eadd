"""Blocking work in a few threads of the store's own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Up to `size` threads."""

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], stop: Callable[[], None] = lambda: None) -> T:
        """What `work` returns. Cancelled, it calls `stop` and still waits until the work has ended.

        So nothing happens behind the back of a caller that was cancelled.
        """
        job = self._pool.submit(work)
        future = asyncio.wrap_future(job)
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            if not job.cancel():
                stop()
                await _ended(future)
            raise
        return future.result()

    def shut(self) -> None:
        """Let the threads end; waits for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def _ended(future: "asyncio.Future[T]") -> None:
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((future,))
    if not future.cancelled():
        future.exception()  # it was cancelled: nobody asks what became of it
