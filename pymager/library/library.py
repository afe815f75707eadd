"""What pymager does with pictures: keeps originals, derives pictures from them, forgets them.

The catalog is the only truth about which originals exist, the blob store about derived pictures. A blob is put
before its row and deleted after it, so that a crash leaves an unseen blob and never a row that points nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
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
    OriginalLost,
    OriginalNotFound,
    Overloaded,
    RevisionMismatch,
    Unavailable,
)
from pymager.failpoints import reached
from pymager.library.cache import Cache
from pymager.library.derivation import Derivation, RevisionGone, VariantContent, check_size
from pymager.library.sizes import SizePolicy
from pymager.library.spool import Spooled
from pymager.names import Variant
from pymager.ports import Blob, BlobInfo, BlobStore, MetadataStore, Original, Page
from pymager.workers.pool import WorkerPool

_MAX_ATTEMPTS = 8
_DELETE_BATCH_SIZE = 1_000
_CLOSE_TIMEOUT_SECONDS = 5.0
_EPOCH = datetime.fromtimestamp(0, UTC)

Condition = Callable[[Original | None], None]

log = structlog.get_logger("pymager.library")


@dataclass(frozen=True, slots=True)
class Located:
    """A variant that is not there yet: the original that it is of, and the key where it belongs."""

    original: Original
    variant: Variant
    key: str


class Library:
    """Originals and the pictures derived from them, over a blob store and a metadata store."""

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        workers: WorkerPool,
        derivation: Derivation,
        cache: Cache,
        sizes: SizePolicy,
    ) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._workers = workers
        self._derivation = derivation
        self._sizes = sizes
        self._later: set[asyncio.Task[None]] = set()
        self.cache = cache

    async def get(self, id: str) -> Original:
        """The row of an original. Raises `OriginalNotFound`."""
        try:
            return await self._metadata.get(id)
        except NotFound:
            raise OriginalNotFound(id) from None

    async def page(self, cursor: str | None, limit: int) -> Page:
        """A page of the listing. Raises `ValueError` for a cursor that is none."""
        return await self._metadata.list_page(cursor, limit)

    async def add(self, id: str, body: Spooled) -> Original:
        """Keep a new original; when this returns it is durable. Raises `AlreadyExists` and `PictureError`."""
        original = await self._store(id, body)
        await self._commit(original, self._metadata.add(original))
        return original

    async def put(self, id: str, body: Spooled, condition: Condition) -> tuple[Original, bool]:
        """Keep an original, new or in the place of another; tells whether it is new.

        `condition` sees the row that stands before each attempt, and may raise to stop it.
        """
        stored = await self._store(id, body)
        for _ in range(_MAX_ATTEMPTS):
            try:
                current = await self._current(id)
                condition(current)
            except BaseException:
                await self._discard(stored)
                raise
            try:
                if current is None:
                    await self._commit(stored, self._metadata.add(stored), keep=True)
                    return stored, True
                # A second later than the old one at least, whatever the clocks say: HTTP's dates have no fractions.
                original = replace(stored, created=max(stored.created, current.created + timedelta(seconds=1)))
                await self._commit(original, self._metadata.replace(original, current.revision), keep=True)
            except (AlreadyExists, NotFound, RevisionMismatch):
                continue
            reached("replace.committed")
            self._do_later(self._clean(current))
            return original, False
        await self._discard(stored)
        raise Overloaded(f"too many others write '{id}' at the same time; try again")

    async def remove(self, id: str, revision: str | None = None) -> None:
        """Forget an original and all that was derived from it; final when this returns.

        Raises `OriginalNotFound`, and `RevisionMismatch` where it is not of the revision.
        """
        try:
            removed = await self._metadata.remove(id, revision)
        except NotFound:
            raise OriginalNotFound(id) from None
        reached("remove.committed")
        self._do_later(self._clean(removed))

    @asynccontextmanager
    async def open(
        self, original: Original, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[tuple[Original, Blob]]:
        """Open an original's bytes; starts again from the row where the revision is gone.

        The row that comes back is the one the bytes belong to: another than `original` after a replace, and then all
        its bytes. Raises `OriginalNotFound` and `OriginalLost`.
        """
        for _ in range(_MAX_ATTEMPTS):
            async with AsyncExitStack() as stack:
                try:
                    opened = self._blobs.open(keys.original_key(original), start, stop)
                    blob = await stack.enter_async_context(opened)
                except NotFound:
                    original = await self._after(original)
                    start, stop = 0, None
                    continue
                check_size(original, blob.info)
                yield original, blob
                return
        raise Overloaded(f"'{original.id}' is replaced all the time; try again")

    def check(self, variant: Variant) -> None:
        """Raises `SizeNotAllowed`, and `UnsupportedFormat` for a size that the format cannot have."""
        self._sizes.check(variant)

    async def locate(self, id: str, variant: Variant) -> Located:
        """Where a variant belongs, whether it is there or not. Raises `OriginalNotFound`."""
        original = await self.get(id)
        return Located(original, variant, self._derivation.key(original, variant))

    async def variant(self, id: str, variant: Variant, needs_body: Callable[[BlobInfo], bool]) -> VariantContent:
        """A variant: one read of the catalog, one look-up in the cache and the blob store, and rendered if it is new.

        Where `needs_body` says no to a cached description, that is enough. Raises what it raises, and
        `OriginalNotFound`, `OriginalLost`, `PictureError`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        try:
            original = await self._metadata.get(id)
        except NotFound:
            raise OriginalNotFound(id) from None
        key = self._derivation.key(original, variant)
        if (cached := self._derivation.cached(key, needs_body)) is not None:
            return cached
        try:
            return await self._derivation.stored(key)
        except NotFound:
            return await self.render(Located(original, variant, key))

    async def render(self, located: Located) -> VariantContent:
        """A variant that was not found. Starts again from the row if the revision has gone.

        Raises `OriginalNotFound`, `OriginalLost`, `PictureError`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        original, key = located.original, located.key
        for _ in range(_MAX_ATTEMPTS):
            try:
                return await self._derivation.render(original, located.variant, key)
            except RevisionGone:
                original = await self._after(original)
                key = self._derivation.key(original, located.variant)
                with suppress(NotFound):
                    return await self._derivation.stored(key)
        raise Overloaded(f"'{original.id}' is being replaced all the time; try again")

    async def close(self) -> None:
        """Finish the renders and clean-ups that are under way, for some seconds; the sweep does what is left."""
        await self._derivation.close(_CLOSE_TIMEOUT_SECONDS)
        if self._later:
            await asyncio.wait(list(self._later), timeout=_CLOSE_TIMEOUT_SECONDS)

    async def _store(self, id: str, body: Spooled) -> Original:
        reached("upload.spooled")
        seen = await self._workers.inspect(body.path)
        reached("upload.verified")
        draft = Original(
            id, names.new_revision(), seen.format, seen.width, seen.height, body.size, body.sha256, created=_EPOCH
        )
        try:
            info = await self._blobs.put(keys.original_key(draft), body.path, formats.content_type(seen.format))
        except Unavailable as error:  # whatever became of the blob: without a row nothing was uploaded
            raise Unavailable(str(error), outcome_known=True) from error
        reached("upload.blob-put")
        return replace(draft, created=info.modified)

    async def _commit(self, original: Original, mutation: Coroutine[Any, Any, Any], *, keep: bool = False) -> None:
        """Send the mutation once; where its answer is lost, ask and compare revisions.

        The blob of a loser goes, unless `keep` says that another attempt follows.
        """
        try:
            await mutation
        except Unavailable as error:
            if error.outcome_known:
                await self._discard(original)
                raise
            if not await self._stands(original):
                raise
        except (Fenced, NoSpace):
            await self._discard(original)
            raise
        except AlreadyExists:
            if not keep:
                await self._discard(original)
            raise
        reached("upload.committed")

    async def _stands(self, original: Original) -> bool:
        """Whether the row is seen to hold the revision."""
        try:
            current = await self._current(original.id)
        except Unavailable:
            return False
        return current is not None and current.revision == original.revision

    async def _discard(self, original: Original) -> None:
        """Delete the blob of an upload that lost, once the row was seen without its revision."""
        try:
            current = await self._current(original.id)
            if current is None or current.revision != original.revision:
                await self._blobs.delete([keys.original_key(original)])
        except BackendError as error:
            log.warning("blob left to the sweep", key=keys.original_key(original), error=str(error))

    async def _current(self, id: str) -> Original | None:
        try:
            return await self._metadata.get(id)
        except NotFound:
            return None

    async def _after(self, gone: Original) -> Original:
        """The row that stands after a revision was found gone. Raises `OriginalNotFound` and `OriginalLost`."""
        current = await self.get(gone.id)
        if current.revision == gone.revision:
            raise OriginalLost(f"the blob of '{gone.id}', revision {gone.revision}, is gone while its row stands")
        return current

    async def _clean(self, original: Original) -> None:
        """Delete what no row holds any more; what fails here is left to the sweep."""
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
            log.warning("blobs left to the sweep", id=original.id, revision=original.revision, error=str(error))

    def _do_later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)
