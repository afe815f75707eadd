"""obstore's own threads, at the end."""

import asyncio
from contextlib import suppress
from pathlib import Path

_NAME = "tokio"
_ROUND = 0.005
_ROUNDS = 3
_LONGEST = 2.0


async def quiet() -> None:
    """Wait until obstore's threads have nothing more to do, 2 seconds at most.

    A thread that hands over its last result is still in Python when the event loop has it already. Should the
    interpreter end then, the thread ends the process by abort: Python 3.11 stops a thread that wants the interpreter
    back by unwinding its stack, which Rust does not allow. While this sleeps nobody keeps them waiting, so one that
    is seen asleep some times in a row is idle.
    """
    rounds = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST):
            while rounds < _ROUNDS:
                await asyncio.sleep(_ROUND)
                rounds = 0 if _is_running() else rounds + 1


def _is_running() -> bool:
    """Whether one of them runs or could run, proc_pid_stat(5)."""
    for status in Path("/proc/self/task").glob("*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            name, _, rest = status.read_text().partition(" (")[2].rpartition(") ")
            if name.startswith(_NAME) and rest.startswith("R"):
                return True
    return False
