"""The library: stores originals, derives variants from them, deletes them.

The catalog is the only truth about which originals exist, the blob store is the only truth about variants. A blob is
written before its row and deleted after it: a crash leaves an orphan, never a row without its blob.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from pymager import keys
from pymager.errors import (
    BackendError,
    NotFound,
    OriginalLost,
    OriginalNotFound,
    Overloaded,
    RevisionGone,
    WatermarkChanged,
)
from pymager.failpoints import reached
from pymager.library.content import VariantContent
from pymager.library.derivation import Derivation, check_size
from pymager.library.descriptions import Descriptions
from pymager.library.memory_tier import MemoryTier
from pymager.library.mezzanines import Mezzanines
from pymager.library.resolution import Resolver
from pymager.library.spool import Spooled
from pymager.library.uploads import Condition, Uploads
from pymager.ports import Blob, BlobInfo, BlobStore, MetadataStore, Original, Page
from pymager.purging.delivery import Delivery
from pymager.variants.variant import Variant
from pymager.workers.pool import WorkerPool

_MAX_ATTEMPTS = 8
_DELETE_BATCH_SIZE = 1_000
_CLOSE_TIMEOUT_SECONDS = 5.0

log = structlog.get_logger("pymager.library")


@dataclass(frozen=True, slots=True)
class Located:
    """A variant by its original and its key, whether the blob store has it or not.

    `variant` is what `requested` and `accept` stand for with this original.
    """

    original: Original
    variant: Variant
    key: str
    requested: Variant
    accept: str | None = None


class Library:
    """Originals and their variants, over a blob store and a metadata store."""

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        workers: WorkerPool,
        derivation: Derivation,
        cache: MemoryTier,
        resolver: Resolver,
        descriptions: Descriptions,
        mezzanines: Mezzanines,
        delivery: Delivery | None = None,
    ) -> None:
        """`delivery` makes caches in front forget what is removed or replaced, if there are any."""
        self._blobs = blobs
        self._metadata = metadata
        self._delivery = delivery
        self._uploads = Uploads(blobs, metadata, workers, mezzanines, delivery)
        self._derivation = derivation
        self._resolver = resolver
        self._descriptions = descriptions
        self._background: set[asyncio.Task[None]] = set()
        self.cache = cache

    async def get(self, id: str) -> Original:
        """The row of an original. Raises `OriginalNotFound`."""
        try:
            return await self._metadata.get(id)
        except NotFound:
            raise OriginalNotFound(id) from None

    async def described(self, original: Original) -> Original:
        """The row with its description, for a row that an earlier version wrote without one.

        The first call makes the description and writes it to the catalog. If it cannot be made, or not within a few
        seconds, this is the row as it is, without a description. Raises nothing.
        """
        return original if original.frames is not None else await self._descriptions.described(original)

    async def describe(self, original: Original) -> Original:
        """The row with its description, which is in the catalog afterwards, except in read-only mode.

        Raises `RevisionGone`, `PictureError`, `OriginalLost`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        return await self._descriptions.describe(original)

    async def page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """A page of the listing of the ids with this prefix. Raises `ValueError` for an invalid cursor."""
        return await self._metadata.list_page(cursor, limit, prefix)

    async def add(self, id: str, body: Spooled) -> Original:
        """Store a new original; it is durable when this returns. Raises `AlreadyExists` and `PictureError`."""
        return await self._uploads.add(id, body)

    async def put(self, id: str, body: Spooled, condition: Condition) -> tuple[Original, bool]:
        """Store an original, or replace the one that has the id; also returns whether it is new.

        If the original has the same bytes and its blob is there, nothing changes, and this is the row as it was.
        Before each attempt `condition` gets the current row, and raises to reject the write.
        """
        put = await self._uploads.put(id, body, condition)
        if put.replaced is not None:
            self._resolver.forget(id)
            self._run_in_background(self._delete_blobs(put.replaced))
        return put.original, put.is_new

    async def remove(self, id: str, revision: str | None = None) -> None:
        """Delete an original and its variants; final when this returns.

        Raises `OriginalNotFound`, and `RevisionMismatch` if the row has another revision than `revision`.
        """
        try:
            removed = await self._removed(id, revision)
        except NotFound:
            raise OriginalNotFound(id, advises_upload=False) from None
        self._resolver.forget(id)
        self._run_in_background(self._delete_blobs(removed))

    async def _removed(self, id: str, revision: str | None) -> Original:
        """Remove the row, and have it purged from caches."""
        if self._delivery is None:
            removed = await self._metadata.remove(id, revision)
            reached("remove.committed")
            return removed
        order = self._delivery.order()
        removed = await self._metadata.remove(id, revision, order)
        reached("remove.committed")
        self._delivery.committed(order, removed)
        return removed

    @asynccontextmanager
    async def open(
        self, original: Original, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[tuple[Original, Blob]]:
        """Open the bytes of an original; starts again from the row if the revision is gone.

        Returns the row that the bytes belong to. After a replace that is another one than `original`, with all its
        bytes. Raises `OriginalNotFound` and `OriginalLost`.
        """
        for _ in range(_MAX_ATTEMPTS):
            async with AsyncExitStack() as stack:
                try:
                    opened = self._blobs.open(keys.original_key(original), start, stop)
                    blob = await stack.enter_async_context(opened)
                except NotFound:
                    original = await self._successor(original)
                    start, stop = 0, None
                    continue
                check_size(original, blob.info)
                yield original, blob
                return
        raise Overloaded(f"'{original.id}' is being replaced repeatedly; try again")

    async def locate(self, id: str, variant: Variant, accept: str | None = None) -> Located:
        """The original and the key of a variant, which may not exist; `accept` as for `variant`.

        Raises `OriginalNotFound`, `PictureError` and `WatermarkMissing`.
        """
        return await self._located(await self.get(id), variant, accept)

    async def variant(
        self, id: str, variant: Variant, needs_body: Callable[[BlobInfo], bool], accept: str | None = None
    ) -> VariantContent:
        """A variant: one read of the catalog, one look-up in cache and blob store, and a render if it is missing.

        If `needs_body` returns False for a cached description, the description is enough. `accept` is the request's
        `Accept`, for a variant whose format is negotiated. Raises what `needs_body` raises, `OriginalNotFound`,
        `OriginalLost`, `PictureError`, `WatermarkMissing`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        # `locate` written out: its two coroutines would add 4 to 5 % to this code's share of a hit from memory.
        try:
            original = await self._metadata.get(id)
        except NotFound:
            raise OriginalNotFound(id) from None
        requested = variant
        if variant.needs_original:
            variant = await self._resolver.resolve(original, variant, accept)
        key = self._derivation.key(original, variant)
        if (cached := self._derivation.cached(key, needs_body)) is not None:
            return cached
        try:
            return await self._derivation.stored(original, key)
        except NotFound:
            return await self.render(Located(original, variant, key, requested, accept))

    async def render(self, located: Located) -> VariantContent:
        """Render a missing variant; starts again from the row if the revision is gone.

        Raises what `variant` raises.
        """
        for _ in range(_MAX_ATTEMPTS):
            try:
                return await self._derivation.render(located.original, located.variant, located.key)
            except RevisionGone:
                successor = await self._successor(located.original)
                located = await self._located(successor, located.requested, located.accept)
                with suppress(NotFound):
                    return await self._derivation.stored(successor, located.key)
            except WatermarkChanged:
                located = await self._located(located.original, located.requested, located.accept)
                with suppress(NotFound):
                    return await self._derivation.stored(located.original, located.key)
        raise Overloaded(f"'{located.original.id}' is being replaced repeatedly; try again")

    async def _located(self, original: Original, requested: Variant, accept: str | None) -> Located:
        variant = await self._resolver.resolve(original, requested, accept) if requested.needs_original else requested
        return Located(original, variant, self._derivation.key(original, variant), requested, accept)

    async def close(self) -> None:
        """Wait a few seconds for running renders and clean-ups; the sweep removes what they leave."""
        await asyncio.gather(
            self._derivation.close(_CLOSE_TIMEOUT_SECONDS), self._descriptions.close(_CLOSE_TIMEOUT_SECONDS)
        )
        if self._background:
            await asyncio.wait(list(self._background), timeout=_CLOSE_TIMEOUT_SECONDS)

    async def _successor(self, gone: Original) -> Original:
        """The current row, after the blob of a revision was not found. Raises `OriginalNotFound` and `OriginalLost`."""
        current = await self.get(gone.id)
        if current.revision == gone.revision:
            raise OriginalLost(f"the blob of '{gone.id}', revision {gone.revision}, is gone, but its row exists")
        return current

    async def _delete_blobs(self, original: Original) -> None:
        """Delete the blobs of a revision that no row has any more; the sweep removes what fails here."""
        prefix = keys.derived_prefix(original)
        self.cache.discard(prefix)
        try:
            await self._blobs.delete([keys.original_key(original)])
            reached("cleanup.original-deleted")
            derived = [info.key async for info in self._blobs.list(prefix)]
            for first in range(0, len(derived), _DELETE_BATCH_SIZE):
                await self._blobs.delete(derived[first : first + _DELETE_BATCH_SIZE])
                reached("cleanup.derived-deleted")
        except BackendError as error:
            log.warning(
                "blobs not deleted; the sweep will remove them",
                id=original.id,
                revision=original.revision,
                error=str(error),
            )

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
