"""nginx, Varnish and Apache with the files of examples/, before a pymager that serves."""

import asyncio
import http.client
import signal
from pathlib import Path

import pytest

from tests.front.conftest import Way
from tests.live.client import connected, head
from tests.live.program import TIMEOUT_SECONDS, until
from tests.pictures import jpeg
from tests.servers.front import Apache, FrontServer, Nginx, Varnish

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_PHOTO, _OTHER = jpeg(640, 480), jpeg(320, 240, seed=2)
_STALE = ("STALE", "UPDATING")


def only(*kinds: type[FrontServer]) -> pytest.MarkDecorator:
    """What the others have no way to do."""
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.__name__.lower(), indirect=True, scope="module")


@pytest.fixture(scope="module")
def large() -> bytes:
    """3.5 MB: the origin writes a body in pieces of 1 MiB."""
    return jpeg(4000, 3000, quality=95)


@pytest.fixture
def name(request: pytest.FixtureRequest, kind: type[FrontServer]) -> str:
    """An id of the test's own."""
    return f"{kind.__name__.lower()}-{request.function.__name__}"


def from_elsewhere(port: int, path: str, **headers: str) -> int:
    """The status of a GET that comes from another address of this machine; names are written with `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS, source_address=("127.0.0.9", 0))
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    finally:
        connection.close()


def passed_on(way: Way, path: str) -> list[dict[str, object]]:
    """What the origin logged of requests for a path with a query."""
    return [line for line in way.origin.logged("request") if f"{path}?" in line["path"]]


async def test_a_second_get_is_served_by_the_cache_whatever_its_query(
    ways: dict[str, Way], name: str, kind: type[FrontServer]
) -> None:
    way = ways["long"]
    assert (await way.writer.post(name, _PHOTO)).status == 201
    for path, queries in (
        (f"/derived/{name}-80x60.jpg", ("?v=1", "?v=2024-01-01")),
        (f"/original/{name}", ("?a=1", "?b=2&c")),
        (f"/info/{name}", ("?a=1", "?b=2&c")),
    ):
        first = await way.outside.get(path)
        assert first.status == 200, first
        again = [await way.outside.get(path + query) for query in ("", *queries, "")]
        assert {answer.body for answer in again} == {first.body}
        assert {answer.headers["etag"] for answer in again} == {first.headers["etag"]}
        assert await way.answered(path, 1) == [200]
        if kind is Apache:  # its key has the query
            await until(lambda: passed_on(way, path), "the log of a query")  # noqa: B023
        else:
            assert not passed_on(way, path)


async def test_a_variant_with_options_has_a_copy_of_its_own(ways: dict[str, Way], name: str) -> None:
    way, plain = ways["long"], f"/derived/{name}-80x80.jpg"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    bodies = {}
    for _ in range(2):
        for path in (plain, f"{plain}?fit=inside", f"{plain}?fit=%69nside", f"{plain}?fit=inside&v=7"):
            answer = await way.outside.get(path)
            assert answer.status == 200, answer
            assert bodies.setdefault(path, answer.body) == answer.body
    first, *others = bodies.values()
    assert set(others) == {others[0]}
    assert others[0] != first
    for path, count in ((plain, 1), (f"{plain}?fit=inside", 1), (f"{plain}?fit=inside&v=7", 2)):
        assert await way.answered(path, count) == [200] * count
    assert (await way.outside.get(f"{plain}?fit=outside")).status == 400
    assert (await way.outside.get(f"{plain}?fit=fill")).status == 403


async def test_how_old_a_copy_is_is_told_by_all_but_nginx(
    ways: dict[str, Way], name: str, kind: type[FrontServer]
) -> None:
    way = ways["long"]
    assert (await way.writer.post(name, _PHOTO)).status == 201
    await way.outside.get(f"/info/{name}")
    again = await way.outside.get(f"/info/{name}")
    assert ("age" in again.headers) == (kind is not Nginx)  # docs/how-to/front-servers.md counts on it


async def test_made_up_hosts_do_not_fill_the_cache(ways: dict[str, Way], name: str) -> None:
    way, path = ways["long"], f"/info/{name}"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    for host in ("img.example.org", "a.example", "b.example"):
        assert (await way.outside.get(path, Host=host)).status == 200
    assert await way.answered(path, 1) == [200]


async def test_other_spellings_of_a_path_do_not_fill_the_cache(
    ways: dict[str, Way], name: str, kind: type[FrontServer]
) -> None:
    way, spelled = ways["long"], f"/info/%{ord(name[0]):x}{name[1:]}"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    await way.outside.get(f"/info/{name}")
    for _ in range(2):
        assert await asyncio.to_thread(from_elsewhere, way.port, spelled) == 200
    expected = 1 if kind is Nginx else 3  # the same key, or none

    def statuses() -> list[object]:
        return way.statuses(f"/info/{name}") + way.statuses(spelled)

    await until(lambda: len(statuses()) >= expected, "the log")
    assert statuses() == [200] * expected


@only(Apache)  # tests/front/test_auto.py counts the copies of the others
async def test_a_negotiated_format_is_passed_on(ways: dict[str, Way], name: str) -> None:
    way, path = ways["long"], f"/derived/{name}-80x60.auto"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    for accept, expected in (("image/webp", "image/webp"), ("*/*", "image/jpeg"), ("image/webp", "image/webp")):
        answer = await way.outside.get(path, Accept=accept)
        assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (200, expected, "Accept")
    assert await way.answered(path, 3) == [200] * 3


@only(Nginx, Varnish)  # Apache has no such lock
async def test_many_first_gets_are_one_at_the_origin(ways: dict[str, Way], name: str) -> None:
    way, path = ways["long"], f"/derived/{name}-80x60.jpg"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    answers = await asyncio.gather(*(way.outside.get(path) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert await way.answered(path, 1) == [200]


async def test_a_spelling_that_is_not_ascii_is_kept(ways: dict[str, Way], name: str) -> None:
    way, path = ways["long"], f"/info/{name}-%C3%A9"
    assert (await way.writer.post(f"{name}-é", _PHOTO)).status == 201
    for _ in range(2):
        assert (await way.outside.get(f"/info/{name}-é")).status == 200
    assert await way.answered(path, 1) == [200]


async def test_what_has_expired_is_asked_for_with_its_etag(ways: dict[str, Way], name: str) -> None:
    way, path = ways["soon"], f"/derived/{name}-80x60.jpg"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    body = (await way.outside.get(path)).body
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while 304 not in way.statuses(path):
            assert (await way.outside.get(path)).body == body
            await asyncio.sleep(0.05)


async def test_a_delete_is_final_once_the_file_says_so(ways: dict[str, Way], name: str) -> None:
    way = ways["soon"]
    paths = [f"/derived/{name}-80x60.jpg", f"/original/{name}", f"/info/{name}"]
    assert (await way.writer.post(name, _PHOTO)).status == 201
    for path in paths:
        assert (await way.outside.get(path)).status == 200
    assert (await way.writer.delete(name)).status == 204
    for path in paths:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await way.outside.get(path)).status != 404:
                await asyncio.sleep(0.1)
        assert [(await way.outside.get(path)).status for _ in range(3)] == [404] * 3
    assert (await way.writer.post(name, _OTHER)).status == 201  # a 404 is not kept
    assert (await way.outside.get(f"/original/{name}")).body == _OTHER


@only(Nginx, Varnish)
async def test_the_old_one_is_served_while_the_origin_is_slow(ways: dict[str, Way], name: str) -> None:
    way, path = ways["late"], f"/derived/{name}-80x60.jpg"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    fresh = await way.outside.get(path)
    way.origin.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (answer := await way.outside.get(path)).headers["x-cache"] not in _STALE:
                assert (answer.status, answer.body) == (200, fresh.body)
                await asyncio.sleep(0.05)
    finally:
        way.origin.signal(signal.SIGCONT)
    assert (answer.status, answer.body) == (200, fresh.body)
    await until(lambda: 304 in way.statuses(path), "the origin's word that it still holds")


async def test_nothing_deleted_is_served_because_the_origin_hangs_or_is_away(ways: dict[str, Way], name: str) -> None:
    way, path, other = ways["soon"], f"/derived/{name}-80x60.jpg", f"/info/{name}-2"
    for id in (name, f"{name}-2"):
        assert (await way.writer.post(id, _PHOTO)).status == 201
    assert (await way.outside.get(path)).status == 200
    assert (await way.writer.delete(name)).status == 204
    way.origin.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await _soon(way, path) == 200:
                await asyncio.sleep(0.05)
        one_asks = asyncio.create_task(way.outside.get(path))
        assert [await _soon(way, path) for _ in range(2)] == [None, None]
        way.relay.cut()
        answers = [await one_asks, *[await way.outside.get(each) for each in (path, path, other)]]
        assert all(answer.status >= 500 for answer in answers), answers
    finally:
        way.origin.signal(signal.SIGCONT)
        await way.relay.mend()
    for each, status in ((other, 200), (path, 404)):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (answer := await way.outside.get(each)).status >= 500:  # a failure is not kept
                await asyncio.sleep(0.05)
        assert answer.status == status


async def _soon(way: Way, path: str) -> int | None:
    """The status of what is answered without the origin."""
    try:
        async with asyncio.timeout(0.3):
            return (await way.outside.get(path)).status
    except TimeoutError:
        return None


async def test_writes_pass_and_are_not_kept(ways: dict[str, Way], name: str, large: bytes) -> None:
    way = ways["long"]
    created = await way.writer.put(name, large)
    assert created.status == 201, created
    assert (await way.outside.get(f"/original/{name}")).body == large
    assert (await way.writer.put(f"{name}-2", b"no picture")).status == 400
    assert (await way.outside.put(f"{name}-3", _PHOTO)).status == 401
    assert (await way.writer.post(name, _PHOTO)).status == 409
    assert (await way.writer.get("/original?limit=1")).json["items"]
    assert (await way.outside.get("/original?limit=1")).status == 401


async def test_uploads_reach_the_origin_while_they_come(ways: dict[str, Way], name: str, large: bytes) -> None:
    way = ways["long"]
    spool, half = way.origin.folder / "spool", len(large) // 2
    async with connected(way.port) as raw:
        await raw.send(head("PUT", f"/original/{name}", Content_Length=len(large)) + large[:half])
        await until(lambda: _spooled(spool) > half // 2, "the first half at the origin")
        await raw.send(large[half:])
        assert (await raw.head())[0] == 201


def _spooled(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@only(Nginx)  # the others read no answer before they have sent the body
async def test_what_is_too_large_is_refused_before_it_comes(ways: dict[str, Way], name: str) -> None:
    async with connected(ways["long"].port) as raw:
        await raw.send(head("PUT", f"/original/{name}", Content_Length=100_000_001))
        status, headers = await raw.head()
    assert (status, headers["content-type"]) == (413, "application/problem+json")  # pymager's own


async def test_conditional_range_and_head_are_answered(ways: dict[str, Way], name: str) -> None:
    way, path = ways["long"], f"/original/{name}"
    assert (await way.writer.post(name, _PHOTO)).status == 201
    first = await way.outside.get(path, Range="bytes=-10")
    assert (first.status, first.body) == (206, _PHOTO[-10:])
    whole = await way.outside.get(path)
    assert (whole.status, whole.body) == (200, _PHOTO)
    tag = whole.headers["etag"]
    assert (await way.outside.get(path, **{"If-None-Match": tag})).status == 304
    part = await way.outside.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, _PHOTO[10:20])
    head = await way.outside.request("HEAD", path)
    assert (head.status, head.headers["etag"], head.body) == (200, tag, b"")
    assert head.headers["content-length"] == str(len(_PHOTO))


async def test_what_is_for_the_inside_stays_there(ways: dict[str, Way]) -> None:
    way = ways["long"]
    for path in ("/healthz", "/readyz", "/metrics", "/", "/derive", "/x/../healthz"):
        assert (await way.outside.get(path)).status in (400, 404), path
    assert (await way.outside.get("/openapi.json")).status == 200


@pytest.mark.parametrize("origin", ["long", "soon"])  # one reads X-Forwarded-For, the other Forwarded
async def test_a_client_is_who_the_front_server_says(ways: dict[str, Way], name: str, origin: str) -> None:
    way, path = ways[origin], f"/info/{name}"
    made_up = {"X_Forwarded_For": "192.0.2.7", "Forwarded": "for=192.0.2.8", "X_Request_ID": "a-request-of-mine"}
    assert await asyncio.to_thread(from_elsewhere, way.port, path, **made_up) == 404
    await way.outside.get(path, **{name.replace("_", "-"): value for name, value in made_up.items()})
    await way.answered(path, 2)
    lines = way.lines(path)
    # Where it is only added to, the second one's address is a trusted proxy's, and what was made up is believed.
    elsewhere = "127.0.0.9" if origin == "long" else "127.0.0.1"
    assert [line["client"] for line in lines] == [elsewhere, "127.0.0.1"]
    assert {line["request_id"] for line in lines} == {"a-request-of-mine"}
