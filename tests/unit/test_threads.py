"""Blocking work in threads, and what a canceled caller can rely on."""

import asyncio
import threading

import pytest

from pymager.threads import Threads


async def test_work_returns_or_raises_in_a_thread() -> None:
    threads = Threads(1, "test")
    assert (await threads.run(lambda: threading.current_thread().name)).startswith("test")
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    threads.close()


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_a_canceled_caller_stops_the_work_and_waits_for_its_end(cancellations: int) -> None:
    threads = Threads(1, "test")
    began, stopped, may_end = threading.Event(), threading.Event(), threading.Event()
    ended: list[bool] = []

    def work() -> None:
        began.set()
        assert stopped.wait(20)
        assert may_end.wait(20)
        ended.append(True)
        raise ValueError("nobody waits for this")

    running = asyncio.create_task(threads.run(work, stopped.set))
    await asyncio.to_thread(began.wait, 20)
    for _ in range(cancellations):
        running.cancel()
        await asyncio.wait([running], timeout=0.01)
    assert not running.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == [True]
    threads.close()


async def test_canceled_work_that_waits_for_a_thread_never_begins() -> None:
    threads = Threads(1, "test")
    may_end = threading.Event()
    begun: list[str] = []
    first = asyncio.create_task(threads.run(lambda: may_end.wait(20)))
    second = asyncio.create_task(threads.run(lambda: begun.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    may_end.set()
    assert await first
    await threads.run(lambda: begun.append("third"))
    assert begun == ["third"]
    threads.close()
