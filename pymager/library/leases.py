"""Takes a lease, renews it while its holder works, and releases it at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from pymager.errors import LeaseHeld, LeaseLost, Unavailable
from pymager.failpoints import reached
from pymager.ports import Lease, Leases
from pymager.telemetry.families import LEASES
from pymager.telemetry.observer import OFF, Observer

RENEWAL_SECONDS = 1.0

log = structlog.get_logger("pymager.leases")


async def acquire(leases: Leases, name: str, instead_of: str | None = None) -> Lease:
    """Take a lease, as `Leases.acquire` does. If it is canceled meanwhile, it releases the lease that it gets.

    Otherwise other replicas would wait three seconds before they take over a lease that nobody uses.
    """
    acquiring = asyncio.ensure_future(leases.acquire(name, instead_of))
    try:
        return await asyncio.shield(acquiring)
    except asyncio.CancelledError:
        await asyncio.shield(_hand_back(leases, acquiring))
        raise


@asynccontextmanager
async def holding(leases: Leases, lease: Lease, observer: Observer = OFF) -> AsyncIterator[None]:
    """Renew the lease every second while inside; release it at the end."""
    renewals = Renewals(leases, lease, observer)
    try:
        yield
    finally:
        await asyncio.shield(renewals.release())


class Renewals:
    """Renews a lease every second until it is released. Most work ends within its first second and needs no renewal."""

    def __init__(self, leases: Leases, lease: Lease, observer: Observer) -> None:
        self._leases = leases
        self._lease = lease
        self._observer = observer
        self._stop = asyncio.Event()
        self._task: asyncio.Task[Lease | None] | None = None
        self._timer = asyncio.get_running_loop().call_later(RENEWAL_SECONDS, self._start)

    async def release(self) -> None:
        """Stop, and release the lease, unless it was lost.

        A renewal that is under way is not canceled: that would leave a token that nobody knows.
        """
        self._timer.cancel()
        last: Lease | None = self._lease
        if self._task is not None:
            self._stop.set()
            last = await asyncio.shield(self._task)
        if last is not None:
            await _release(self._leases, last)

    def _start(self) -> None:
        self._task = asyncio.create_task(self._renew())

    async def _renew(self) -> Lease | None:
        lease = self._lease
        while True:
            try:
                lease = await self._leases.renew(lease)
            except LeaseLost:
                self._observer.count(LEASES, "lost")
                return None  # harmless: both write the same variant under the same key
            except Unavailable as error:
                log.warning("lease not renewed", lease=lease.name, error=str(error))
            try:
                async with asyncio.timeout(RENEWAL_SECONDS):
                    await self._stop.wait()
                return lease
            except TimeoutError:
                pass


async def _hand_back(leases: Leases, acquiring: asyncio.Future[Lease]) -> None:
    try:
        lease = await acquiring
    except (LeaseHeld, Unavailable):
        return
    await _release(leases, lease)


async def _release(leases: Leases, lease: Lease) -> None:
    try:
        await leases.release(lease)
        reached("derive.released")
    except Unavailable as error:
        log.warning("lease not released; it can be taken over in seconds", lease=lease.name, error=str(error))
