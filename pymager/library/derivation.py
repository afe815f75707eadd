"""Variants: found in a cache or the blob store, or rendered once and written there."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

from pymager import keys
from pymager.engine.jobs import Overlay, RenderJob
from pymager.engine.recipe import variant_recipes
from pymager.errors import NotAPicture, NotFound, OriginalLost, PictureError, RevisionGone, Unavailable, Undecodable
from pymager.failpoints import reached
from pymager.formats import Encoding
from pymager.library import spool
from pymager.library.content import BUCKET, RENDERED, SHARED, VariantContent
from pymager.library.memory_tier import MemoryTier
from pymager.library.mezzanines import Mezzanines
from pymager.library.overlays import Overlays
from pymager.library.recent import remember
from pymager.library.shared_tier import SharedTier
from pymager.library.singleflight import SingleFlight
from pymager.ports import BlobInfo, BlobStore, MetadataStore, Original
from pymager.telemetry.observer import OFF, Observer
from pymager.variants.variant import Variant
from pymager.workers import cost
from pymager.workers.pool import WorkerPool
from pymager.workers.queue import JobKind
from pymager.workers.worker import Worker

_FAILURE_TTL_SECONDS = 60.0
_MAX_FAILURES = 10_000
_FRAMES_OF_A_RENDER = 10  # an animation with more frames is a job of another kind
_MAX_WHOLE_BYTES = 1 << 20  # a larger variant is streamed from the blob store


def check_size(original: Original, info: BlobInfo) -> None:
    """Raises `OriginalLost` if a blob is not as long as its row says."""
    if info.size != original.size:
        raise OriginalLost(f"the blob of '{original.id}' has {info.size} bytes, but its row says {original.size}")


@asynccontextmanager
async def local_original(blobs: BlobStore, original: Original, spool_folder: Path) -> AsyncIterator[Path]:
    """The original as a local file: the store's own, or a copy in the spool. Raises `NotFound` and `OriginalLost`."""
    copies: list[Path] = []
    async with blobs.open(keys.original_key(original)) as blob:
        check_size(original, blob.info)
        try:
            yield await spool.local_file(blob, spool_folder, copies)
        finally:
            for path in copies:
                path.unlink(missing_ok=True)


def _kind(original: Original, variant: Variant) -> JobKind:
    """Whether the variant is a long animation."""
    moves = variant.animated and (original.frames or 1) > _FRAMES_OF_A_RENDER
    return JobKind.ANIMATION if moves else JobKind.RENDER


def _dated(info: BlobInfo, original: Original) -> BlobInfo:
    """The description of a variant: dated no earlier than its original, whose date can be later than now."""
    return info if info.modified >= original.created else replace(info, modified=original.created)


