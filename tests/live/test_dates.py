"""Dates over several replicas: each is one content's, from the first response on.

Nobody waits for the next second: uploads, replaces, deletes and renders follow one another as fast as they can.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.live.client import Answer, Client
from tests.live.replicas import Stores, replicas
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_STEPS = 250
_WALKERS = 3
_PATHS = ("/original/{}", "/derived/{}-20x15.jpg", "/derived/{}-8x6.png")


class Log:
    """What each date of each path stood for, by the bodies that came with it.

    Without `exact` a response can lack a date, a date can come with two bodies (but is then 304 for neither), and the
    date that was just given can be 200.
    """

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact
        self.bodies: dict[tuple[str, str], set[bytes]] = {}
        self.tags: dict[str, bytes] = {}

    def dates(self, path: str) -> list[str]:
        return [date for of, date in self.bodies if of == path]

    def saw(self, path: str, answer: Answer) -> str | None:
        """Note a 200, and check that its date was never another body's."""
        date, body = answer.headers.get("last-modified"), sha256(answer.body).digest()
        assert self.tags.setdefault(path + answer.headers["etag"], body) == body
        if date is None:
            assert not self.exact
            return None
        bodies = self.bodies.setdefault((path, date), set())
        bodies.add(body)
        assert not self.exact or len(bodies) == 1, f"{path} has two contents dated {date}"
        return date

    def assert_unmodified(self, path: str, date: str, answer: Answer) -> None:
        """Check a 304: what came with the date is what the tag stands for."""
        tag = path + answer.headers["etag"]
        if tag in self.tags:  # otherwise nobody has seen the current content yet
            assert self.bodies[path, date] == {self.tags[tag]}, f"{path} is 304 for {date}, the date of something else"


async def _walk(clients: list[Client], random: Random, log: Log, number: int) -> None:
    for step in range(_STEPS):
        id, client = random.choice("ab"), random.choice(clients)
        path = random.choice(_PATHS).format(id)
        match random.choices(("PUT", "DELETE", "look", "ask again"), (20, 12, 40, 30))[0]:
            case "PUT":
                answer = await client.put(id, jpeg(40, 30, seed=number * _STEPS + step))
                assert answer.status in (200, 201), answer
            case "DELETE":
                assert (await client.delete(id)).status in (204, 404)
            case "look":
                await _look(client, random.choice(clients), path, log)
            case _:
                if dates := log.dates(path):
                    await _ask(client, path, random.choice(dates[-3:]), log)
        if random.random() < 0.1:
            await asyncio.sleep(random.uniform(0, 0.5))


async def _look(client: Client, other: Client, path: str, log: Log) -> None:
    """A GET, and at once another one with the date that it gave: never 200 with the same bytes."""
    answer = await client.get(path)
    if answer.status != 200:
        assert answer.status == 404
        return
    if (date := log.saw(path, answer)) is None:
        return
    again = await _ask(other, path, date, log)
    assert not log.exact or again.status != 200 or again.body != answer.body, (
        f"{date} was just given for {path}, and is 200"
    )


async def _ask(client: Client, path: str, date: str, log: Log) -> Answer:
    answer = await client.get(path, **{"If-Modified-Since": date})
    assert answer.status in (200, 304, 404)
    if answer.status == 200:
        log.saw(path, answer)
    elif answer.status == 304:
        log.assert_unmodified(path, date, answer)
    return answer


async def _walk_all(clients: list[Client], seed: int, *, exact: bool = True) -> None:
    random, log = Random(seed), Log(exact=exact)
    async with asyncio.TaskGroup() as group:
        for number in range(_WALKERS):
            group.create_task(_walk(clients, random, log, number))
    assert len(log.bodies) > _STEPS / 10


@asynccontextmanager
async def _clients(folder: Path, stores: Stores, count: int = 3, **settings: object) -> AsyncIterator[list[Client]]:
    """Clients of so many replicas, one of each."""
    async with replicas(folder, stores, count, **settings) as programs, AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Client(program.url)) for program in programs]


async def _in_a_folder(folder: Path) -> Stores:
    stores = Stores(f"file:{folder}/blobs", f"sqlite:///{folder}/catalog.db")
    await stores.prepare()
    return stores


async def test_a_date_is_one_contents_on_every_replica(tmp_path: Path, stores: Stores) -> None:
    separator = "&" if "?" in stores.metadata else "?"
    patient = replace(stores, metadata=f"{stores.metadata}{separator}timeout=60")  # on a loaded machine too
    async with _clients(tmp_path, patient) as clients:
        await _walk_all(clients, 1)


async def test_a_date_is_one_contents_in_a_folder(tmp_path: Path) -> None:
    async with _clients(tmp_path, await _in_a_folder(tmp_path)) as clients:
        await _walk_all(clients, 2)


async def test_a_date_is_one_contents_beside_a_replica_of_the_release_before(tmp_path: Path) -> None:
    """In a rolling update: the others give no date that the old one could give to something else."""
    stores = await _in_a_folder(tmp_path)
    async with _clients(tmp_path / "old", stores, 1, failpoint_mutant="dates_are_those_of_version_0_1_0") as old:
        assert (await old[0].put("a", jpeg(40, 30))).status == 201
        async with _clients(tmp_path / "new", stores, 2) as new:
            await _walk_all(old + new, 3, exact=False)
