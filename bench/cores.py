"""Keeps a server and the client on different cores.

On one core, the client takes over as soon as it has a response, so the server never goes to sleep. On two, the server
sleeps and wakes up for each request, which takes two or three times the CPU time of a hit. The scheduler keeps its
choice for thousands of requests: without a rule, a block would measure one or the other.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import cpu


@contextmanager
def apart(server: int, client: int) -> Iterator[None]:
    """Give the last core to the client and the others to the tree of the server, both by process id.

    Changes nothing if there is only one core.
    """
    cores = os.sched_getaffinity(0)
    last = {max(cores)}
    if cores == last:
        yield
        return
    _limit(client, last)
    _limit(server, cores - last)
    try:
        yield
    finally:
        _limit(client, cores)
        _limit(server, cores)


def _limit(root: int, cores: set[int]) -> None:
    for pid in cpu.tree(root):
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)
