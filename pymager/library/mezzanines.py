"""Stores mezzanines, reduced pictures of large originals, and fetches the one that a variant is rendered from.

A mezzanine is made at the upload, when the original is decoded anyway, and stored like a variant: under the prefix of
its revision, with a recipe of its own. So it is deleted and swept like a variant, and like a variant it can be deleted
at any time. A missing or damaged one is made again by the next render that needs it. Which variants are rendered from
mezzanines is decided by rules (`pymager.variants.mezzanine`) and never by whether one exists: a key must always get the
same bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import structlog

from pymager import keys
from pymager.engine.jobs import Mezzanine, RenderJob
from pymager.engine.recipe import mezzanine_recipe
from pymager.errors import BackendError, MezzanineDamaged, NotFound, PictureError
from pymager.failpoints import reached
from pymager.library import spool
from pymager.library.recent import remember
from pymager.ports import BlobStore, MetadataStore, Original
from pymager.telemetry.families import MEZZANINES
from pymager.telemetry.observer import OFF, Observer
from pymager.variants.mezzanine import pays, serves
from pymager.workers.worker import Worker

_CONTENT_TYPE = "image/jpeg"
_MAX_ATTEMPTS = 2
_FAILURE_TTL_SECONDS = 60.0
_MAX_FAILURES = 10_000
_EVENTS = ("made", "used", "missing", "damaged", "not_made", "not_stored")

OpenOriginal = Callable[[], AbstractAsyncContextManager[Path]]
"""Opens an original as a local file. Raises `NotFound` and `OriginalLost`."""

log = structlog.get_logger("pymager.library")


@dataclass(frozen=True, slots=True)
class _Local:
    """A mezzanine as a local file. `path` is None if the original gets none."""

    path: Path | None


@dataclass(slots=True)
class _Shared:
    """The mezzanine that several renders of one revision use at the same time.

    `owned` are files in the spool, which the last user deletes.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    local: _Local | None = None
    owned: list[Path] = field(default_factory=list)


