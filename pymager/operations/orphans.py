"""The orphaned originals that a sweep found, and since when sweeps have seen them as orphans.

A mark in the blob store records when a sweep first saw an original as an orphan. It is not in the catalog: a catalog
that was restored from a backup would bring old marks back.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from pymager import keys
from pymager.errors import NoSpace
from pymager.ports import BlobInfo, BlobStore

MAX_IN_MEMORY = 10_000


class OrphanedOriginals:
    """The orphaned originals among the ids that start with `prefix`: the number of all, and up to 10,000 of them.

    The others are left to later sweeps.
    """

    def __init__(self, blobs: BlobStore, prefix: str) -> None:
        self._blobs = blobs
        self._prefix = prefix
        self._found: dict[str, tuple[keys.Owner, BlobInfo]] = {}
        self.count = 0

    @property
    def revisions(self) -> Collection[str]:
        """The revisions of those that are in memory."""
        return self._found.keys()

    @property
    def is_complete(self) -> bool:
        """Whether all of them are in memory."""
        return self.count == len(self._found)

    def add(self, owner: keys.Owner, info: BlobInfo) -> None:
        """Count an orphan."""
        self.count += 1
        if len(self._found) < MAX_IN_MEMORY:
            self._found[owner.revision] = owner, info

    async def due(self, now: datetime, grace: float, *, dry_run: bool) -> list[tuple[keys.Owner, BlobInfo]]:
        """The orphans that sweeps have known for at least `grace` seconds.

        Unless it is a dry run, the others are marked, and marks of originals that are no longer orphans are deleted.
        """
        first_seen, outdated = await self._read_marks()
        due = []
        for owner, info in self._found.values():
            since = first_seen.get(owner.revision)
            if grace <= 0 or (since is not None and (now - since).total_seconds() >= grace):
                due.append((owner, info))
            elif since is None and not dry_run:
                with suppress(NoSpace):  # a full store needs a sweep: go on without the mark
                    await self._blobs.put(keys.orphan_key(owner), b"", "application/octet-stream")
        if outdated and not dry_run:
            await self._blobs.delete(outdated)
        return due

    async def delete_marks(self, owners: Collection[keys.Owner]) -> None:
        """Delete the marks of originals that were deleted."""
        if owners:
            await self._blobs.delete([keys.orphan_key(owner) for owner in owners])

    async def _read_marks(self) -> tuple[dict[str, datetime], list[str]]:
        """When each revision was first seen, and the keys of some marks that are outdated."""
        first_seen: dict[str, datetime] = {}
        outdated: list[str] = []
        async for mark in self._blobs.list(keys.ORPHANS + self._prefix):
            revision = mark.key.rpartition("/")[2]
            if revision in self._found:
                first_seen[revision] = mark.modified
            elif self.is_complete and len(outdated) < MAX_IN_MEMORY:
                outdated.append(mark.key)
        return first_seen, outdated
