"""Clients of a recorded program, and what they can rely on at each moment of its record."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random

from tests.live.client import Answer, Client
from tests.live.numbered import numbered
from tests.live.power_loss import recorder
from tests.live.program import Program, running

NEVER = sys.maxsize
_WRITERS = 4
_LARGE_EVERY = 40  # uploads: these have a mezzanine
_ACTIONS = ("POST", "PUT", "DELETE", "derived")
_WEIGHTS = (60, 12, 18, 10)
_SIZES = ((40, 30), (80, 60))
_STATUSES = {"POST": (201,), "PUT": (200, 201), "DELETE": (204,)}


@dataclass(frozen=True)
class Write:
    """A mutation: the sizes of the record when it was sent and when it was acknowledged, and the hash it leaves.

    One that was answered with 503 is `NEVER` acknowledged.
    """

    sent: int
    acknowledged: int
    sha256: str | None


@dataclass
class Recording:
    """A folder whose changes are recorded: `disk` is recorded, `log` is the record."""

    folder: Path
    writes: dict[str, list[Write]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.disk.mkdir(parents=True)

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def log(self) -> Path:
        return self.folder / "changes"

    @property
    def size(self) -> int:
        """How much of the record there is by now."""
        return self.log.stat().st_size if self.log.exists() else 0

    @property
    def acknowledgments(self) -> list[int]:
        """The sizes of the record at which something was acknowledged."""
        found = (write.acknowledged for writes in self.writes.values() for write in writes)
        return sorted(size for size in found if size != NEVER)

    @property
    def uploads(self) -> int:
        """How many were acknowledged."""
        return sum(
            write.sha256 is not None and write.acknowledged != NEVER
            for writes in self.writes.values()
            for write in writes
        )

    def possible(self, size: int) -> dict[str, set[str | None]]:
        """The hashes that each id may have if the record ends at this size."""
        return {id: set(_possible(writes, size)) for id, writes in self.writes.items()}

    def acknowledged(self, size: int) -> int:
        """How many writes were acknowledged by then."""
        return sum(write.acknowledged <= size for writes in self.writes.values() for write in writes)

    @asynccontextmanager
    async def running(self, name: str, **settings: object) -> AsyncIterator[Program]:
        """A program over the recorded folder. It is a fresh one: an interpreter that starts with the recorder."""
        variables = {
            "LD_PRELOAD": str(recorder()),
            "POWER_LOSS_ROOT": str(self.disk.resolve()),
            "POWER_LOSS_LOG": str(self.log.resolve()),
        }
        where = {"data": self.disk / "data", "spool": self.disk / "spool"}
        assert not variables.keys() & os.environ.keys()
        os.environ.update(variables)
        try:
            context = running(self.folder, name=name, wait=False, fresh=True, **(where | settings))
            program = await context.__aenter__()
        finally:
            for variable in variables:
                del os.environ[variable]
        try:
            await program.answers()
            yield program
        finally:
            await context.__aexit__(None, None, None)


def _possible(writes: list[Write], size: int) -> Iterator[str | None]:
    now: str | None = None
    for write in writes:
        if write.acknowledged <= size:
            now = write.sha256
        elif write.sent <= size:
            yield write.sha256
    yield now


class Load:
    """Writers, each with ids of its own, until so many uploads are acknowledged."""

    def __init__(self, recording: Recording, random: Random) -> None:
        self._recording, self._random = recording, random
        self._numbers = count(1)
        self._ids = count(1)

    async def run(self, program: Program, uploads: int) -> None:
        """Writes, and reads that render. Only a sweep may have an upload refused, with 503."""
        end = self._recording.uploads + uploads
        async with Client(program.url) as client, asyncio.TaskGroup() as group:
            for _ in range(_WRITERS):
                group.create_task(self._write(client, end))

    async def _write(self, client: Client, end: int) -> None:
        present: list[str] = []
        while self._recording.uploads < end:
            action = self._random.choices(_ACTIONS, _WEIGHTS)[0] if present else "POST"
            id = f"id-{next(self._ids)}" if action == "POST" else self._random.choice(present)
            if action == "derived":
                width, height = self._random.choice(_SIZES)
                answer = await client.get(f"/derived/{id}-{width}x{height}.png")
                assert answer.status == 200, answer
                continue
            is_done = await self._mutate(client, action, id)
            if is_done and action == "POST":
                present.append(id)
            elif not is_done or action == "DELETE":
                present = [each for each in present if each != id]

    async def _mutate(self, client: Client, action: str, id: str) -> bool:
        """Whether it was acknowledged; otherwise nobody writes this id again."""
        data = None if action == "DELETE" else self._picture()
        sent = self._recording.size
        answer: Answer
        match action:
            case "POST":
                answer = await client.post(id, data)
            case "PUT":
                answer = await client.put(id, data)
            case _:
                answer = await client.delete(id)
        is_done = answer.status in _STATUSES[action]
        assert is_done or answer.status == 503, answer
        left = None if data is None else sha256(data).hexdigest()
        write = Write(sent, self._recording.size if is_done else NEVER, left)
        self._recording.writes.setdefault(id, []).append(write)
        return is_done

    def _picture(self) -> bytes:
        """Mostly a small one."""
        number = next(self._numbers)
        return numbered(3 * number + (2 if number % _LARGE_EVERY == _LARGE_EVERY // 2 else number % 2))
