"""A process of its own on a SQLite catalog: `python sqlite_process.py WHAT URL NAME`.

It says "ready", waits for a line, does WHAT, and says as JSON what came of it.
"""

import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path

from pymager import failpoints
from pymager.errors import AlreadyExists, Unavailable
from pymager.testing.metadata_originals import an_original
from pymager_sql import SqlMetadata

RIVALS = 40


async def open_it(url: str, name: str) -> object:
    """Open the store, which prepares it where it is empty, and add a row of its own."""
    async with SqlMetadata(url) as store:
        await store.add(an_original(name))
    return name


async def rival(url: str, _: str) -> object:
    """Add the ids that every rival adds; tell which revisions it won with."""
    won = {}
    async with SqlMetadata(url) as store:
        for number in range(RIVALS):
            original = an_original(f"cat{number}")
            try:
                await store.add(original)
                won[original.id] = original.revision
            except AlreadyExists:
                pass
    return won


async def die(url: str, point: str) -> object:
    """Add a row and be killed where the name says."""

    def kill(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    async with SqlMetadata(url) as store:
        failpoints.hook = kill
        await store.add(an_original())
    return "still alive"


async def be_cramped(url: str, path: str) -> object:
    """Add a row while no file may grow, so that COMMIT fails, then one more."""
    async with SqlMetadata(url) as store:
        await store.add(an_original("before"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(path + "-wal").stat().st_size, resource.RLIM_INFINITY))
        try:
            await store.add(an_original("cramped"))
        except Unavailable as error:
            outcome_known = error.outcome_known
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.add(an_original("after"))
        return {"outcome_known": outcome_known, "ids": [row.id for row in (await store.list_page(None, 9)).items]}


async def hold(url: str, name: str) -> object:
    """Take a lease and be killed with it."""
    async with SqlMetadata(url) as store:
        await store.acquire(name)
        os.kill(os.getpid(), signal.SIGKILL)
    return "still alive"


if __name__ == "__main__":
    what = {"open": open_it, "rival": rival, "die": die, "cramped": be_cramped, "hold": hold}[sys.argv[1]]
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asyncio.run(what(*sys.argv[2:]))))
