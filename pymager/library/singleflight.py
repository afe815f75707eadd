"""Single-flight: one render of a variant at a time, in a process by a shared task, between replicas by a lease.

A lease only avoids duplicate work; correctness never depends on it. No clocks are compared: the holder renews the
token (`pymager.library.leases`), and a replica that has seen the same token for three seconds of its own monotonic
clock can take the lease over.

Work that waits is dropped when its last caller has left. Work that has begun is finished, because most of its cost is
paid by then and the next request for it is likely.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Generic, TypeVar

from pymager.errors import LeaseHeld, Overloaded, Unavailable
from pymager.failpoints import reached
from pymager.library.leases import Renewals
from pymager.ports import Leases
from pymager.telemetry.context import cancelable
from pymager.telemetry.families import LEASES
from pymager.telemetry.observer import OFF, Observer

TAKEOVER_SECONDS = 3.0
_FIRST_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.02, 0.25
_BACKOFF_FACTOR = 1.5

T = TypeVar("T")
S = TypeVar("S")


class _Flight(Generic[T]):
    """The shared work for a key: its task, how many callers wait for it, and whether it has begun to make something.

    Work that `is_dropped` is canceled, but not while it takes or releases a lease (`is_protected`): a lease that nobody
    knows would hold up other replicas. It ends by itself after that. A task for each of the two would protect
    them too, and cost several turns of the event loop.
    """

    __slots__ = ("callers", "is_dropped", "is_making", "is_protected", "task")

    task: asyncio.Task[T]

    def __init__(self) -> None:
        self.callers = 0
        self.is_making = self.is_dropped = self.is_protected = False


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
        self._running: dict[str, _Flight[T]] = {}
        self._dropped: set[asyncio.Task[T]] = set()  # canceled; they may still release a lease

    def __len__(self) -> int:
        return len(self._running)

    async def run(
        self,
        key: str,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[S], Awaitable[T]],
        *,
        reserve: Callable[[], AbstractAsyncContextManager[S]] | None = None,
    ) -> T:
        """Return what `look` finds, or else what `make` returns. Canceling a caller does not stop the work for others.

        `reserve` replaces the usual way to reserve the resource.

        When the last caller is canceled, work that has not called `make` is dropped; a caller that comes afterwards
        starts anew. Raises `Overloaded` if no resource can be reserved, `Unavailable` after the deadline, and what the
        two raise.
        """
        flight = self._running.get(key)
        if flight is None:
            return await self._wait(key, self._start(key, look, make, reserve or self._reserve))
        with self._joined():
            return await self._wait(key, flight)

    async def close(self, seconds: float) -> None:
        """Wait for work that has callers, at most this many seconds. Cancel all other work; every lease is released."""
        for key, flight in list(self._running.items()):
            if not flight.callers:
                self._drop(key, flight)
        if self._running:
            await asyncio.wait([flight.task for flight in self._running.values()], timeout=seconds)
        for key, flight in list(self._running.items()):
            self._drop(key, flight)
        if self._dropped:
            await asyncio.wait(self._dropped)

    def _start(
        self,
        key: str,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[S], Awaitable[T]],
        reserve: Callable[[], AbstractAsyncContextManager[S]],
    ) -> _Flight[T]:
        flight = self._running[key] = _Flight()
        flight.task = asyncio.create_task(self._run_once(flight, key, look, make, reserve))
        flight.task.add_done_callback(lambda task: self._forget(key, flight))
        return flight

    async def _wait(self, key: str, flight: _Flight[T]) -> T:
        """The result of the work; drops the work if nobody else needs it and the caller is canceled."""
        flight.callers += 1
        try:
            with cancelable():
                return await asyncio.shield(flight.task)
        finally:
            flight.callers -= 1
            if not flight.callers and not flight.is_making and self._running.get(key) is flight:
                self._drop(key, flight)

    def _drop(self, key: str, flight: _Flight[T]) -> None:
        """Cancel the work. It is forgotten in the same step, so that no caller can join it."""
        del self._running[key]
        self._dropped.add(flight.task)
        flight.is_dropped = True
        if not flight.is_protected:
            flight.task.cancel()

    def _forget(self, key: str, flight: _Flight[T]) -> None:
        self._dropped.discard(flight.task)
        if self._running.get(key) is flight:
            del self._running[key]
        if not flight.task.cancelled():
            flight.task.exception()  # retrieved here too: all callers may have left

    async def _run_once(
        self,
        flight: _Flight[T],
        key: str,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[S], Awaitable[T]],
        reserve: Callable[[], AbstractAsyncContextManager[S]],
    ) -> T:
        end = monotonic() + self._deadline
        token, since, pause = "", 0.0, _FIRST_BACKOFF_SECONDS
        while monotonic() < end:
            try:
                async with reserve() as resource:
                    takes_over = bool(token) and monotonic() - since >= TAKEOVER_SECONDS
                    renewals = await self._acquired(flight, key, token if takes_over else None)
                    self._observer.count(LEASES, "taken_over" if takes_over else "won")
                    try:
                        reached("derive.leased")
                        found = await look()
                        if found is not None:
                            return found
                        flight.is_making = True
                        return await make(resource)
                    finally:
                        flight.is_protected = True
                        await renewals.release()
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

    async def _acquired(self, flight: _Flight[T], key: str, instead_of: str | None) -> Renewals:
        """Take the lease. If the work is dropped meanwhile, release the lease again, and raise `CancelledError`."""
        flight.is_protected = True
        try:
            lease = await self._leases.acquire(key, instead_of)
        except (LeaseHeld, Unavailable):
            if flight.is_dropped:
                raise asyncio.CancelledError from None
            raise
        finally:
            flight.is_protected = False
        renewals = Renewals(self._leases, lease, self._observer)
        if flight.is_dropped:
            await renewals.release()
            raise asyncio.CancelledError
        return renewals
