"""Replaces replicas one after the other behind a balancer, under load: every request is counted, and every failure."""

import asyncio
import itertools
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pymager import registry
from tests.live.balancer import Balancer, Target
from tests.live.client import Answer, Raw, connected, head
from tests.live.program import TIMEOUT_SECONDS, Program, running, until
from tests.live.replicas import Stores
from tests.pictures import jpeg

PHOTO = jpeg(320, 240)
_REPLICAS = 3
_HITS, _COLD, _UPLOADS = 3, 1, 1  # connections
_AT_LEAST = 3  # requests of each kind, in each replacement
_LONG = 600.0
_PACE = 0.01  # seconds that a client takes over an answer, so that replicas have time to start


@dataclass(slots=True)
class Tally:
    """What the clients saw: how many requests of each kind were answered as they should, and what went wrong."""

    answered: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    replaced: int = 0

    async def count(self, kind: str, expected: int, asking: Awaitable[Answer]) -> Answer | None:
        """Await a response; None if none arrived."""
        try:
            answer = await asking
        except (OSError, EOFError, TimeoutError) as error:
            self.failures.append(f"{kind}: {type(error).__name__} {error}")
            return None
        if answer.status == expected:
            self.answered[kind] += 1
        else:
            self.failures.append(f"{kind}: {answer}")
        return answer


@dataclass(slots=True)
class Rollout:
    """Three replicas behind a balancer. With `delay` None they drain until they are told to go on by SIGINT, just
    when the balancer has let go of them; otherwise for so many seconds, as in a cluster.
    """

    folder: Path
    stores: Stores
    balancer: Balancer
    delay: float | None
    stack: AsyncExitStack
    tally: Tally = field(default_factory=Tally)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def start(self) -> tuple[Program, Target]:
        """Start a new replica; the balancer checks from now on whether it is ready."""
        settings = {
            "blobs": self.stores.blobs,
            "metadata": self.stores.metadata,
            "drain_delay": _LONG if self.delay is None else self.delay,
            "shutdown_timeout": _LONG,
            "stall_timeout": _LONG,
            "log_level": "warning",
        }
        folder = self.folder / f"replica-{next(self._numbers)}"
        program = await self.stack.enter_async_context(running(folder, **settings))
        target = self.balancer.add(program.port)
        await until(lambda: target.ready, "a replica that is ready")
        return program, target

    async def replace(self, program: Program, target: Target) -> tuple[Program, Target]:
        """Start another replica and end this one, during a slow upload to it."""
        before = self.tally.answered.copy()
        starting = asyncio.create_task(self.start())
        async with self._slow_upload(target) as upload:
            program.signal(signal.SIGTERM)
            await until(lambda: not target.ready, "the balancer to notice")
            if self.delay is None:
                await until(lambda: target.connections == 1, "the other clients to go elsewhere")
                program.signal(signal.SIGINT)
            await until(lambda: refuses(target.port), "the end of listening")
            await upload.send(PHOTO[1000:])
            await self.tally.count("slow upload", 201, upload.answer())
        if (code := await program.ended()) != 0:
            self.tally.failures.append(f"a replica ended with {code}: {program.log}")
        self.balancer.remove(target)
        self.tally.replaced += 1
        new = await starting
        await until(lambda: all(self._since(before, kind) >= _AT_LEAST for kind in LOADS), "the load to go on")
        return new

    async def leases_left(self) -> int:
        """How many leases were not released."""
        async with registry.load_metadata(self.stores.metadata) as metadata:
            return await metadata.tidy(-60)  # also those that were touched just now

    def _since(self, before: Counter[str], kind: str) -> int:
        return self.tally.answered[kind] - before[kind] + (TIMEOUT_SECONDS if self.tally.failures else 0)

    @asynccontextmanager
    async def _slow_upload(self, target: Target) -> AsyncIterator[Raw]:
        """An upload through the balancer to this replica, which has taken a part of it and waits for the rest."""
        async with AsyncExitStack() as stack:
            while True:
                raw = await stack.enter_async_context(connected(self.balancer.port))
                await until(lambda: self.balancer.target_of(raw.port), "the balancer's choice")  # noqa: B023
                if self.balancer.target_of(raw.port) is target:
                    break
                raw.writer.close()
            path = f"/original/slow-{self.tally.replaced}"
            await raw.send(head("PUT", path, Content_Length=len(PHOTO), Expect="100-continue"))
            assert (await raw.head())[0] == 100
            await raw.send(PHOTO[:1000])
            yield raw


@asynccontextmanager
async def rollout(
    folder: Path, stores: Stores, delay: float | None
) -> AsyncIterator[tuple[Rollout, Callable[[], Awaitable[None]]]]:
    """A cluster under load; what comes with it replaces each of its replicas once."""
    async with AsyncExitStack() as stack, Balancer() as balancer:
        cluster = Rollout(folder, stores, balancer, delay, stack)
        replicas = [await cluster.start() for _ in range(_REPLICAS)]

        async def roll() -> None:
            for number in range(_REPLICAS):
                replicas[number] = await cluster.replace(*replicas[number])

        async with loaded(balancer.port, cluster.tally):
            yield cluster, roll


@asynccontextmanager
async def loaded(port: int, tally: Tally) -> AsyncIterator[None]:
    """Clients of all kinds; each sends its next request after the last response."""
    async with connected(port) as raw:
        await raw.send(head("PUT", "/original/cat", Content_Length=len(PHOTO)) + PHOTO)
        assert (await raw.answer()).status == 201
    done = asyncio.Event()
    numbers = itertools.count(1)
    kinds = [kind for kind, count in LOADS.items() for _ in range(count)]
    clients = [asyncio.create_task(_client(port, kind, numbers, tally, done)) for kind in kinds]
    try:
        yield
    finally:
        done.set()
        await asyncio.gather(*clients)


LOADS = {"hit": _HITS, "cold": _COLD, "upload": _UPLOADS}


async def _client(port: int, kind: str, numbers: "itertools.count[int]", tally: Tally, done: asyncio.Event) -> None:
    """One connection after the other, each used until the server closes it."""
    while not done.is_set():
        try:
            async with connected(port) as raw:
                while not done.is_set():
                    status, request = _request(kind, next(numbers))
                    await raw.send(request)
                    answer = await tally.count(kind, status, raw.answer())
                    await asyncio.sleep(_PACE)
                    if answer is None or answer.headers.get("connection") == "close":
                        break
        except OSError as error:
            tally.failures.append(f"{kind}: {type(error).__name__} {error}")


def _request(kind: str, number: int) -> tuple[int, bytes]:
    match kind:
        case "hit":
            return 200, head("GET", "/derived/cat-20x20.jpg")
        case "cold":
            return 200, head("GET", f"/derived/cat-{number % 4_000 + 1}x{number // 4_000 + 10}.jpg")
        case _:
            return 201, head("PUT", f"/original/upload-{number}", Content_Length=len(PHOTO)) + PHOTO


def refuses(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
