"""Three origins, which say differently how long a picture holds, and each front server before all of them."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.front.relay import Relay
from tests.live.client import Client
from tests.live.program import Program, running, until
from tests.servers import Missing
from tests.servers.front import FRONTS, FrontServer

LONG = "public, max-age=300"
SOON = "public, max-age=1"
LATE = "public, max-age=1, stale-while-revalidate=600"
_ORIGINS = {"long": (LONG, "x-forwarded-for"), "soon": (SOON, "forwarded"), "late": (LATE, "x-forwarded-for")}


@dataclass(frozen=True)
class Way:
    """An origin behind a front server, and clients of that: one who may write, and one like everybody."""

    origin: Program
    relay: Relay
    port: int
    writer: Client
    outside: Client

    def lines(self, path: str) -> list[dict[str, object]]:
        """What the origin logged of GETs of a path."""
        lines = self.origin.logged("request")
        return [line for line in lines if (line["method"], line["path"]) == ("GET", path)]

    async def answered(self, path: str, count: int) -> list[object]:
        """The statuses of GETs of a path, once there are so many: a line of the log can follow its response."""
        await until(lambda: len(self.lines(path)) >= count, f"the log of {path}")
        return self.statuses(path)

    def statuses(self, path: str) -> list[object]:
        """The statuses that the origin answered to GETs of a path."""
        return [line["status"] for line in self.lines(path)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, tuple[Program, Relay]]]:
    async with AsyncExitStack() as stack:
        started = {}
        for name, (cache_control, header) in _ORIGINS.items():
            settings = {"trusted_proxies": "127.0.0.1", "forwarded_header": header, "cache_control": cache_control}
            settings |= {"options": "fit=inside"}
            folder = tmp_path_factory.mktemp(name)
            started[name] = await stack.enter_async_context(running(folder, wait=False, **settings))
        for program in started.values():
            await program.answers()
        yield {name: (each, await stack.enter_async_context(Relay(each.port))) for name, each in started.items()}


@pytest.fixture(scope="module", params=FRONTS, ids=lambda kind: kind.__name__.lower())
def kind(request: pytest.FixtureRequest) -> type[FrontServer]:
    try:
        request.param.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    found: type[FrontServer] = request.param
    return found


@pytest.fixture(scope="module")
def fronts(origins: dict[str, tuple[Program, Relay]], kind: type[FrontServer]) -> Iterator[dict[str, FrontServer]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(kind(relay.port)) for name, (_, relay) in origins.items()}


@pytest_asyncio.fixture(loop_scope="module")
async def ways(
    origins: dict[str, tuple[Program, Relay]], fronts: dict[str, FrontServer]
) -> AsyncIterator[dict[str, Way]]:
    async with AsyncExitStack() as stack:
        found = {}
        for name, (origin, relay) in origins.items():
            port = fronts[name].port
            writer = await stack.enter_async_context(Client(f"http://127.0.0.1:{port}"))
            outside = await stack.enter_async_context(Client(f"http://127.0.0.1:{port}", headers={}))
            found[name] = Way(origin, relay, port, writer, outside)
        yield found
