"""Load on three replicas while they are killed, stopped and continued; the clients' own log is the oracle."""

import asyncio
import signal
from collections import Counter, deque
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random

from pymager import failpoints, keys, names, registry
from pymager.errors import Unavailable
from pymager.ports import BlobStore, MetadataStore
from tests.live.client import Client
from tests.live.histories import Histories
from tests.live.program import TIMEOUT_SECONDS, Program, command, until
from tests.live.replicas import Stores
from tests.live.sink import Sink, pending

_SWEEP_ALL = {"sweep_grace": 0, "sweep_max_orphan_percent": 100}  # kills leave more orphans than there are originals
_CLIENTS = 5
_ACTIVE_IDS = 6
_OPERATIONS = 50  # of one id, and a few more that were under way
_ACTIONS = ("POST", "PUT", "PUT again", "DELETE", "derived", "original")
_WEIGHTS = (20, 25, 8, 15, 35, 8)
_SIZES = ((40, 30), (80, 60), (120, 90))
_SWEEPS = 0.3  # seconds between them: some have to come between an upload's put and its commit
_STRIKES_WITHIN = 8.0  # seconds until a replica that has not come to the point is killed where it is
_MOST_ATTEMPTS = 10  # at one point
_REPEAT_SECONDS = 1.0
_LONGEST_STOP = 4.0  # longer than a lease is waited for
RANDOM = "at a random moment"
STOPPED = "stopped and continued"
_BESIDES = [RANDOM] * 6 + [STOPPED] * 5  # for each round


def named_points(stores: Stores) -> list[str]:
    """The points of the code that a program over these stores passes."""
    named = [name for name in failpoints.NAMES if not name.startswith("file.")]
    if _has_sql(stores):
        return named
    return [name for name in named if not name.startswith("sql.") and "mezzanine" not in name]


def points(stores: Stores, rounds: int) -> list[str]:
    """What befalls the replicas in so many rounds, in order."""
    return (named_points(stores) + _BESIDES) * rounds


def kills_of_a_round(stores: Stores) -> int:
    """How many of these are kills."""
    return len(named_points(stores)) + _BESIDES.count(RANDOM)


def mezzanines(stores: Stores) -> tuple[int | str, ...]:
    """The setting of each replica: one has another side, as in a rolling update, and misses the others' mezzanines."""
    return (256, 256, 320) if _has_sql(stores) else ("off",) * 3


def _has_sql(stores: Stores) -> bool:
    return not stores.metadata.startswith("dynamodb:")


class Replica:
    """A place in the cluster: a program that is started again after each kill."""

    def __init__(self, folder: Path, stores: Stores, mezzanine: int | str, sink: Sink) -> None:
        self._folder, self._stores, self._mezzanine, self._sink = folder, stores, mezzanine, sink
        self._stack = AsyncExitStack()
        self._starts = 0
        self.is_up = False
        self.program: Program
        self.client: Client

    async def start(self) -> None:
        """Start the program on the folder that its forerunner left."""
        self._starts += 1
        settings = {"blobs": self._stores.blobs, "metadata": self._stores.metadata, "workers": 1}
        settings["mezzanine"] = self._mezzanine
        sweeps = {**_SWEEP_ALL, "sweep_interval": _SWEEPS}
        hooks = {"failpoint_kill": self._order, "failpoint_killed": self._killed}
        settings |= self._sink.settings
        self.program = Program(self._folder, (), f"start-{self._starts}", settings | sweeps | hooks)
        self._stack.push_async_callback(self.program.close)
        await self.program.answers()
        self.client = await self._stack.enter_async_context(Client(self.program.url))
        self.is_up = True

    async def strike(self, point: str, nth: int, seconds: float) -> str:
        """Have it killed at the point, or just so where it does not come there in time; the point, or RANDOM."""
        draft = self._order.with_suffix(".draft")
        draft.write_text(f"{point} {nth}")
        draft.rename(self._order)
        try:
            await until(lambda: self.program.code is not None, point, seconds)
        except AssertionError:
            await self.kill()
        self.is_up = False
        assert await self.program.ended() == -signal.SIGKILL, self.program.log
        return self._killed.read_text() if self._killed.exists() else RANDOM

    async def kill(self) -> None:
        """kill -9, just now."""
        self.is_up = False
        await self.program.kill()

    async def pause(self, seconds: float) -> None:
        """Stop it in the middle of whatever it does, and continue it later."""
        self.program.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.program.signal(signal.SIGCONT)

    async def end(self) -> None:
        """SIGTERM; it has to end in good order."""
        self.is_up = False
        assert await self.program.stop() == 0, self.program.log

    async def close(self) -> None:
        await self._stack.aclose()

    @property
    def _order(self) -> Path:
        return self._folder / f"order-{self._starts}"

    @property
    def _killed(self) -> Path:
        return self._folder / f"killed-{self._starts}"


