"""A metadata store in this process's memory, for tests and for trying pymager out."""

import asyncio
import secrets
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Self

from pymager.errors import AlreadyExists, ConfigurationError, Fenced, Held, Lost, NotFound, RevisionMismatch
from pymager.ports import Lease, Original, Page

_CURSOR = "m1."


@dataclass(slots=True)
class _Data:
    """`leases` maps a name to its token and when that was written, on the monotonic clock."""

    originals: dict[str, Original] = field(default_factory=dict)
    revisions: set[str] = field(default_factory=set)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)


_shared: dict[str, _Data] = {}  # what outlives its stores, as a database would


class MemoryMetadata:
    """`memory:NAME`: stores of one name in one process share their data, which lives as long as the process.

    `memory:` without a name is a store of its own. Every call lets other tasks run first, as a real one would, and
    then does its work in one step.
    """

    def __init__(self, url: str) -> None:
        scheme, _, name = url.partition(":")
        if scheme != "memory":
            raise ConfigurationError(f"'{url}' is not of the form memory:NAME")
        self._data = _shared.setdefault(name, _Data()) if name else _Data()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def prepare(self) -> list[str]:
        """Nothing is to be made."""
        return []

    async def tidy(self, older_than: float) -> int:
        """Remove the leases that were not touched for `older_than` seconds."""
        await asyncio.sleep(0)
        oldest = monotonic() - older_than
        dead = [name for name, (_, touched) in self._data.leases.items() if touched < oldest]
        for name in dead:
            del self._data.leases[name]
        return len(dead)

    async def ping(self) -> None:
        """It always answers."""
        await asyncio.sleep(0)

    async def add(self, original: Original) -> None:
        """Raises `AlreadyExists` and `Fenced`."""
        await asyncio.sleep(0)
        if original.id in self._data.originals:
            raise AlreadyExists(f"'{original.id}' has a row already")
        self._use(original.revision)
        self._data.originals[original.id] = original

    async def get(self, id: str) -> Original:
        """Raises `NotFound`."""
        await asyncio.sleep(0)
        return self._standing(id, None)

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """Raises `NotFound`, `RevisionMismatch` and `Fenced`."""
        await asyncio.sleep(0)
        old = self._standing(original.id, expected_revision)
        self._use(original.revision)
        self._data.originals[original.id] = original
        return old

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """Raises `NotFound` and `RevisionMismatch`."""
        await asyncio.sleep(0)
        self._standing(id, expected_revision)
        return self._data.originals.pop(id)

    async def fence(self, id: str, revision: str) -> bool:
        """False while the row holds the revision."""
        await asyncio.sleep(0)
        row = self._data.originals.get(id)
        if row is not None and row.revision == revision:
            return False
        self._data.revisions.add(revision)
        return True

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """In the order of the ids. Raises `ValueError`."""
        await asyncio.sleep(0)
        after = "" if cursor is None else _id_of(cursor)
        ids = sorted(id for id in self._data.originals if id > after)
        items = tuple(self._data.originals[id] for id in ids[:limit])
        return Page(items, _cursor(items[-1].id) if len(ids) > limit else None)

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """Raises `Held`."""
        await asyncio.sleep(0)
        standing = self._data.leases.get(name)
        if standing is not None and standing[0] != instead_of:
            raise Held(standing[0])
        return self._grant(name)

    async def renew(self, lease: Lease) -> Lease:
        """Raises `Lost`."""
        await asyncio.sleep(0)
        if not self._is_current(lease):
            raise Lost(f"the lease on '{lease.name}' is another's or nobody's by now")
        return self._grant(lease.name)

    async def release(self, lease: Lease) -> None:
        """Does nothing once the lease is another's."""
        await asyncio.sleep(0)
        if self._is_current(lease):
            del self._data.leases[lease.name]

    def _standing(self, id: str, expected: str | None) -> Original:
        row = self._data.originals.get(id)
        if row is None:
            raise NotFound(f"no row has the id '{id}'")
        if expected is not None and row.revision != expected:
            raise RevisionMismatch(f"'{id}' is of revision {row.revision}, not {expected}")
        return row

    def _use(self, revision: str) -> None:
        if revision in self._data.revisions:
            raise Fenced(f"the revision {revision} was fenced or used before")
        self._data.revisions.add(revision)

    def _grant(self, name: str) -> Lease:
        token = secrets.token_hex(16)
        self._data.leases[name] = (token, monotonic())
        return Lease(name, token)

    def _is_current(self, lease: Lease) -> bool:
        standing = self._data.leases.get(lease.name)
        return standing is not None and standing[0] == lease.token


def _cursor(id: str) -> str:
    return _CURSOR + id.encode().hex()


def _id_of(cursor: str) -> str:
    try:
        id = bytes.fromhex(cursor.removeprefix(_CURSOR)).decode()
    except ValueError:
        id = ""
    if not id or _cursor(id) != cursor:
        raise ValueError("not a cursor of this catalog")
    return id
