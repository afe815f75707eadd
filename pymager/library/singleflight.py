"""Single-flight: one render of a variant at a time, in a process by a shared task, between replicas by a lease.

A lease only avoids duplicate work; correctness never depends on it. No clocks are compared: the holder renews the
token (`pymager.library.leases`), and a replica that has seen the same token for three seconds of its own monotonic
clock can take the lease over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Generic, TypeVar

from pymager.errors import LeaseHeld, Overloaded, Unavailable
from pymager.failpoints import reached
from pymager.library.leases import holding
from pymager.ports import Leases
from pymager.telemetry.families import LEASES
from pymager.telemetry.observer import OFF, Observer

TAKEOVER_SECONDS = 3.0
_FIRST_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.02, 0.25
_BACKOFF_FACTOR = 1.5

T = TypeVar("T")
S = TypeVar("S")


class SingleFlight(Generic[T, S]):
    """Runs the work for a key once, however many callers need it here and on other replicas.

    `reserve` gives the scarce resource that the work needs, such as a free worker. It is reserved before the lease is
    taken.
    """

    def __init__(
        self,
        leases: Leases,
        reserve: Callable[[], AbstractAsyncContextManager[S]],
        *,
        deadline: float = 120.0,
        observer: Observer = OFF,
    ) -> None:
        self._leases = leases
        self._reserve = reserve
        self._deadline = deadline
        self._observer = observer
        for outcome in ("won", "waited", "taken_over", "lost"):
            observer.count(LEASES, outcome, by=0)
        self._joined = observer.operation("flight.join", timing="join")
        self._running: dict[str, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._running)

    async def run(self, key: str, look: Callable[[], Awaitable[T | None]], make: Callable[[S], Awaitable[T]]) -> T:
        """Return what `look` finds, or else what `make` returns. Canceling a caller does not stop the work for others.

        Raises `Overloaded` if no resource can be reserved, `Unavailable` after the deadline, and what the two raise.
        """
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._run_once(key, look, make))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
            return await asyncio.shield(task)
        with self._joined():
            return await asyncio.shield(task)

    async def close(self, seconds: float) -> None:
        """Wait for running work, and cancel it after this many seconds. Every lease is released."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        for task in list(self._running.values()):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    def _forget(self, key: str, task: asyncio.Task[T]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # retrieved here too: all callers may have left

    async def _run_once(
        self, key: str, look: Callable[[], Awaitable[T | None]], make: Callable[[S], Awaitable[T]]
    ) -> T:
        end = monotonic() + self._deadline
        token, since, pause = "", 0.0, _FIRST_BACKOFF_SECONDS
        while monotonic() < end:
            try:
                async with self._reserve() as resource:
                    takes_over = bool(token) and monotonic() - since >= TAKEOVER_SECONDS
                    lease = await self._leases.acquire(key, token if takes_over else None)
                    self._observer.count(LEASES, "taken_over" if takes_over else "won")
                    async with holding(self._leases, lease, self._observer):
                        reached("derive.leased")
                        found = await look()
                        return await make(resource) if found is None else found
            except LeaseHeld as held:
                if not token:
                    self._observer.count(LEASES, "waited")
                if held.token != token:
                    token, since = held.token, monotonic()
            except Overloaded:
                if not token:
                    raise
            left = since + TAKEOVER_SECONDS - monotonic()  # until the lease can be taken over
            await asyncio.sleep(min(pause, left) if token and left > 0 else pause)
            pause = min(pause * _BACKOFF_FACTOR, _MAX_BACKOFF_SECONDS)
            found = await look()
            if found is not None:
                return found
        raise Unavailable(
            "another replica holds the lease of this variant and did not finish in time", outcome_known=True
        )