class Derivation:
    """Renders missing variants, each once. Caches for a minute that a picture cannot be rendered."""

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        workers: WorkerPool,
        cache: MemoryTier,
        encoding: Encoding,
        spool_folder: Path,
        deadline: float,
        observer: Observer = OFF,
        *,
        mezzanines: Mezzanines,
        max_side: int = 65_535,
        overlays: Overlays | None = None,
        shared: SharedTier | None = None,
    ) -> None:
        """`deadline` is how many seconds to wait for a variant while other replicas hold its lease.

        Variants are rendered from `mezzanines` where those serve. `max_side` limits a side that follows from the
        picture's proportions, in pixels. `overlays` are the watermarks. `shared` is the cache that replicas share.
        """
        self._blobs = blobs
        self._metadata = metadata
        self._workers = workers
        self._cache = cache
        self._encoding = encoding
        self._spool_folder = spool_folder
        self._mezzanines = mezzanines
        self._max_side = max_side
        self._overlays = Overlays(metadata, {}) if overlays is None else overlays
        self._shared = shared
        self._flights: SingleFlight[VariantContent, Worker] = SingleFlight(
            metadata, workers.reserve, deadline=deadline, observer=observer
        )
        self._failures: OrderedDict[str, tuple[float, type[PictureError], str]] = OrderedDict()
        self.recipes = variant_recipes(encoding, mezzanines.side)

    def key(self, original: Original, variant: Variant) -> str:
        """The key under which the variant is stored, or will be."""
        return keys.derived_key(original, self.recipes[variant.format], variant)

    def cached(self, key: str, needs_body: Callable[[BlobInfo], bool]) -> VariantContent | None:
        """The variant from the cache. A description without the body is enough if `needs_body` returns False for it."""
        content = self._cache.get(key)
        return content if content is not None and (content.body is not None or not needs_body(content.info)) else None

    async def stored(self, original: Original, key: str) -> VariantContent:
        """Read the variant from the shared cache or the blob store, and cache it. Raises `NotFound`."""
        if self._shared is None:
            return await self._from_bucket(original, key)
        known = self._cache.get(key)
        if known is None or self._shared.accepts(known.info):
            found = await self._shared.get(key)
            if found is not None:
                info, body = _dated(found[0], original), found[1]
                self._cache.put(info, body)
                return VariantContent(info, body, SHARED)
        content = await self._from_bucket(original, key)
        if content.body is not None:
            self._shared.put(content.info, content.body)
        return content

    async def _from_bucket(self, original: Original, key: str) -> VariantContent:
        opening = self._blobs.open(key)
        blob = await opening.__aenter__()
        info = _dated(blob.info, original)
        if info.size > _MAX_WHOLE_BYTES:
            self._cache.put(info, None)
            return VariantContent(info, None, BUCKET, blob.chunks, opening)
        try:
            body = b"".join([chunk async for chunk in blob.chunks])
        except BaseException as error:
            await opening.__aexit__(type(error), error, error.__traceback__)
            raise
        await opening.__aexit__(None, None, None)
        self._cache.put(info, body)
        return VariantContent(info, body, BUCKET)

    async def render(self, original: Original, variant: Variant, key: str) -> VariantContent:
        """The variant, rendered here or by the replica that holds its lease.

        Raises `RevisionGone`, `PictureError`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        for _ in range(2):
            content = await self._rendered(original, variant, key)
            if content.body is not None:
                return content
            with suppress(NotFound):
                stored = await self.stored(original, key)
                stored.tier = content.tier
                return stored
        raise Unavailable("the variant was deleted from the blob store as soon as it was written", outcome_known=True)

    async def close(self, seconds: float) -> None:
        """Finish the renders that run, or stop them after this many seconds; their leases are released."""
        await self._flights.close(seconds)
        if self._shared is not None:
            await self._shared.close()

    async def _rendered(self, original: Original, variant: Variant, key: str) -> VariantContent:
        """The result of the shared render of a key; a large variant comes without its bytes."""
        self._raise_known_failure(key)

        async def look() -> VariantContent | None:
            try:
                async with await self._from_bucket(original, key) as stored:
                    return VariantContent(stored.info, stored.body, BUCKET)
            except NotFound:
                return None

        async def make(worker: Worker) -> VariantContent:
            return await self._make(worker, key, original, variant)

        try:
            encoding = variant.encoding(self._encoding)
            work = cost.of_variant(original, variant, encoding, self._mezzanines.side, self._max_side)
            reserve = partial(self._workers.reserve, _kind(original, variant), work)
            return await self._flights.run(key, look, make, reserve=reserve)
        except PictureError as error:
            self._remember_failure(key, error)
            raise

    async def _make(self, worker: Worker, key: str, original: Original, variant: Variant) -> VariantContent:
        try:
            job = RenderJob(variant, variant.encoding(self._encoding), self._max_side)
            if variant.watermark:
                async with self._overlay(variant) as overlay:
                    info, rendered = await self._render_and_put(worker, key, original, replace(job, overlay=overlay))
            else:
                info, rendered = await self._render_and_put(worker, key, original, job)
        except NotFound:
            raise RevisionGone(key) from None
        except NotAPicture as error:
            if variant.animated or variant.frame:  # an upload verifies the first frame only
                raise Undecodable(f"a frame of the original cannot be decoded: {error}") from error
            # It was a picture when it was uploaded, so no client can fix it.
            raise Undecodable(
                f"the original can no longer be decoded; the operator should check it: {error}"
            ) from error
        except Unavailable:  # also if a clean-up deleted the variant before the store had described it
            await self._check_revision(original, key)
            raise
        reached("derive.blob-put")
        await self._check_revision(original, key)
        info = _dated(info, original)
        body = rendered if isinstance(rendered, bytes) else None
        self._cache.put(info, body)
        if body is not None and self._shared is not None:
            self._shared.put(info, body)
        return VariantContent(info, body, RENDERED)

    async def _render_and_put(
        self, worker: Worker, key: str, original: Original, job: RenderJob
    ) -> tuple[BlobInfo, bytes | Path | None]:
        """Render from the mezzanine if it serves, otherwise from the original; then write the blob."""
        content_type = job.variant.content_type
        open_original = partial(local_original, self._blobs, original, self._spool_folder)
        rendered = await self._mezzanines.render(worker, original, job, open_original)
        if rendered is not None:
            return await self._put(key, rendered, content_type), rendered
        async with open_original() as path:
            reached("derive.rendering")
            rendered = await worker.render(path, job, self._spool_folder)
            if rendered is not None:
                return await self._put(key, rendered, content_type), rendered
            return await self._put_original(key, path, content_type), None

    async def _put(self, key: str, rendered: bytes | Path, content_type: str) -> BlobInfo:
        reached("derive.rendered")
        try:
            return await self._blobs.put(key, rendered, content_type)
        finally:
            if isinstance(rendered, Path):
                rendered.unlink(missing_ok=True)

    async def _put_original(self, key: str, path: Path, content_type: str) -> BlobInfo:
        """Write the original's own bytes as the variant. Raises `NotFound` if its file is gone."""
        reached("derive.rendered")
        try:
            return await self._blobs.put(key, path, content_type)
        except (OSError, Unavailable):
            if path.exists():
                raise
            raise NotFound(key) from None

    @asynccontextmanager
    async def _overlay(self, variant: Variant) -> AsyncIterator[Overlay]:
        """The watermark of a variant, with its picture as a local file.

        Raises `WatermarkChanged`, `WatermarkMissing`, and `OriginalLost` if the picture has a row and no blob.
        """
        async with AsyncExitStack() as stack:
            watermark, original = await self._overlays.current(variant)
            try:
                path = await stack.enter_async_context(local_original(self._blobs, original, self._spool_folder))
            except NotFound:
                await self._overlays.current(variant)
                raise OriginalLost(f"the blob of the watermark '{original.id}' is gone, but its row exists") from None
            yield Overlay(
                str(path), original.revision, watermark.gravity, watermark.scale, watermark.opacity, watermark.margin
            )

    async def _check_revision(self, original: Original, key: str) -> None:
        """Delete the variant if its revision was deleted or replaced in the meantime. Raises `RevisionGone`."""
        with suppress(NotFound):
            if (await self._metadata.get(original.id)).revision == original.revision:
                return
        await self._blobs.delete([key])
        raise RevisionGone(key)

    def _raise_known_failure(self, key: str) -> None:
        if (failure := self._failures.get(key)) is not None:
            until, kind, sentence = failure
            if monotonic() < until:
                raise kind(sentence)
            del self._failures[key]

    def _remember_failure(self, key: str, error: PictureError) -> None:
        # Not the error itself: its traceback would keep the request's objects alive.
        failure = monotonic() + _FAILURE_TTL_SECONDS, type(error), str(error)
        remember(self._failures, key, failure, _MAX_FAILURES)
