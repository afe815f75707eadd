"""Varnish, with its vmod xkey and with bans, forgets what pymager deletes and replaces.

PURGE_DELETES is the number of deletes that are timed: 40. The times are printed and do not decide.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from pymager import registry
from pymager.ports import Purge
from pymager.testing.metadata_outbox import all_purges
from tests.front.relay import HoldingRelay
from tests.live.client import Client
from tests.live.program import TIMEOUT_SECONDS, Program, running, until
from tests.pictures import jpeg
from tests.servers import Missing
from tests.servers.front import PurgedVarnish

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_PHOTO, _OTHER, _BRAND = jpeg(640, 480), jpeg(320, 240, seed=2), jpeg(60, 40, seed=3)
_AT_ONCE = 4
_REPEAT_SECONDS = 8


@dataclass(frozen=True)
class Edge:
    """A Varnish and its origin; `inside` talks to the origin, and `outside` to Varnish."""

    origin: Program
    relay: HoldingRelay
    inside: Client
    outside: Client

    async def purges(self) -> list[Purge]:
        """The outbox."""
        async with registry.load_metadata(f"sqlite:///{self.origin.folder}/data/catalog.db") as metadata:
            return await all_purges(metadata)

    async def forgets(self, path: str) -> float:
        """Wait until Varnish serves nothing of a path, which it must not do again. How long that took."""
        started = time.monotonic()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await self.outside.get(path)).status != 404:
                await asyncio.sleep(0.005)
        took = time.monotonic() - started
        assert (await self.outside.get(path)).status == 404
        return took


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["xkey", "ban"])
async def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    try:
        PurgedVarnish.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(HoldingRelay())
        varnish = stack.enter_context(PurgedVarnish(relay.port, request.param))
        settings: dict[str, object] = {
            "cache_control": "public, max-age=3600",
            "cache_tags": "xkey",
            "purgers": f"varnish://127.0.0.1:{varnish.port}?method={request.param}",
            "purge_repeat": _REPEAT_SECONDS,
            "options": "watermark",
            "watermarks": "logo:image=brand",
        }
        origin = await stack.enter_async_context(running(tmp_path_factory.mktemp(request.param), **settings))
        relay.set_target(origin.port)
        inside = await stack.enter_async_context(Client(origin.url))
        outside = await stack.enter_async_context(Client(f"http://127.0.0.1:{varnish.port}", headers={}))
        yield Edge(origin, relay, inside, outside)


async def test_a_delete_reaches_everything_of_the_original_and_nothing_else(edge: Edge) -> None:
    for id in ("cat", "cat-2"):
        assert (await edge.inside.post(id, _PHOTO)).status == 201
    of = {
        id: [f"/derived/{id}-80x60.jpg", f"/derived/{id}-80x60.webp", f"/original/{id}", f"/info/{id}"]
        for id in ("cat", "cat-2")
    }
    for path in (*of["cat"], *of["cat-2"]):
        assert (await edge.outside.get(path)).status == 200
        again = await edge.outside.get(path)
        assert (again.status, again.headers["x-cache"]) == (200, "HIT")
        assert "xkey" not in again.headers
    assert (await edge.inside.delete("cat")).status == 204
    for path in of["cat"]:
        await edge.forgets(path)
    for path in of["cat-2"]:
        assert (await edge.outside.get(path)).headers["x-cache"] == "HIT"


async def test_a_replacement_is_served_in_place_of_the_old_picture(edge: Edge) -> None:
    assert (await edge.inside.post("dog", _PHOTO)).status == 201
    assert (await edge.outside.get("/original/dog")).body == _PHOTO
    assert (await edge.inside.put("dog", _OTHER)).status == 200
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (await edge.outside.get("/original/dog")).body != _OTHER:
            await asyncio.sleep(0.005)
    assert (await edge.outside.get("/original/dog")).body == _OTHER


async def test_a_variant_is_purged_with_the_picture_of_its_watermark(edge: Edge) -> None:
    assert (await edge.inside.post("brand", _BRAND)).status == 201
    assert (await edge.inside.post("bird", _PHOTO)).status == 201
    marked, plain = "/derived/bird-80x60.jpg?watermark=logo", "/derived/bird-80x60.jpg"
    for path in (marked, plain):
        assert (await edge.outside.get(path)).status == 200
    assert (await edge.inside.delete("brand")).status == 204
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (await edge.outside.get(marked)).status != 409:
            await asyncio.sleep(0.005)
    assert (await edge.outside.get(plain)).headers["x-cache"] == "HIT"


async def test_a_response_from_before_the_delete_that_arrives_after_the_purge_is_purged_too(edge: Edge) -> None:
    path = "/derived/slow-80x60.jpg"
    assert (await edge.inside.post("slow", _PHOTO)).status == 201
    edge.relay.is_open.clear()
    try:
        slow = asyncio.create_task(edge.outside.get(path))
        held = edge.relay.held
        await until(lambda: edge.relay.held > held, "the origin's response")
        assert (await edge.inside.delete("slow")).status == 204
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not any(purge.id == "slow" and purge.state != "new" for purge in await edge.purges()):
                await asyncio.sleep(0.05)  # Varnish has confirmed the first purge
    finally:
        edge.relay.is_open.set()
    assert (await slow).status == 200  # Varnish has it now
    await edge.forgets(path)


async def test_strangers_cannot_purge(edge: Edge) -> None:
    assert (await edge.inside.post("owl", _PHOTO)).status == 201
    tags = (await edge.inside.get("/info/owl")).headers["xkey"]
    assert (await edge.outside.get("/info/owl")).status == 200
    for method, header in (("PURGE", "x-other"), ("BAN", "x-ban-tags")):  # malformed, or not supported
        answer = await edge.outside.request(method, "/info/owl", headers={header: f"{tags} || obj.status != 0"})
        assert answer.status >= 400
    assert (await edge.outside.get("/info/owl")).headers["x-cache"] == "HIT"


async def test_how_long_a_delete_takes_to_reach_the_edge(edge: Edge, summarize: Callable[[str], None]) -> None:
    count = int(os.environ.get("PURGE_DELETES") or 40)
    left, took = list(range(count)), list[float]()

    async def some() -> None:
        while left:
            id = f"timed-{left.pop()}"
            assert (await edge.inside.post(id, _OTHER)).status == 201
            path = f"/derived/{id}-40x30.jpg"
            assert (await edge.outside.get(path)).status == 200
            assert (await edge.inside.delete(id)).status == 204
            took.append(await edge.forgets(path))

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(some())
    took.sort()
    median, late = took[len(took) // 2], took[max(0, round(len(took) * 0.99) - 1)]
    summarize(f"{count} deletes: {median * 1000:.0f} ms at the median, {late * 1000:.0f} ms at the 99th percentile")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await edge.purges():  # after the second delivery
            await asyncio.sleep(0.2)
