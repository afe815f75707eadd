"""Waiting for a condition, with a deadline, in place of sleeping."""

import asyncio
from collections.abc import Callable

_STEP = 0.002


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Return once the condition holds. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(_STEP)