class Mezzanines:
    """Makes, stores and uses mezzanines. `side` is the longest side of one in pixels; None turns them off."""

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        spool_folder: Path,
        side: int | None,
        observer: Observer = OFF,
    ) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._observer = observer
        self._recipe = "" if side is None else mezzanine_recipe(side)
        self._shared: dict[str, _Shared] = {}
        self._failures: OrderedDict[str, float] = OrderedDict()
        self.side = side
        self.spool_folder = spool_folder
        for event in _EVENTS:
            observer.count(MEZZANINES, event, by=0)

    def job(self, sha256: str) -> Mezzanine | None:
        """What to make of the original with this hash; None if mezzanines are off."""
        return None if self.side is None else Mezzanine(self.side, sha256)

    def keys_of(self, original: Original) -> list[str]:
        """The key of the original's mezzanine, if it gets one."""
        return [self._key(original)] if self.side is not None and pays(original, self.side) else []

    @asynccontextmanager
    async def storing(self, original: Original, path: Path | None) -> AsyncIterator[None]:
        """Store the mezzanine of an upload while inside, and delete its file. If that fails, it is only logged.

        If the block fails, a mezzanine that is stored by then is deleted.
        """
        if path is None:
            yield
            return
        self._observer.count(MEZZANINES, "made")
        putting = asyncio.create_task(self._put_uploaded(original, path))
        try:
            yield
            await asyncio.shield(putting)
        except Exception:
            await asyncio.wait([putting])  # a store can complete a canceled put in its thread, after any delete
            if putting.result():
                await self._delete(original)
            raise
        except BaseException:
            await _canceled(putting)
            raise
        finally:
            path.unlink(missing_ok=True)

    async def render(
        self, worker: Worker, original: Original, job: RenderJob, open_original: OpenOriginal
    ) -> bytes | Path | None:
        """Render a variant from the mezzanine, which is made if it is missing or damaged.

        None means that it has to be rendered from the original. Raises what `Worker.render` raises and, if the
        mezzanine is made, what `open_original` and `Worker.make_mezzanine` raise.
        """
        side = self.side
        if side is None or not serves(original, job.variant, job.encoding, side, job.max_side):
            return None
        job = replace(job, upright=(original.width, original.height), source=original.sha256)
        unusable: _Local | None = None
        for _ in range(_MAX_ATTEMPTS):
            async with self._opened(worker, original, open_original, unusable) as local:
                if local.path is None:
                    return None
                try:
                    reached("derive.rendering")
                    rendered = await worker.render(local.path, job, self.spool_folder)
                    self._observer.count(MEZZANINES, "used")
                    return rendered
                except MezzanineDamaged as error:
                    self._observer.count(MEZZANINES, "damaged")
                    log.warning("mezzanine damaged", id=original.id, revision=original.revision, error=str(error))
                except NotFound:  # deleted since it was opened: by an operator, or with the original
                    self._observer.count(MEZZANINES, "missing")
                unusable = local
        log.error("no usable mezzanine; rendered from the original", id=original.id, revision=original.revision)
        return None

    @asynccontextmanager
    async def _opened(
        self, worker: Worker, original: Original, open_original: OpenOriginal, unusable: _Local | None
    ) -> AsyncIterator[_Local]:
        """The mezzanine as a local file, shared with the renders that need it at the same time.

        One of them reads or makes it, and the others wait; if it fails, the next one tries. `unusable` is one that has
        to be made again.
        """
        shared = self._shared.setdefault(original.revision, _Shared())
        shared.users += 1
        storing: asyncio.Task[None] | None = None
        try:
            async with shared.lock:
                if shared.local is None and unusable is None:
                    shared.local = await self._read(original, shared.owned)
                if shared.local is None or shared.local is unusable:
                    shared.local = await self._made(worker, original, open_original, shared.owned)
                    if shared.local.path is not None:
                        storing = asyncio.create_task(self._store(original, shared.local.path))
                local = shared.local
            yield local
        except asyncio.CancelledError:
            if storing is not None:
                await _canceled(storing)
            raise
        finally:
            try:
                if storing is not None and not storing.done():
                    await _finished(storing)
            finally:
                self._leave(original, shared)

    def _leave(self, original: Original, shared: _Shared) -> None:
        shared.users -= 1
        if not shared.users:
            del self._shared[original.revision]
            for path in shared.owned:
                path.unlink(missing_ok=True)

    async def _read(self, original: Original, owned: list[Path]) -> _Local | None:
        """The stored mezzanine: the store's own file, or a copy in the spool. None if it is missing."""
        try:
            async with self._blobs.open(self._key(original)) as blob:
                return _Local(await spool.local_file(blob, self.spool_folder, owned))
        except NotFound:
            self._observer.count(MEZZANINES, "missing")
            return None

    async def _made(self, worker: Worker, original: Original, open_original: OpenOriginal, owned: list[Path]) -> _Local:
        """A new mezzanine. An original of which none can be made counts as one that gets none, for a minute."""
        assert self.side is not None
        if monotonic() < self._failures.get(original.revision, 0.0):
            return _Local(None)
        try:
            async with open_original() as source:
                path = await worker.make_mezzanine(source, Mezzanine(self.side, original.sha256), self.spool_folder)
        except PictureError as error:  # too little memory, for example; the original may still give a small variant
            self._observer.count(MEZZANINES, "not_made")
            log.warning("mezzanine not made", id=original.id, revision=original.revision, error=str(error))
            path = None
        if path is None:
            remember(self._failures, original.revision, monotonic() + _FAILURE_TTL_SECONDS, _MAX_FAILURES)
            return _Local(None)
        owned.append(path)
        self._observer.count(MEZZANINES, "made")
        reached("derive.mezzanine-made")
        return _Local(path)

    async def _put_uploaded(self, original: Original, path: Path) -> bool:
        stored = await self._put(original, path)
        if stored:
            reached("upload.mezzanine-put")
        return stored

    async def _store(self, original: Original, path: Path) -> None:
        """Store a mezzanine of a row that may be gone by now: then delete it again."""
        if await self._put(original, path):
            reached("derive.mezzanine-put")
        try:
            try:
                is_gone = (await self._metadata.get(original.id)).revision != original.revision
            except NotFound:
                is_gone = True
            if is_gone:
                await self._delete(original)
        except BackendError as error:
            self._log_left(original, error)

    async def _put(self, original: Original, path: Path) -> bool:
        """Write the blob; returns whether that worked. A failure is logged: the mezzanine is made again when needed."""
        key = self._key(original)
        try:
            await self._blobs.put(key, path, _CONTENT_TYPE)
        except (BackendError, OSError) as error:
            self._observer.count(MEZZANINES, "not_stored")
            log.warning("mezzanine not stored", key=key, error=str(error))
            return False
        return True

    async def _delete(self, original: Original) -> None:
        try:
            await self._blobs.delete([self._key(original)])
        except BackendError as error:
            self._log_left(original, error)

    def _log_left(self, original: Original, error: BackendError) -> None:
        log.warning("mezzanine not deleted; the sweep will remove it", key=self._key(original), error=str(error))

    def _key(self, original: Original) -> str:
        return keys.mezzanine_key(original, self._recipe)


async def _finished(task: asyncio.Task[None]) -> None:
    """Wait for a task; it is canceled with its caller."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await _canceled(task)
        raise


async def _canceled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])
