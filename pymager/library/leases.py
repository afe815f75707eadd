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
    stop = asyncio.Event()
    renewal = asyncio.create_task(_renew(leases, lease, stop, observer))
    try:
        yield
    finally:
        stop.set()
        # Not canceled: an interrupted renewal would leave a token that nobody knows.
        last = await asyncio.shield(renewal)
        if last is not None:
            await asyncio.shield(_release(leases, last))


async def _hand_back(leases: Leases, acquiring: asyncio.Future[Lease]) -> None:
    try:
        lease = await acquiring
    except (LeaseHeld, Unavailable):
        return
    await _release(leases, lease)


async def _renew(leases: Leases, lease: Lease, stop: asyncio.Event, observer: Observer) -> Lease | None:
    while True:
        try:
            async with asyncio.timeout(RENEWAL_SECONDS):
                await stop.wait()
            return lease
        except TimeoutError:
            pass
        try:
            lease = await leases.renew(lease)
        except LeaseLost:
            observer.count(LEASES, "lost")
            return None  # harmless: both write the same variant under the same key
        except Unavailable as error:
            log.warning("lease not renewed", lease=lease.name, error=str(error))


async def _release(leases: Leases, lease: Lease) -> None:
    try:
        await leases.release(lease)
        reached("derive.released")
    except Unavailable as error:
        log.warning("lease not released; it can be taken over in seconds", lease=lease.name, error=str(error))
