"""Two origins, of which one is soon stale, and each front server before both."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.live.client import Client
from tests.live.program import Program, running
from tests.servers import Missing
from tests.servers.front import FRONTS, FrontServer

LONG = "public, max-age=300"
SOON = "public, max-age=1"
LATE = "public, max-age=1, stale-while-revalidate=600"
_ORIGINS = {"long": LONG, "soon": SOON, "late": LATE}


@dataclass(frozen=True)
class Way:
    """An origin, and clients of the front server before it: one who may write, and one like everybody."""

    origin: Program
    writer: Client
    outside: Client

    def asked(self, path: str) -> list[int]:
        """The statuses that the origin answered to GETs of a path."""
        lines = self.origin.logged("request")
        return [line["status"] for line in lines if (line["method"], line["path"]) == ("GET", path)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Program]]:
    async with AsyncExitStack() as stack:
        found = {}
        for name, value in _ORIGINS.items():
            folder = tmp_path_factory.mktemp(name)
            found[name] = await stack.enter_async_context(running(folder, wait=False, cache_control=value))
        for program in found.values():
            await program.answers()
        yield found


@pytest.fixture(scope="module", params=FRONTS, ids=lambda kind: kind.__name__.lower())
def kind(request: pytest.FixtureRequest) -> type[FrontServer]:
    try:
        request.param.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    found: type[FrontServer] = request.param
    return found


@pytest.fixture(scope="module")
def fronts(origins: dict[str, Program], kind: type[FrontServer]) -> Iterator[dict[str, FrontServer]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(kind(program.port)) for name, program in origins.items()}


@pytest_asyncio.fixture(loop_scope="module")
async def ways(origins: dict[str, Program], fronts: dict[str, FrontServer]) -> AsyncIterator[dict[str, Way]]:
    async with AsyncExitStack() as stack:
        found = {}
        for name, origin in origins.items():
            url = f"http://127.0.0.1:{fronts[name].port}"
            writer = await stack.enter_async_context(Client(url))
            outside = await stack.enter_async_context(Client(url, headers={}))
            found[name] = Way(origin, writer, outside)
        yield found
