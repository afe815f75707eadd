"""On whose behalf work is done that several wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymager.library.singleflight import SingleFlight
from pymager.telemetry.caller import CALLER
from pymager.testing.backends import MemoryMetadata
from tests.waiting import until


async def test_what_several_wait_for_is_on_behalf_of_who_asked_first() -> None:
    charged: list[str] = []
    go_on = asyncio.Event()

    @asynccontextmanager
    async def slots() -> AsyncIterator[None]:
        charged.append(CALLER.get())
        await go_on.wait()
        yield

    async def nothing() -> str | None:
        return None

    async def made(slot: None) -> str:
        return CALLER.get()

    async with MemoryMetadata("memory:") as leases:
        flight: SingleFlight[str, None] = SingleFlight(leases, slots)

        async def ask(client: str) -> str:
            CALLER.set(client)
            return await flight.run("picture", nothing, made)

        first = asyncio.create_task(ask("first"))
        await until(lambda: charged)
        second = asyncio.create_task(ask("second"))
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.gather(first, second) == ["first", "first"]
    assert charged == ["first"]
