"""A pool of threads for the blocking work of a backend."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Up to `size` threads, whose names start with `name`."""

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], stop: Callable[[], None] = lambda: None) -> T:
        """Run `work` and return its result.

        If the caller is canceled, call `stop` and wait until the work has ended, so that nothing happens after the
        cancellation.
        """
        loop = asyncio.get_running_loop()
        end: asyncio.Future[None] = loop.create_future()  # costs a third of what `asyncio.wrap_future` does
        job = self._pool.submit(work)
        job.add_done_callback(partial(_tell, loop, end))
        try:
            await end
        except asyncio.CancelledError:
            if not job.cancel():
                stop()
                await _wait_until_done(asyncio.wrap_future(job))
            raise
        if job.cancelled():
            raise asyncio.CancelledError
        return job.result()

    async def run_with_timeout(self, seconds: float, work: Callable[[], object]) -> None:
        """Run `work`, and wait for it at most `seconds`. Raises `TimeoutError`; the work then continues."""
        async with asyncio.timeout(seconds):
            await asyncio.wrap_future(self._pool.submit(work))

    def close(self) -> None:
        """Let the threads end, without waiting: one may hang in an unresponsive file system."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _tell(loop: asyncio.AbstractEventLoop, end: "asyncio.Future[None]", _: "Future[T]") -> None:
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_end, end)


def _end(end: "asyncio.Future[None]") -> None:
    if not end.done():
        end.set_result(None)


async def _wait_until_done(future: "asyncio.Future[T]") -> None:
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((future,))
    if not future.cancelled():
        future.exception()  # retrieved, so that asyncio does not report it: the caller was canceled
