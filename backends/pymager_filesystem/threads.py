"""Runs blocking work in threads of the store's own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """A pool of up to `size` threads."""

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], stop: Callable[[], None] = lambda: None) -> T:
        """Return what `work` returns.

        If the caller is canceled, call `stop` and wait until the work has ended, so that nothing happens after the
        cancellation.
        """
        job = self._pool.submit(work)
        future = asyncio.wrap_future(job)
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            if not job.cancel():
                stop()
                await _wait_for_end(future)
            raise
        return future.result()

    async def run_with_timeout(self, seconds: float, work: Callable[[], object]) -> None:
        """Run `work`, and stop waiting for it after so many seconds. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            await asyncio.wrap_future(self._pool.submit(work))

    def close(self) -> None:
        """Let the threads end, without waiting: one may hang in an unresponsive file system."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def _wait_for_end(future: "asyncio.Future[T]") -> None:
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((future,))
    if not future.cancelled():
        future.exception()  # mark as retrieved: the caller was canceled and does not read it
