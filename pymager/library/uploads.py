"""Uploads: verify the picture, write its blob and its mezzanine, then commit its row.

The blob is written before the row: a crash leaves an orphan, which the sweep removes, never a row without its blob.
"""

from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from pymager import formats, keys, names
from pymager.errors import (
    AlreadyExists,
    BackendError,
    Fenced,
    NoSpace,
    NotFound,
    Overloaded,
    RevisionMismatch,
    Unavailable,
)
from pymager.failpoints import reached
from pymager.library.mezzanines import Mezzanines
from pymager.library.spool import Spooled
from pymager.ports import BlobStore, MetadataStore, Original, PurgeOrder
from pymager.purging.delivery import Delivery
from pymager.variants.mezzanine import max_bytes
from pymager.workers.pool import WorkerPool

_MAX_ATTEMPTS = 8
_EPOCH = datetime.fromtimestamp(0, UTC)

Condition = Callable[[Original | None], None]
"""Gets the current row, or None, and raises to reject the write."""

log = structlog.get_logger("pymager.library")


@dataclass(frozen=True, slots=True)
class Put:
    """The row after a put, and the one that it replaced. Neither new nor a replacement: the same bytes were there."""

    original: Original
    is_new: bool = False
    replaced: Original | None = None


class Uploads:
    """Stores originals in a blob store and a metadata store."""

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        workers: WorkerPool,
        mezzanines: Mezzanines,
        delivery: Delivery | None = None,
    ) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._workers = workers
        self._mezzanines = mezzanines
        self._delivery = delivery

    async def add(self, id: str, body: Spooled) -> Original:
        """Store a new original; it is durable when this returns. Raises `AlreadyExists` and `PictureError`."""
        original = await self._put_blob(id, body)
        return await self._commit(original, self._metadata.add(original))

    async def put(self, id: str, body: Spooled, condition: Condition) -> Put:
        """Store an original, or replace the one that has the id, unless it has the same bytes already.

        Before each attempt `condition` gets the current row, and raises to reject the write. The same bytes change
        nothing, and need no inspection: it was made before their row was written.
        """
        current = await self._current(id)
        condition(current)
        if current is not None and await self._has(current, body):
            return Put(current)
        stored = await self._put_blob(id, body)
        for _ in range(_MAX_ATTEMPTS):
            try:
                return await self._commit_put(stored, current)
            except (AlreadyExists, NotFound, RevisionMismatch):
                pass
            try:
                current = await self._current(id)
                condition(current)
            except BaseException:
                await self._discard(stored)
                raise
        await self._discard(stored)
        raise Overloaded(f"too many concurrent writes to '{id}'; try again")

    async def _has(self, current: Original, body: Spooled) -> bool:
        """Whether the row describes these bytes, and its blob is there. A lost blob is replaced by the put."""
        if (current.size, current.sha256) != (body.size, body.sha256):
            return False
        try:
            info = await self._blobs.stat(keys.original_key(current))
        except NotFound:
            return False
        except Unavailable as error:  # nothing was written
            raise Unavailable(str(error), outcome_known=True) from error
        return info.size == body.size

    async def _commit_put(self, stored: Original, current: Original | None) -> Put:
        """Commit once. If the row is no longer `current`, raises `AlreadyExists`, `NotFound` or `RevisionMismatch`."""
        if current is None:
            return Put(await self._commit(stored, self._metadata.add(stored), keep=True), is_new=True)
        original = replace(stored, created=_successor_date(stored, current))
        order = None if self._delivery is None else self._delivery.order()
        original = await self._commit(original, self._replace(original, current, order), keep=True)
        reached("replace.committed")
        if self._delivery is not None and order is not None:
            self._delivery.committed(order, current)
        return Put(original, replaced=current)

    async def _put_blob(self, id: str, body: Spooled) -> Original:
        reached("upload.spooled")
        mezzanine = self._mezzanines.job(body.sha256)
        with nullcontext(False) if mezzanine is None else body.room(max_bytes(body.size)) as has_room:
            inspection = await self._workers.inspect(
                body.path, mezzanine if has_room else None, self._mezzanines.spool_folder
            )
            reached("upload.verified")
            draft = Original(
                id,
                names.new_revision(),
                inspection.format,
                inspection.width,
                inspection.height,
                body.size,
                body.sha256,
                created=_EPOCH,
            ).with_description(inspection.description)
            content_type = formats.content_type(inspection.format)
            try:
                async with self._mezzanines.storing(draft, inspection.mezzanine):
                    info = await self._blobs.put(keys.original_key(draft), body.path, content_type)
            except Unavailable as error:  # whether the blob was written or not: without a row nothing was uploaded
                raise Unavailable(str(error), outcome_known=True) from error
        reached("upload.blob-put")
        return replace(draft, created=info.modified)

    async def _replace(self, original: Original, current: Original, order: PurgeOrder | None) -> Original:
        if order is None:
            await self._metadata.replace(original, current.revision)
        else:
            await self._metadata.replace(original, current.revision, order)
        return original

    async def _commit(
        self, original: Original, mutation: Coroutine[Any, Any, Original], *, keep: bool = False
    ) -> Original:
        """Send the mutation once, and return the row. If its answer is lost, read the row and compare revisions.

        The blobs of an upload that lost a race are deleted, unless `keep` says that another attempt follows.
        """
        try:
            row = await mutation
        except Unavailable as error:
            if error.outcome_known:
                await self._discard(original)
                raise
            if (committed := await self._committed(original)) is None:
                raise
            row = committed
        except (Fenced, NoSpace):
            await self._discard(original)
            raise
        except AlreadyExists:
            if not keep:
                await self._discard(original)
            raise
        reached("upload.committed")
        return row

    async def _committed(self, original: Original) -> Original | None:
        """The row, if a read of it shows the revision."""
        try:
            current = await self._current(original.id)
        except Unavailable:
            return None
        return current if current is not None and current.revision == original.revision else None

    async def _discard(self, original: Original) -> None:
        """Delete the blobs of an upload that lost a race, after a read has shown that the row has another revision."""
        try:
            current = await self._current(original.id)
            if current is None or current.revision != original.revision:
                await self._blobs.delete([keys.original_key(original), *self._mezzanines.keys_of(original)])
        except BackendError as error:
            log.warning("blob not deleted; the sweep will remove it", key=keys.original_key(original), error=str(error))

    async def _current(self, id: str) -> Original | None:
        try:
            return await self._metadata.get(id)
        except NotFound:
            return None


def _successor_date(stored: Original, current: Original) -> datetime:
    """The date of a row that replaces `current` now.

    HTTP dates have no fractions. The date is a second later than the old row and than any variant of it that was
    rendered until now: nothing of the new revision shares a date with anything of the old one.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    return max(stored.created, max(now, current.created) + timedelta(seconds=1))
