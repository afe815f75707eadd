"""One render of a picture at a time: in a process by one shared task, between replicas by a lease.

A lease saves work and never guards truth. No clock is compared: the holder changes its token every second, and who
has seen the same token for three seconds of its own monotonic clock may take the lease over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic
from typing import Generic, TypeVar

import structlog

from pymager.errors import Held, Lost, Overloaded, Unavailable
from pymager.failpoints import reached
from pymager.ports import Lease, Leases
from pymager.telemetry.families import LEASES
from pymager.telemetry.observer import OFF, Observer

RENEWAL = 1.0
PATIENCE = 3.0
_SHORTEST, _LONGEST = 0.02, 0.25

log = structlog.get_logger("pymager.singleflight")

T = TypeVar("T")
S = TypeVar("S")


@asynccontextmanager
async def kept(leases: Leases, lease: Lease, observer: Observer = OFF) -> AsyncIterator[None]:
    """Renew the lease every second while inside, and release it at the end."""
    stop = asyncio.Event()
    renewal = asyncio.create_task(_renew(leases, lease, stop, observer))
    try:
        yield
    finally:
        stop.set()
        # Not cancelled: a renewal cut off in the middle would leave a token that nobody knows.
        last = await asyncio.shield(renewal)
        if last is not None:
            await asyncio.shield(_release(leases, last))


class SingleFlight(Generic[T, S]):
    """Runs the work for a key once, however many ask for it here and on other replicas.

    `slots` gives what the work needs and what there is little of (a free worker): only who has one takes the lease.
    """

    def __init__(
        self,
        leases: Leases,
        slots: Callable[[], AbstractAsyncContextManager[S]],
        *,
        deadline: float = 120.0,
        observer: Observer = OFF,
    ) -> None:
        self._leases = leases
        self._slots = slots
        self._deadline = deadline
        self._observer = observer
        for outcome in ("won", "waited", "taken_over", "lost"):
            observer.count(LEASES, outcome, by=0)
        self._joined = observer.operation("flight.join", timing="join")
        self._running: dict[str, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._running)

    async def run(self, key: str, look: Callable[[], Awaitable[T | None]], make: Callable[[S], Awaitable[T]]) -> T:
        """What `look` finds, or else what `make` makes; the caller may leave without stopping it for the others.

        Raises `Overloaded` where no slot is to be had, `Unavailable` past the deadline, and what the two raise.
        """
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._fly(key, look, make))
            self._running[key] = task
            task.add_done_callback(lambda done: self._land(key, done))
            return await asyncio.shield(task)
        with self._joined():
            return await asyncio.shield(task)

    async def close(self, seconds: float) -> None:
        """Wait for the work that runs, and cancel it after this many seconds. Every lease is released."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        for task in list(self._running.values()):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    def _land(self, key: str, task: asyncio.Task[T]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # retrieved here too: every client may have left

    async def _fly(self, key: str, look: Callable[[], Awaitable[T | None]], make: Callable[[S], Awaitable[T]]) -> T:
        end = monotonic() + self._deadline
        token, since, pause = "", 0.0, _SHORTEST
        while monotonic() < end:
            try:
                async with self._slots() as slot:
                    patient = not token or monotonic() - since < PATIENCE
                    lease = await self._leases.acquire(key, None if patient else token)
                    self._observer.count(LEASES, "won" if patient else "taken_over")
                    async with kept(self._leases, lease, self._observer):
                        reached("derive.leased")
                        found = await look()
                        return await make(slot) if found is None else found
            except Held as held:
                if not token:
                    self._observer.count(LEASES, "waited")
                if held.token != token:
                    token, since = held.token, monotonic()
            except Overloaded:
                if not token:
                    raise
            over = since + PATIENCE - monotonic()  # then the lease may be taken, so wake up just there
            await asyncio.sleep(min(pause, over) if token and over > 0 else pause)
            pause = min(pause * 1.5, _LONGEST)
            found = await look()
            if found is not None:
                return found
        raise Unavailable("another replica holds this picture's lease and does not finish it", outcome_known=True)


async def _renew(leases: Leases, lease: Lease, stop: asyncio.Event, observer: Observer) -> Lease | None:
    while True:
        try:
            async with asyncio.timeout(RENEWAL):
                await stop.wait()
            return lease
        except TimeoutError:
            pass
        try:
            lease = await leases.renew(lease)
        except Lost:
            observer.count(LEASES, "lost")
            return None  # harmless: both would write a right picture under the same key
        except Unavailable as error:
            log.warning("lease not renewed", lease=lease.name, error=str(error))


async def _release(leases: Leases, lease: Lease) -> None:
    try:
        await leases.release(lease)
        reached("derive.released")
    except Unavailable as error:
        log.warning("lease not released; it is taken over in seconds", lease=lease.name, error=str(error))