class ClusterStorm:
    """`struck` counts what befell the replicas, by named point, and `missed` the points to which none of them came."""

    def __init__(self, folder: Path, stores: Stores, random: Random) -> None:
        self.struck: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.sink = Sink(random, _REPEAT_SECONDS)
        self.histories = Histories(self.sink)
        self._folder, self._stores, self._random = folder, stores, random
        self._replicas = [
            Replica(folder / f"replica-{number}", stores, side, self.sink)
            for number, side in enumerate(mezzanines(stores))
        ]
        self._ids = self._sweeps = 0
        self._active: list[str] = []

    @property
    def kills(self) -> int:
        """How many processes were killed, replicas and sweeps."""
        return self.struck.total() - self.struck[STOPPED]

    async def run(self, points: list[str]) -> None:
        """One strike at each of the points, in their order but for those that have to be tried again; the reckoning."""
        async with self.sink:
            try:
                async with asyncio.TaskGroup() as group:
                    for replica in self._replicas:
                        group.create_task(replica.start())
                async with asyncio.TaskGroup() as group:
                    clients = [group.create_task(self._load(number)) for number in range(_CLIENTS)]
                    await self._strike_all(points)
                    for client in clients:
                        client.cancel()
                await self._reckon()
            finally:
                for replica in self._replicas:
                    await replica.close()

    async def _strike_all(self, points: list[str]) -> None:
        """Each replica takes the next point from the common list as soon as it is up; a missed one goes to its end."""
        left, attempts = deque(points), Counter[str]()

        async def suffer(replica: Replica) -> None:
            while left:
                point = left.popleft()
                if await self._strike(replica, point, attempts[point]) == point:
                    continue
                attempts[point] += 1
                if attempts[point] < _MOST_ATTEMPTS:
                    left.append(point)
                else:
                    self.missed[point] += 1

        async with asyncio.TaskGroup() as group:
            for replica in self._replicas[1:]:  # the first stays, or nobody would get anything done
                group.create_task(suffer(replica))

    async def _strike(self, replica: Replica, point: str, failed: int) -> str:
        """Where it was struck: at the point, or at a random moment because it did not come there in time.

        After `failed` attempts it has more time, and dies at its first pass: a busy machine takes longer to come there.
        """
        struck = point
        if point == STOPPED:
            await replica.pause(self._random.uniform(0.1, _LONGEST_STOP))
        elif point == RANDOM:
            await asyncio.sleep(self._random.uniform(0, 1))
            await replica.kill()
        elif point.startswith("sweep."):
            await self._kill_a_sweep(point)
        else:
            nth = 1 if failed else self._random.randint(1, 3)
            struck = await replica.strike(point, nth, _STRIKES_WITHIN * (failed + 1))
        self.struck[struck] += 1
        if not replica.is_up:
            assert replica.program.logged("internal error") == []
            await replica.start()
        return struck

    async def _kill_a_sweep(self, point: str) -> None:
        """Kill a `sweep` beside the service, with enough for it to find: the replicas' own sweeps take some of it."""
        self._sweeps += 1
        folder = self._folder / f"sweep-{self._sweeps}"
        folder.mkdir()
        order, killed = folder / "order", folder / "killed"
        order.write_text(f"{point} 1")
        settings = {"blobs": self._stores.blobs, "metadata": self._stores.metadata, **_SWEEP_ALL}
        async with registry.load_blobs(self._stores.blobs) as blobs:
            sweep = asyncio.create_task(
                command(folder, "sweep", failpoint_kill=order, failpoint_killed=killed, **settings)
            )
            while not sweep.done():
                with suppress(Unavailable):  # a replica has swept it before the store had a look
                    await blobs.put(f"{keys.ORIGINALS}orphan/{names.new_revision()}.png", b"an orphan", "image/png")
                await asyncio.sleep(0.02)
        done = await sweep
        assert (done.code, killed.read_text()) == (-signal.SIGKILL, point), done

    async def _load(self, number: int) -> None:
        while True:
            up = [replica for replica in self._replicas if replica.is_up]
            await self._step(self._random.choice(up).client, number)
            await asyncio.sleep(0)

    async def _step(self, client: Client, number: int) -> None:
        id = self._some_id()
        action = self._random.choices(_ACTIONS, _WEIGHTS)[0]
        match action:
            case "derived":
                await self.histories.read(client, id, self._random.choice(_SIZES), number)
            case "original":
                await self.histories.read(client, id, None, number)
            case "PUT again":
                await self.histories.write(client, "PUT", id, number, again=True)
            case _:
                await self.histories.write(client, action, id, number)

    def _some_id(self) -> str:
        """One of those that are written now; one that has its fill is left to the reckoning."""
        self._active = [id for id in self._active if self.histories.count(id) < _OPERATIONS]
        while len(self._active) < _ACTIVE_IDS:
            self._ids += 1
            self._active.append(f"id-{self._ids}")
        return self._random.choice(self._active)

    async def _reckon(self) -> None:
        """All replicas agree, every history could have been, and a sweep beside them leaves what the rows imply."""
        for id in self.histories.ids:
            for number, replica in enumerate(self._replicas):
                await self.histories.read(replica.client, id, None if number else _SIZES[0], _CLIENTS + number)
        wrong = self.histories.impossible()
        assert not wrong, "\n".join(wrong)
        await self._purge_all()
        await assert_swept(self._folder, self._stores)
        for replica in self._replicas:
            assert replica.program.logged("internal error") == []
            await replica.end()

    async def _purge_all(self) -> None:
        """The replicas take over what the killed ones left, and then everything acknowledged has been purged."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await pending(self._stores.metadata):
                await asyncio.sleep(0.5)
        assert self.sink.missing() == []
        assert self.sink.acknowledged


async def assert_swept(folder: Path, stores: Stores) -> None:
    """After a sweep beside the service there is no orphan, and no row without its blob."""
    settings = {"blobs": stores.blobs, "metadata": stores.metadata, **_SWEEP_ALL}
    done = await command(folder, "sweep", **settings)
    assert done.code == 0, done
    checked = await command(folder, "check", **settings)
    assert checked.code == 0, checked
    async with registry.load_blobs(stores.blobs) as blobs, registry.load_metadata(stores.metadata) as metadata:
        await _assert_blobs_are_as_the_catalog_says(blobs, metadata)


async def _assert_blobs_are_as_the_catalog_says(blobs: BlobStore, metadata: MetadataStore) -> None:
    rows, cursor = set(), None
    while True:
        page = await metadata.list_page(cursor, 500)
        rows |= {(original.id, original.revision) for original in page.items}
        if (cursor := page.next) is None:
            break
    originals = [keys.owner_of(info.key) async for info in blobs.list(keys.ORIGINALS)]
    assert sorted((owner.id, owner.revision) for owner in originals if owner) == sorted(rows)
    owners = [keys.owner_of(info.key) async for info in blobs.list(keys.DERIVED)]
    assert {(owner.id, owner.revision) for owner in owners if owner} - rows == set()
