"""nginx, Varnish and Apache with the files of examples/, before a pymager that serves."""

import asyncio
import signal
import time

import pytest

from tests.front.conftest import Way
from tests.live.program import PATIENCE
from tests.pictures import jpeg
from tests.servers.front import Apache, FrontServer

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_PHOTO, _OTHER = jpeg(640, 480), jpeg(320, 240, seed=2)
_LARGE = jpeg(6000, 4000)


@pytest.fixture
def name(request: pytest.FixtureRequest, kind: type[FrontServer]) -> str:
    """An id of the test's own."""
    return f"{kind.__name__.lower()}-{abs(hash(request.node.name)) % 10**9}"


async def test_a_second_get_is_served_by_the_cache_whatever_its_query(ways: dict[str, Way], name: str) -> None:
    way = ways["long"]
    assert (await way.writer.post(name, _PHOTO)).status == 201
    for path in (f"/derived/{name}-80x60.jpg", f"/original/{name}", f"/info/{name}"):
        first = await way.outside.get(path)
        assert first.status == 200, first
        again = [await way.outside.get(path + query) for query in ("", "?a=1", "?b=2&c", "")]
        assert {answer.body for answer in again} == {first.body}
        assert {answer.headers["etag"] for answer in again} == {first.headers["etag"]}
        assert way.asked(path) == [200]
        assert not any(path in line["path"] and "?" in line["path"] for line in way.origin.logged("request"))


async def test_what_has_expired_is_asked_for_with_its_etag(ways: dict[str, Way], name: str) -> None:
    way, path = ways["soon"], f"/derived/{name}-80x60.jpg"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    body = (await way.outside.get(path)).body
    async with asyncio.timeout(PATIENCE):
        while 304 not in way.asked(path):
            assert (await way.outside.get(path)).body == body
            await asyncio.sleep(0.2)


async def test_a_delete_is_final_once_the_file_says_so(ways: dict[str, Way], name: str) -> None:
    way = ways["soon"]
    paths = [f"/derived/{name}-80x60.jpg", f"/original/{name}", f"/info/{name}"]
    assert (await way.writer.post(name, _PHOTO)).status == 201
    for path in paths:
        assert (await way.outside.get(path)).status == 200
    assert (await way.writer.delete(name)).status == 204
    for path in paths:
        async with asyncio.timeout(PATIENCE):
            while (await way.outside.get(path)).status != 404:
                await asyncio.sleep(0.1)
        assert [(await way.outside.get(path)).status for _ in range(3)] == [404] * 3
    assert (await way.writer.post(name, _OTHER)).status == 201  # a 404 is not kept
    assert (await way.outside.get(f"/original/{name}")).body == _OTHER


async def test_the_old_one_is_served_while_the_origin_is_slow(
    ways: dict[str, Way], name: str, kind: type[FrontServer]
) -> None:
    if kind is Apache:
        pytest.skip("Apache has no stale-while-revalidate")
    way, path = ways["late"], f"/derived/{name}-80x60.jpg"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    fresh = await way.outside.get(path)
    expired = time.monotonic() + 2.5
    while time.monotonic() < expired:
        await asyncio.sleep(0.1)
    way.origin.signal(signal.SIGSTOP)
    try:
        stale = await way.outside.get(path)
    finally:
        way.origin.signal(signal.SIGCONT)
    assert (stale.status, stale.body) == (200, fresh.body)
    async with asyncio.timeout(PATIENCE):
        while 304 not in way.asked(path):
            await way.outside.get(path)
            await asyncio.sleep(0.1)


async def test_writes_pass_and_are_not_kept(ways: dict[str, Way], name: str) -> None:
    way = ways["long"]
    created = await way.writer.put(name, _LARGE)
    assert created.status == 201, created
    assert (await way.outside.get(f"/original/{name}")).body == _LARGE
    assert (await way.writer.put(f"{name}-2", b"no picture")).status == 400
    assert (await way.outside.put(f"{name}-3", _PHOTO)).status == 401
    assert (await way.writer.post(name, _PHOTO)).status == 409
    assert (await way.writer.get("/original?limit=1")).json["items"]
    assert (await way.outside.get("/original?limit=1")).status == 401


async def test_conditional_range_and_head_are_answered(ways: dict[str, Way], name: str) -> None:
    way, path = ways["long"], f"/original/{name}"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    whole = await way.outside.get(path)
    tag = whole.headers["etag"]
    assert (await way.outside.get(path, **{"If-None-Match": tag})).status == 304
    part = await way.outside.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, _PHOTO[10:20])
    head = await way.outside.ask("HEAD", path)
    assert (head.status, head.headers["etag"], head.body) == (200, tag, b"")
    assert head.headers["content-length"] == str(len(_PHOTO))


async def test_what_is_for_the_inside_stays_there(ways: dict[str, Way]) -> None:
    way = ways["long"]
    for path in ("/healthz", "/readyz", "/metrics", "/", "/derive", "/x/../healthz"):
        assert (await way.outside.get(path)).status in (400, 404), path
    assert (await way.outside.get("/openapi.json")).status == 200


async def test_a_client_can_not_say_who_it_is(ways: dict[str, Way], name: str) -> None:
    way = ways["long"]
    path = f"/info/{name}"
    await way.outside.get(path, **{"X-Forwarded-For": "192.0.2.7"})
    (line,) = [line for line in way.origin.logged("request") if line["path"] == path]
    assert line["client"] == "127.0.0.1"
