"""The sweeps of a server: one replica at a time, and one that stops keeps no other waiting."""

import asyncio
from contextlib import suppress

from pymager.composition import Components
from pymager.library.quota import Quota
from pymager.operations.housekeeping import run_housekeeping
from pymager.settings.sources import load
from tests.unit.place import Place
from tests.waiting import until


async def test_a_server_that_stops_while_it_takes_the_lease_of_the_sweep_gives_it_back(place: Place) -> None:
    go_on = asyncio.Event()

    async def wait(*arguments: object) -> None:
        await go_on.wait()

    place.metadata.after["acquire"] = wait  # the lease is taken, and the answer is on its way
    settings = load({"sweep_interval": 0.01}, {}).settings
    parts = Components(
        place.blobs, place.metadata, place.spool, Quota(1), place.workers, place.derivation, place.library, place.urls
    )
    housekeeping = asyncio.create_task(run_housekeeping(settings, parts))
    await until(lambda: place.metadata.calls["acquire"])
    housekeeping.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with suppress(asyncio.CancelledError):
        await housekeeping
    assert place.metadata.calls["release"] == 1
    place.metadata.after.clear()
    await place.metadata.acquire("sweep")
