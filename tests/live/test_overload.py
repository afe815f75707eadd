"""Ten times what can be rendered, most of it for one client, and costly pictures: the others are served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live.client import Answer, Client
from tests.live.program import Program, running, until
from tests.pictures import encoded, jpeg, photograph

pytestmark = pytest.mark.live

_QUEUE = 6
_GREEDY, _MODEST, _OTHER = "192.0.2.66", "192.0.2.1", "2001:db8::1"
_PHOTO = jpeg(640, 480)

Pending = asyncio.Task[Answer]


@asynccontextmanager
async def busy(folder: Path, **settings: object) -> AsyncIterator[tuple[Program, Client]]:
    """A program with the original `cat` and a hit, whose only worker stands still."""
    given = {"queue_size": _QUEUE, "trusted_proxies": "127.0.0.0/8", **settings}
    async with running(folder, **given) as program, Client(program.url) as client:
        assert (await client.put("cat", _PHOTO)).status == 201
        assert (await client.get("/derived/cat-9x9.jpg")).status == 200
        for worker in program.workers():
            worker.suspend()
        yield program, client
        for worker in program.workers():
            worker.resume()


def request(client: Client, address: str, sides: range) -> list[Pending]:
    """Cold requests of one client behind the proxy."""
    paths = [f"/derived/cat-{side}x{side}.jpg" for side in sides]
    return [asyncio.create_task(client.get(path, **{"X-Forwarded-For": address})) for path in paths]


def refused(pending: list[Pending]) -> list[Answer]:
    return [task.result() for task in pending if task.done()]


def served(program: Program) -> list[str]:
    """Whose cold requests were answered with a picture, in that order."""
    lines = program.logged("request")
    return [line["client"] for line in lines if line["status"] == 200 and line["path"].startswith("/derived/cat-1")]


async def test_what_is_over_the_bound_is_refused_and_hits_are_served(tmp_path: Path) -> None:
    async with busy(tmp_path) as (program, client):
        pending = request(client, _GREEDY, range(100, 100 + 10 * (_QUEUE + 1)))
        await until(lambda: len(refused(pending)) == 9 * (_QUEUE + 1), "all that is too much to be refused")
        for answer in refused(pending):
            assert answer.status == 503
            assert 1 <= int(answer.headers["retry-after"]) <= 30
        for _ in range(20):
            hit = await client.get("/derived/cat-9x9.jpg")
            assert (hit.status, hit.picture.size) == (200, (9, 9))
        assert (await client.get("/derived/cat-9x9.jpg", **{"If-None-Match": hit.headers["etag"]})).status == 304
        assert (await client.get("/original/cat")).body == _PHOTO
        await client.get("/derived/cat-9x9.jpg", **{"X-Forwarded-For": f"6.6.6.6, {_OTHER}"})
        await until(lambda: program.logged("request")[-1]["client"] == _OTHER, "the request's line")
        assert len(refused(pending)) == 9 * (_QUEUE + 1)
        for worker in program.workers():
            worker.resume()
        answers = await asyncio.gather(*pending)
    assert sum(answer.status == 200 for answer in answers) == _QUEUE + 1


async def test_a_greedy_client_does_not_keep_others_waiting(tmp_path: Path) -> None:
    async with busy(tmp_path) as (program, client):
        greedy = request(client, _GREEDY, range(100, 130))
        await until(lambda: len(refused(greedy)) == 30 - _QUEUE - 1, "the queue to be full")
        others = request(client, _MODEST, range(130, 131)) + request(client, f"6.6.6.6, {_OTHER}", range(131, 132))
        await until(lambda: len(refused(greedy)) == 30 - _QUEUE, "one place to be given away, beside the spare one")
        assert refused(others) == []
        for worker in program.workers():
            worker.resume()
        assert {answer.status for answer in await asyncio.gather(*others)} == {200}
        answers = await asyncio.gather(*greedy)
        assert sorted({answer.status for answer in answers}) == [200, 503]
        rendered = len(others) + sum(answer.status == 200 for answer in answers)
        await until(lambda: len(served(program)) == rendered, "the lines of the log, which can follow their responses")
        order = served(program)
    assert sorted(order[:4]) == sorted([_GREEDY, _GREEDY, _MODEST, _OTHER])  # one was being rendered before they came
    assert order[4:] == [_GREEDY] * (_QUEUE - 2)


async def test_who_is_not_behind_a_trusted_proxy_is_who_he_is(tmp_path: Path) -> None:
    async with busy(tmp_path, trusted_proxies=None) as (program, client):
        greedy = request(client, _GREEDY, range(100, 130))
        await until(lambda: len(refused(greedy)) == 30 - _QUEUE - 1, "the queue to be full")
        (another,) = request(client, _MODEST, range(130, 131))
        assert (await another).status == 503
        for worker in program.workers():
            worker.resume()
        rendered = sum(answer.status == 200 for answer in await asyncio.gather(*greedy))
        await until(lambda: len(served(program)) == rendered, "the lines of the log, which can follow their responses")
        assert set(served(program)) == {"127.0.0.1"}


def bomb(number: int) -> bytes:
    """Two megapixels whose samples are scaled one by one, in Python: some two seconds of CPU time."""
    return b"P6\n1600 1200\n%d\n" % (200 + number) + bytes(5_760_000)


async def test_costly_pictures_are_refused_and_keep_only_their_own_client_waiting(tmp_path: Path) -> None:
    settings = {"workers": 2, "trusted_proxies": "127.0.0.0/8", "max_decode_seconds": 0.5}
    async with running(tmp_path, **settings) as program, Client(program.url) as client:
        assert (await client.put("cat", _PHOTO)).status == 201
        hostile = {"X-Forwarded-For": _GREEDY}
        bombs = [asyncio.create_task(client.put(f"bomb-{n}", bomb(n), **hostile)) for n in range(6)]
        await until(lambda: len(refused(bombs)) >= 1, "the first bomb to be refused")
        honest = {"X-Forwarded-For": _MODEST}
        for number in range(4):
            picture = encoded(photograph(640, 480, number), "PNG")
            assert (await client.put(f"dog-{number}", picture, **honest)).status == 201
            assert (await client.get(f"/derived/dog-{number}-90x90.jpg", **honest)).status == 200
            assert (await client.get("/derived/cat-90x90.jpg", **honest)).status == 200
        assert not all(task.done() for task in bombs), "honest work has not waited for the bombs"
        answers = await asyncio.gather(*bombs)
        assert {answer.status for answer in answers} <= {422, 503}
        messages = [answer.body for answer in answers if answer.status == 422]
        assert messages
        assert all(b"more than 0.5 seconds of processor time" in message for message in messages)
        for number in range(6):
            assert (await client.get(f"/derived/bomb-{number}-90x90.jpg")).status == 404
