"""Two replicas that share a memcached: they use what the other rendered, and nothing that it does costs a request."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

import pytest
import pytest_asyncio

from tests.backends.s3_front import Front
from tests.live.client import Answer, Client
from tests.live.numbered import numbered
from tests.live.program import TIMEOUT_SECONDS, until
from tests.live.replicas import Stores, new_stores, replicas
from tests.live.scraped import scraped
from tests.servers import Memcached, Minio, Postgres, Proxy, Toxiproxy
from tests.servers.process import free_port

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_TIER = re.compile(r'cache;desc="(\w+)"')
_KEY = "0f" * 32


@dataclass
class Pair:
    """Two replicas without a memory cache, over a bucket whose requests are counted, and their memcached."""

    clients: list[Client]
    ports: list[int]
    front: Front
    server: Memcached
    proxy: Proxy
    numbers: "count[int]"

    async def uploaded(self, picture: int = 3) -> str:
        """The id of a new original."""
        id = f"cat-{next(self.numbers)}"
        assert (await self.clients[0].post(id, numbered(picture))).status == 201
        return id

    async def rendered(self, picture: int = 3) -> tuple[str, Answer]:
        """The path of a variant that the first replica has rendered and written to the shared cache."""
        path, known = f"/derived/{await self.uploaded(picture)}-80x60.jpg", len(self.server.keys())
        answer = await self.clients[0].get(path)
        assert (answer.status, tier(answer)) == (200, "rendered")
        await until(lambda: len(self.server.keys()) > known, "the write")
        return path, answer

    async def shared(self, client: Client, path: str) -> tuple[Answer, int]:
        """An answer from the shared cache, and how many requests for objects of this id it made to the bucket.

        On a slow machine the cache can be late, so the first answers can come from the bucket.
        """
        id, end = path.removeprefix("/derived/").rpartition("-")[0], time.monotonic() + TIMEOUT_SECONDS
        while True:
            before = len(self.front.requests)
            answer = await client.get(path)
            assert answer.status == 200
            if tier(answer) == "shared":
                return answer, sum(f"/{id}/" in request for request in self.front.requests[before:])
            assert time.monotonic() < end, answer

    async def total(self, name: str, **labels: str) -> float:
        """A metric, summed over both replicas."""
        return sum([(await scraped(port)).total(name, **labels) for port in self.ports])


def tier(answer: Answer) -> str:
    """Where the answer says that it comes from."""
    match = _TIER.search(answer.headers["server-timing"])
    assert match is not None
    return match[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    tmp_path_factory: pytest.TempPathFactory,
    minio: Minio,
    postgresql: Postgres,
    memcached: Memcached,
    toxiproxy: Toxiproxy,
) -> AsyncIterator[Pair]:
    direct = await new_stores(minio, postgresql)
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(Front(minio.port))
        server = stack.enter_context(Memcached())
        proxy = toxiproxy.proxy(server.port)
        stack.callback(proxy.delete)
        stores = Stores(minio.by_way_of(direct.blobs, front.port), direct.metadata)
        ports = [free_port(), free_port()]
        clients = []
        for number, port in enumerate(ports):
            [program] = await stack.enter_async_context(
                replicas(
                    tmp_path_factory.mktemp(f"replica-{number}"), stores, 1, memory_cache=0, server_timing="true",
                    shared_cache=f"memcached://127.0.0.1:{proxy.port}", shared_cache_timeout=0.25, metrics_port=port,
                    signing_keys=_KEY,
                )
            )  # fmt: skip
            clients.append(await stack.enter_async_context(Client(program.url)))
        yield Pair(clients, ports, front, server, proxy, count())


async def test_what_one_replica_rendered_is_a_hit_on_the_other_without_the_bucket(pair: Pair) -> None:
    path, rendered = await pair.rendered()
    for client in reversed(pair.clients):
        answer, requests = await pair.shared(client, path)
        assert requests == 0
        assert answer.body == rendered.body
        for name in ("etag", "last-modified", "content-type", "cache-control", "content-length"):
            assert answer.headers[name] == rendered.headers[name], name
        again = await client.get(path, **{"If-None-Match": rendered.headers["etag"]})
        assert again.status == 304
    assert await pair.total("pymager_shared_cache_total", event="hit") >= 2
    assert await pair.total("pymager_shared_cache_bytes_total", direction="read") >= 2 * len(rendered.body)
    assert await pair.total("pymager_store_seconds_count", store="cache", operation="get") >= 2
    assert await pair.total("pymager_request_seconds_count", tier="shared") >= 2


async def test_a_delete_is_final_everywhere_while_the_bytes_are_still_in_memcached(pair: Pair) -> None:
    path, rendered = await pair.rendered()
    await pair.shared(pair.clients[1], path)
    keys = set(pair.server.keys())
    id = path.removeprefix("/derived/").rpartition("-")[0]
    assert (await pair.clients[0].delete(id)).status == 204
    assert [(await client.get(path)).status for client in pair.clients] == [404, 404]
    assert set(pair.server.keys()) == keys
    assert (await pair.clients[1].post(id, numbered(4))).status == 201
    answers = [await client.get(path) for client in pair.clients]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body != rendered.body


async def test_no_wrong_value_is_served_and_each_is_repaired(pair: Pair) -> None:
    before = set(pair.server.keys())
    path, rendered = await pair.rendered()
    [key] = set(pair.server.keys()) - before
    known = set(pair.server.keys())
    _, other = await pair.rendered(4)
    [strange] = set(pair.server.keys()) - known
    right, wrong = pair.server.value(key), pair.server.value(strange)
    assert rendered.body in right
    assert other.body != rendered.body
    lies = [
        b"",
        b"\0" * len(right),
        right[:-1],
        right + b"\0",
        right[:-1] + bytes([right[-1] ^ 1]),
        bytes([right[0] ^ 1]) + right[1:],
        wrong,
        right[: -len(rendered.body)] + other.body,
        rendered.body,
    ]
    for number, lie in enumerate(lies):
        broken = await pair.total("pymager_shared_cache_total", event="broken")
        end = time.monotonic() + TIMEOUT_SECONDS
        pair.server.overwrite(key, lie)
        while await pair.total("pymager_shared_cache_total", event="broken") == broken:
            assert time.monotonic() < end, number
            for client in pair.clients:
                answer = await client.get(path)
                assert (answer.status, answer.body) == (200, rendered.body), number
                assert answer.headers["etag"] == rendered.headers["etag"]
        await until(lambda: pair.server.value(key) == right, "the write")
        for client in pair.clients:  # so that no circuit opens
            await pair.shared(client, path)


@pytest.mark.parametrize("fault", ["killed", "paused", "slow", "cut off", "full"])
async def test_a_cache_that_fails_costs_no_request_and_is_used_again(pair: Pair, fault: str) -> None:
    path, rendered = await pair.rendered()
    new = [f"/derived/{await pair.uploaded()}-80x60.jpg" for _ in range(3)]
    end = await asyncio.to_thread(_begin, pair, fault)
    try:
        for _ in range(4):
            answers = await asyncio.gather(*(client.get(path) for client in pair.clients for _ in range(4)))
            assert [answer.status for answer in answers] == [200] * 8
            assert {answer.body for answer in answers} == {rendered.body}
        for client in pair.clients:
            assert [(await client.get(one)).status for one in new] == [200] * 3
            assert (await client.get("/readyz")).status == 200
        if fault != "full":
            await _until_open(pair, path)
    finally:
        await asyncio.to_thread(end)
    for client in pair.clients:
        answer, requests = await pair.shared(client, path)
        assert (answer.body, requests) == (rendered.body, 0)
    assert await pair.total("pymager_store_errors_total", store="cache", error="other") == 0


async def _until_open(pair: Pair, path: str) -> None:
    """Ask until both replicas have stopped asking the cache."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while await pair.total("pymager_shared_cache_open_circuits") < 2:
        assert time.monotonic() < end
        for client in pair.clients:
            assert (await client.get(path)).status == 200


def _begin(pair: Pair, fault: str) -> Callable[[], None]:
    """Begin a fault; returns what ends it."""
    server, proxy = pair.server, pair.proxy
    if fault == "killed":
        server.kill()
        return server.start
    if fault == "paused":
        server.pause()
        return server.resume
    if fault == "slow":
        name = proxy.add("latency", latency=5_000)
        return lambda: proxy.remove(name)
    if fault == "cut off":
        name = proxy.add("limit_data", bytes=100)
        return lambda: proxy.remove(name)
    for number in range(200):  # 64 MB have room for fewer
        server.overwrite(f"filler-{number}", bytes(500_000))
    return lambda: None
