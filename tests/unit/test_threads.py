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


async def test_as_many_jobs_run_at_the_same_time_as_there_are_threads() -> None:
    threads = Threads(3, "test")
    together = threading.Barrier(3)
    for _ in range(2):  # the second time, all threads are idle
        await asyncio.gather(*(threads.run(lambda: together.wait(20)) for _ in range(3)))
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("test_")}
    assert len(names) == 3
    threads.close()


async def test_closing_drops_what_has_not_begun_and_ends_idle_threads() -> None:
    threads = Threads(2, "closing")
    may_end = threading.Event()
    await asyncio.gather(*(threads.run(threading.current_thread) for _ in range(2)))
    running = [asyncio.create_task(threads.run(lambda: may_end.wait(20))) for _ in range(2)]
    queued = asyncio.create_task(threads.run(lambda: pytest.fail("it was dropped")))
    await asyncio.sleep(0)
    threads.close()
    with pytest.raises(asyncio.CancelledError):
        await queued
    may_end.set()
    assert await asyncio.gather(*running) == [True, True]
    for thread in threading.enumerate():
        if thread.name.startswith("closing"):
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()
    with pytest.raises(RuntimeError):
        await threads.run(lambda: None)


async def test_work_that_takes_too_long_continues_without_its_caller() -> None:
    threads = Threads(1, "test")
    may_end, ended = threading.Event(), threading.Event()

    def work() -> None:
        assert may_end.wait(20)
        ended.set()
        raise ValueError("nobody waits for this")

    with pytest.raises(TimeoutError):
        await threads.run_with_timeout(0.01, work)
    may_end.set()
    assert await threads.run(lambda: ended.wait(20))
    with pytest.raises(ZeroDivisionError):
        await threads.run_with_timeout(20, lambda: 1 // 0)
    threads.close()
