"""Rounds of load and kills on one folder, each checked against the ledger by the next start."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.live.client import Answer, Client, Lost
from tests.live.ledger import Content, Entry, Ledger
from tests.live.numbered import numbered
from tests.live.program import TIMEOUT_SECONDS, Program, command, running, until
from tests.live.sink import Sink, pending
from tests.live.traces import assert_nothing_leaked, assert_swept

_IDS = 42
_WRITERS = 3
_ACTIONS = ("POST", "PUT", "PUT again", "DELETE", "derived", "original")
_WEIGHTS = (20, 25, 8, 12, 32, 8)
_SIZES = ((40, 30), (80, 60), (120, 90))
_EXTENSIONS = ("jpg", "png", "webp")
_LOST_MEZZANINES = 0.3  # share of the reads before which the mezzanine is deleted
_ORPHAN_LEFT_AT = "upload.blob-put"
_ROUNDS_TO_A_SWEEP = 10
_MEZZANINES = (256, 320)  # sides: every third picture is large enough for one
_BUSY_SWEEPS = 0.1  # seconds between them: some have to come between an upload's put and its commit
RANDOM = "at a random moment"


@dataclass(frozen=True)
class Kill:
    """Where the next kill strikes: at a named point, or at a random moment."""

    point: str = RANDOM

    @property
    def is_sweep(self) -> bool:
        """Whether it is the `sweep` command that dies, and the server before it, to leave something to sweep."""
        return self.point.startswith("sweep.")


class Storm:
    """Goes through its kills; `kills` counts them by where they struck."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.kills: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._folder = folder
        self._random = random
        self._ledger = Ledger(_IDS)
        self.sink = Sink(random, 0)
        self._round = 0

    async def run(self, kills: list[Kill]) -> None:
        """One round a kill; every few rounds, and at the end, nothing may be left after a sweep."""
        async with self.sink:
            for number, kill in enumerate(kills, 1):
                await self._until_killed(_ORPHAN_LEFT_AT if kill.is_sweep else kill.point, sweeping=not kill.is_sweep)
                if kill.is_sweep:
                    await self._kill_a_sweep(kill.point)
                if number % _ROUNDS_TO_A_SWEEP == 0:
                    await assert_swept(self._folder)
            await self._end_in_peace()

    async def _until_killed(self, point: str, *, sweeping: bool) -> None:
        self._round += 1
        order, killed = self._folder / f"order-{self._round}", self._folder / f"killed-{self._round}"
        interval = self._random.choice((0, _BUSY_SWEEPS)) if sweeping else 0
        sides = _MEZZANINES if "mezzanine" in point else (*_MEZZANINES, "off")
        async with running(
            self._folder,
            name=f"round-{self._round}",
            failpoint_kill=order,
            failpoint_killed=killed,
            sweep_grace=0,
            sweep_max_orphan_percent=100,
            sweep_interval=interval,
            mezzanine=self._random.choice(sides),
            **self.sink.settings,
        ) as program:
            await self._verify(program)
            if point == RANDOM:
                await self._load(program, asyncio.create_task(self._killed_some_time(program)))
            else:
                _write_whole(order, f"{point} {self._random.randint(1, 3)}")
                await self._load(program, asyncio.create_task(until(lambda: program.code is not None, point)))
                assert killed.read_text() == point
            assert await program.ended() == -9, program.log
            assert program.logged("internal error") == []
        self.kills[point] += 1

    async def _kill_a_sweep(self, point: str) -> None:
        order, killed = self._folder / f"order-sweep-{self._round}", self._folder / f"killed-sweep-{self._round}"
        _write_whole(order, f"{point} 1")
        done = await command(
            self._folder,
            "sweep",
            failpoint_kill=order,
            failpoint_killed=killed,
            sweep_grace=0,
            sweep_max_orphan_percent=100,
        )
        assert done.code == -9, done
        assert killed.read_text() == point
        self.kills[point] += 1

    async def _end_in_peace(self) -> None:
        async with running(self._folder, name="last") as program:
            await self._verify(program)
            assert await program.stop() == 0
        await self._purge_all()
        await assert_swept(self._folder)
        assert_nothing_leaked(self._folder)

    async def _purge_all(self) -> None:
        """Send what is left in the outbox; then everything acknowledged has been purged."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await pending(f"sqlite:///{self._folder}/data/catalog.db"):
                done = await command(self._folder, "purges", "retry", **self.sink.settings)
                assert done.code in (0, 1), done  # the cache fails some requests
        assert self.sink.missing() == []
        assert self.sink.acknowledged

    async def _killed_some_time(self, program: Program) -> None:
        await asyncio.sleep(self._random.uniform(0, 1))
        await program.kill()

    async def _load(self, program: Program, death: asyncio.Task[object]) -> None:
        """Writers with ids of their own, and a reader of all, until the program dies."""
        async with Client(program.url) as client, asyncio.TaskGroup() as group:
            for first in range(_WRITERS):
                group.create_task(self._write(client, self._ledger.entries[first::_WRITERS], death))
            group.create_task(self._read(client, death))
            await death

    async def _write(self, client: Client, entries: list[Entry], death: asyncio.Task[object]) -> None:
        try:
            while True:
                await self._step(client, self._random.choice(entries))
        except Lost:
            await death  # an answer is lost only if the program dies

    async def _step(self, client: Client, entry: Entry) -> None:
        action = self._random.choices(_ACTIONS, _WEIGHTS)[0]
        match action:
            case "derived":
                if self._random.random() < _LOST_MEZZANINES:
                    self._lose_mezzanine(entry)
                entry.require({await self._derived(client, entry)}, "GET derived")
            case "original":
                content = self._ledger.content_of_original(await client.get(f"/original/{entry.id}"))
                entry.require({content}, "GET original")
            case _:
                await self._mutate(client, entry, action)

    def _lose_mezzanine(self, entry: Entry) -> None:
        """Delete it from under the program, which anybody may do at any time."""
        with suppress(FileNotFoundError):
            for path in (self._folder / "data/blobs/derived").glob(f"*/{entry.id}/*/*/mezzanine.jpg"):
                path.unlink()

    async def _mutate(self, client: Client, entry: Entry, action: str) -> None:
        method = action.partition(" ")[0]
        number, data = self._body(entry, action)
        entry.begin(f"{method} {number}")
        answer: Answer | None = None
        began = time.monotonic()
        try:
            match method:
                case "POST":
                    answer = await client.post(entry.id, data)
                case "PUT":
                    answer = await client.put(entry.id, data)
                case _:
                    answer = await client.delete(entry.id)
        finally:
            self.answers[f"{method} {'lost' if answer is None else answer.status}"] += 1
            self._ledger.written(entry, method, number, answer)
            # The same bytes change nothing.
            if answer is not None and (action, answer.status) in (("DELETE", 204), ("PUT", 200)):
                self.sink.acknowledge(entry.id, began)

    def _body(self, entry: Entry, action: str) -> tuple[Content, bytes]:
        """What a mutation sends: a new picture, or one that the id may have."""
        if action == "DELETE":
            return None, b""
        present = sorted(number for number in entry.present if number is not None)
        if action == "PUT again" and present:
            number = self._random.choice(present)
            return number, numbered(number)
        return self._ledger.new_picture()

    async def _read(self, client: Client, death: asyncio.Task[object]) -> None:
        """Others' ids: what is read is strict only if nobody wrote meanwhile."""
        try:
            while True:
                entry = self._random.choice(self._ledger.entries)
                was_quiet, version = not entry.busy, entry.version
                content = await self._derived(client, entry)
                if was_quiet and entry.version == version:
                    entry.require({content}, "GET derived by another")
        except Lost:
            await death

    async def _derived(self, client: Client, entry: Entry) -> int | None:
        size = self._random.choice(_SIZES)
        name = f"{entry.id}-{size[0]}x{size[1]}.{self._random.choice(_EXTENSIONS)}"
        return self._ledger.content_of_derived(await client.get(f"/derived/{name}"), size)

    async def _verify(self, program: Program) -> None:
        """All that was acknowledged is there, byte for byte, and nothing of what was deleted."""
        async with Client(program.url) as client:
            for entry in self._ledger.entries:
                content = self._ledger.content_of_original(await client.get(f"/original/{entry.id}"))
                entry.require({content}, "GET original after a start")
                content = self._ledger.content_of_info(await client.get(f"/info/{entry.id}"))
                entry.require({content}, "GET info after a start")
                entry.require({await self._derived(client, entry)}, "GET derived after a start")


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)
