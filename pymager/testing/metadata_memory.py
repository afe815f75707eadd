"""The in-memory metadata store: `memory:NAME`, or `memory:` for a store of its own."""

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Self

from pymager.errors import AlreadyExists, ConfigurationError, Fenced, LeaseHeld, LeaseLost, NotFound, RevisionMismatch
from pymager.ports import (
    REMEMBERED_SECONDS,
    Backlog,
    Description,
    Lease,
    Original,
    Page,
    Purge,
    PurgeOrder,
    PurgePage,
)

_CURSOR_PREFIX = "m1."
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class _Data:
    """`removed` maps an id to the date of its last removal, or of the removed row if that is later.

    `leases` maps a name to its token and the time of its last renewal, on the monotonic clock. `purges` maps a revision
    to its purge.
    """

    originals: dict[str, Original] = field(default_factory=dict)
    revisions: set[str] = field(default_factory=set)
    removed: dict[str, datetime] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    purges: dict[str, Purge] = field(default_factory=dict)


_shared: dict[str, _Data] = {}  # outlives the stores, like a database


class MemoryMetadata:
    """Metadata in this process. Stores with the same name share their data until the process ends.

    A store without a name shares nothing. Every call first lets other tasks run, as a call to a server would, and then
    does its work in one step.
    """

    def __init__(self, url: str) -> None:
        scheme, _, name = url.partition(":")
        if scheme != "memory":
            raise ConfigurationError(f"'{url}' is not an in-memory store; write memory: or memory:NAME")
        self._data = _shared.setdefault(name, _Data()) if name else _Data()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def prepare(self) -> list[str]:
        """Nothing to prepare."""
        return []

    async def tidy(self, older_than: float) -> int:
        """Remove leases that were not renewed for `older_than` seconds."""
        await asyncio.sleep(0)
        oldest = monotonic() - older_than
        abandoned = [name for name, (_, renewed) in self._data.leases.items() if renewed < oldest]
        for name in abandoned:
            del self._data.leases[name]
        forgotten = datetime.now(UTC) - timedelta(seconds=REMEMBERED_SECONDS)
        self._data.removed = {id: date for id, date in self._data.removed.items() if date > forgotten}
        return len(abandoned)

    async def ping(self) -> None:
        """Always returns."""
        await asyncio.sleep(0)

    async def add(self, original: Original) -> Original:
        """Add a row. Raises `AlreadyExists` and `Fenced`."""
        await asyncio.sleep(0)
        if original.id in self._data.originals:
            raise AlreadyExists(f"the id '{original.id}' already has a row")
        self._use_revision(original.revision)
        if (removed := self._data.removed.get(original.id)) is not None:
            original = replace(original, created=max(original.created, removed + _SECOND))
        self._data.originals[original.id] = original
        return original

    async def get(self, id: str) -> Original:
        """Return the row. Raises `NotFound`."""
        await asyncio.sleep(0)
        return self._row(id, None)

    async def replace(
        self, original: Original, expected_revision: str | None = None, purge: PurgeOrder | None = None
    ) -> Original:
        """Replace the row. Raises `NotFound`, `RevisionMismatch` and `Fenced`."""
        await asyncio.sleep(0)
        old = self._row(original.id, expected_revision)
        self._use_revision(original.revision)
        self._data.originals[original.id] = original
        self._record(purge, old)
        return old

    async def remove(self, id: str, expected_revision: str | None = None, purge: PurgeOrder | None = None) -> Original:
        """Remove the row. Raises `NotFound` and `RevisionMismatch`."""
        await asyncio.sleep(0)
        row = self._row(id, expected_revision)
        self._record(purge, row)
        self._data.removed[id] = max(row.created, datetime.now(UTC).replace(microsecond=0))
        return self._data.originals.pop(id)

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description, if the row has the revision."""
        await asyncio.sleep(0)
        row = self._data.originals.get(id)
        if row is None or row.revision != revision:
            return False
        self._data.originals[id] = row.with_description(description)
        return True

    async def fence(self, id: str, revision: str) -> bool:
        """Mark the revision as used, unless the row has it."""
        await asyncio.sleep(0)
        row = self._data.originals.get(id)
        if row is not None and row.revision == revision:
            return False
        self._data.revisions.add(revision)
        return True

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """Return a page, ordered by id. Raises `ValueError`."""
        await asyncio.sleep(0)
        after = "" if cursor is None else _id_of(cursor)
        ids = sorted(id for id in self._data.originals if id > after and id.startswith(prefix))
        items = tuple(self._data.originals[id] for id in ids[:limit])
        return Page(items, _cursor(items[-1].id) if len(ids) > limit else None)

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """Take the lease. Raises `LeaseHeld`."""
        await asyncio.sleep(0)
        current = self._data.leases.get(name)
        if current is not None and current[0] != instead_of:
            raise LeaseHeld(current[0])
        return self._grant(name)

    async def renew(self, lease: Lease) -> Lease:
        """Change the token. Raises `LeaseLost`."""
        await asyncio.sleep(0)
        if not self._is_current(lease):
            raise LeaseLost(f"the lease '{lease.name}' has another holder, or none")
        return self._grant(lease.name)

    async def release(self, lease: Lease) -> None:
        """Release the lease, unless it has another holder."""
        await asyncio.sleep(0)
        if self._is_current(lease):
            del self._data.leases[lease.name]

    async def get_property(self, name: str) -> str | None:
        """Return the value, or None."""
        await asyncio.sleep(0)
        return self._data.properties.get(name)

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        """Set the property if its value is `instead_of`, and return its value."""
        await asyncio.sleep(0)
        if self._data.properties.get(name) == instead_of:
            self._data.properties[name] = value
        return self._data.properties.get(name, value)

    async def due_purges(self, now: datetime, limit: int) -> list[Purge]:
        """Return purges, those that are due for the longest time first."""
        await asyncio.sleep(0)
        due = [purge for purge in self._data.purges.values() if purge.due <= now]
        return sorted(due, key=lambda purge: purge.due)[:limit]

    async def list_purges(self, cursor: str | None, limit: int) -> PurgePage:
        """Return a page, ordered by revision. Raises `ValueError`."""
        await asyncio.sleep(0)
        after = "" if cursor is None else _id_of(cursor)
        revisions = sorted(revision for revision in self._data.purges if revision > after)
        items = tuple(self._data.purges[revision] for revision in revisions[:limit])
        return PurgePage(items, _cursor(items[-1].revision) if len(revisions) > limit else None)

    async def count_purges(self) -> Backlog:
        """Count the purges."""
        await asyncio.sleep(0)
        recorded = [purge.recorded for purge in self._data.purges.values()]
        return Backlog(len(recorded), min(recorded, default=None))

    async def update_purge(self, purge: Purge, changed: Purge) -> bool:
        """Change the purge, unless it is another by now."""
        await asyncio.sleep(0)
        if self._data.purges.get(purge.revision) != purge:
            return False
        self._data.purges[purge.revision] = changed
        return True

    async def finish_purge(self, purge: Purge) -> None:
        """Remove the purge."""
        await asyncio.sleep(0)
        self._data.purges.pop(purge.revision, None)

    def _record(self, order: PurgeOrder | None, row: Original) -> None:
        if order is not None:
            self._data.purges[row.revision] = order.of(row)

    def _row(self, id: str, expected: str | None) -> Original:
        row = self._data.originals.get(id)
        if row is None:
            raise NotFound(f"no row has the id '{id}'")
        if expected is not None and row.revision != expected:
            raise RevisionMismatch(f"the revision of '{id}' is {row.revision}, not {expected}")
        return row

    def _use_revision(self, revision: str) -> None:
        if revision in self._data.revisions:
            raise Fenced(f"the revision {revision} was fenced or used before")
        self._data.revisions.add(revision)

    def _grant(self, name: str) -> Lease:
        token = secrets.token_hex(16)
        self._data.leases[name] = (token, monotonic())
        return Lease(name, token)

    def _is_current(self, lease: Lease) -> bool:
        current = self._data.leases.get(lease.name)
        return current is not None and current[0] == lease.token


def _cursor(id: str) -> str:
    return _CURSOR_PREFIX + id.encode().hex()


def _id_of(cursor: str) -> str:
    try:
        id = bytes.fromhex(cursor.removeprefix(_CURSOR_PREFIX)).decode()
    except ValueError:
        id = ""
    if not id or _cursor(id) != cursor:
        raise ValueError("invalid cursor")
    return id
