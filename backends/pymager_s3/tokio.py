"""obstore's own threads at shutdown."""

import asyncio
from contextlib import suppress
from pathlib import Path

_THREAD_NAME_PREFIX = "tokio"
_POLL_SECONDS = 0.005
_IDLE_POLLS = 3
_TIMEOUT_SECONDS = 2.0


async def wait_until_idle() -> None:
    """Wait until obstore's threads are idle, 2 seconds at most.

    A thread that hands over its last result is still inside Python when the event loop already has the result. If the
    interpreter ends then, the thread aborts the process: Python 3.11 stops a thread that wants the interpreter back by
    unwinding its stack, which Rust does not allow. While this function sleeps, the interpreter is free, so a thread
    that sleeps in several polls in a row is idle.
    """
    idle_polls = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while idle_polls < _IDLE_POLLS:
                await asyncio.sleep(_POLL_SECONDS)
                idle_polls = 0 if _is_running() else idle_polls + 1


def _is_running() -> bool:
    """Whether one of the threads is running or runnable, proc_pid_stat(5)."""
    for status in Path("/proc/self/task").glob("*/stat"):
        with suppress(OSError):  # the thread has ended
            name, _, rest = status.read_text().partition(" (")[2].rpartition(") ")
            if name.startswith(_THREAD_NAME_PREFIX) and rest.startswith("R"):
                return True
    return False
