"""Work that several requests wait for has the context of the request that started it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymager.library.singleflight import SingleFlight
from pymager.telemetry.context import CURRENT, RequestContext
from pymager.testing.backends import MemoryMetadata
from tests.waiting import until


async def test_shared_work_belongs_to_the_first_client_that_requested_it() -> None:
    charged: list[str] = []
    go_on = asyncio.Event()

    @asynccontextmanager
    async def slots() -> AsyncIterator[None]:
        charged.append(client())
        await go_on.wait()
        yield

    async def nothing() -> str | None:
        return None

    async def made(slot: None) -> str:
        return client()

    async with MemoryMetadata("memory:") as leases:
        flight: SingleFlight[str, None] = SingleFlight(leases, slots)

        async def request(client: str) -> str:
            CURRENT.set(RequestContext(client, client, 0.0))
            return await flight.run("picture", nothing, made)

        first = asyncio.create_task(request("first"))
        await until(lambda: charged)
        second = asyncio.create_task(request("second"))
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.gather(first, second) == ["first", "first"]
    assert charged == ["first"]


def client() -> str:
    context = CURRENT.get()
    assert context is not None
    return context.client
