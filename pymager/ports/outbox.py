"""The purges that a metadata store keeps until they are delivered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pymager.ports.rows import Original

MAX_PURGE_STATE_LENGTH = 1_000
NEW_PURGE_STATE = "new"


@dataclass(frozen=True, slots=True)
class Purge:
    """An entry of the outbox: caches in front have to forget an original, whose row was removed or replaced.

    `revision` is the one that the row had; no two purges have the same. `recorded` and `due` are in UTC and whole
    seconds: when it was recorded, and from when on any process delivers it. `attempts` counts the processes that took
    it over. `state` says which caches have forgotten the original: 1 to `MAX_PURGE_STATE_LENGTH` characters of ASCII
    that a store only keeps.
    """

    id: str
    revision: str
    recorded: datetime
    due: datetime
    attempts: int = 0
    state: str = NEW_PURGE_STATE


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """That a purge has to be recorded with a mutation, and its dates."""

    recorded: datetime
    due: datetime

    def of(self, original: Original) -> Purge:
        """The purge of the row that is removed or replaced."""
        return Purge(original.id, original.revision, self.recorded, self.due)


@dataclass(frozen=True, slots=True)
class PurgePage:
    """A page of the outbox: `next` is the cursor of the next page, None after the last purge."""

    items: tuple[Purge, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many purges the outbox has, and when the oldest was recorded; None if there is none."""

    pending: int
    oldest: datetime | None


class Outbox(Protocol):
    """The purges that `replace` and `remove` have recorded, until they are delivered. They are as durable as rows.

    Reads see every change that has returned on any node.
    """

    async def due_purges(self, now: datetime, limit: int) -> list[Purge]:
        """Up to `limit` purges whose `due` is not later than `now`, in any order.

        No purge is left out forever, however many others are due.
        """

    async def list_purges(self, cursor: str | None, limit: int) -> PurgePage:
        """Up to `limit` purges after the opaque `cursor`, in any stable order.

        Every purge that exists throughout the listing is listed once. A page can have fewer purges than `limit`, or
        none, although it has a `next`. Raises `ValueError` for an invalid cursor.
        """

    async def count_purges(self) -> Backlog:
        """Count the purges."""

    async def update_purge(self, purge: Purge, changed: Purge) -> bool:
        """Change `due`, `attempts` and `state` in one atomic step if they are as in `purge`; else return False.

        Both have the same id and revision. Never creates a purge.
        """

    async def finish_purge(self, purge: Purge) -> None:
        """Remove the purge of this revision, whatever its state is. An absent one is ignored."""
