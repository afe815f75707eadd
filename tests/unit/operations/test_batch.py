"""A bulk run whose own jobs leave no room for others."""

import asyncio
import io
from collections.abc import AsyncGenerator

import pytest

from pymager.errors import Overloaded
from pymager.operations.batch import Batch
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Outcome


class Refused:
    """Work that is refused so often, and then succeeds."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def __call__(self) -> Outcome:
        if self.left:
            self.left -= 1
            raise Overloaded("too many renders are waiting", retry_after=0)
        return Done()


async def items() -> AsyncGenerator[str, None]:
    for name in ("a", "b"):
        yield name


async def test_work_that_the_other_jobs_leave_no_room_for_waits_and_is_not_a_failure() -> None:
    batch = Batch(1, Progress(io.StringIO()), retry_pauses=())
    assert await batch.retry(Refused(5)) == Done()


async def test_after_a_signal_it_waits_no_longer_and_is_counted_as_failed() -> None:
    screen = io.StringIO()
    batch = Batch(1, Progress(screen))
    refused = Refused(1_000)

    async def process(item: str) -> Outcome:
        asyncio.get_running_loop().call_soon(batch.stop, "stopped by SIGTERM")
        return await batch.retry(refused)

    await batch.run(items(), str, process)
    assert (batch.report.failed, batch.report.stopped) == (1, "stopped by SIGTERM")
    assert refused.left > 900
    assert "a: too many renders are waiting" in screen.getvalue()


async def test_an_error_of_another_kind_is_not_repeated() -> None:
    batch = Batch(1, Progress(io.StringIO()))
    with pytest.raises(ZeroDivisionError):
        await batch.retry(_broken)


async def _broken() -> Outcome:
    raise ZeroDivisionError
