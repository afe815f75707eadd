"""The work of `pymager purges`: lists the outbox, and delivers what is in it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pymager import composition
from pymager.ports import MetadataStore, Purge
from pymager.purging.progress import missing
from pymager.settings.model import Settings
from pymager.wording import counted

_PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class PendingPurge:
    """A purge in the outbox; `missing` are the names of the purgers that have not confirmed it for good."""

    purge: Purge
    missing: tuple[str, ...]


@dataclass(slots=True)
class Retried:
    """How many purges were confirmed by all caches, and by not all; `elsewhere` were delivered by other processes."""

    confirmed: int = 0
    failed: int = 0
    elsewhere: int = 0

    @property
    def summary(self) -> str:
        """One line."""
        confirmed = counted(self.confirmed, "purge")
        return f"{confirmed} confirmed, {self.failed} failed, {self.elsewhere} delivered by other processes"


async def list_purges(settings: Settings, show: Callable[[PendingPurge], None]) -> int:
    """Show every purge in the outbox, and return their number. Raises `ConfigurationError` and `Unavailable`."""
    names = {purger.name for purger in composition.purgers(settings)}
    count = 0
    async with _catalog(settings) as metadata:
        async for purge in _purges(metadata):
            show(PendingPurge(purge, tuple(missing(purge, names))))
            count += 1
    return count


async def retry_purges(settings: Settings) -> Retried:
    """Deliver every purge in the outbox now, one after the other, and whether it is due or not.

    Raises `ConfigurationError` and `Unavailable`.
    """
    retried = Retried()
    async with _catalog(settings) as metadata, composition.opened_delivery(settings, metadata) as delivery:
        async for purge in _purges(metadata):
            match await delivery.deliver(purge):
                case True:
                    retried.confirmed += 1
                case False:
                    retried.failed += 1
                case None:
                    retried.elsewhere += 1
    return retried


def age_seconds(purge: Purge) -> int:
    """How long ago a purge was recorded, in whole seconds."""
    return max(0, int((datetime.now(UTC) - purge.recorded).total_seconds()))


@asynccontextmanager
async def _catalog(settings: Settings) -> AsyncIterator[MetadataStore]:
    _, metadata = composition.backends(settings)
    async with metadata:
        yield metadata


async def _purges(metadata: MetadataStore) -> AsyncIterator[Purge]:
    cursor: str | None = None
    while True:
        page = await metadata.list_purges(cursor, _PAGE_SIZE)
        for purge in page.items:
            yield purge
        if (cursor := page.next) is None:
            return
