"""Derived pictures: looked up in the blob store, or rendered once and put there."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from pymager import formats, keys
from pymager.engine.jobs import Encoding, RenderJob, recipe
from pymager.errors import NotAPicture, NotFound, OriginalLost, PictureError, PymagerError, Unavailable, Undecodable
from pymager.failpoints import reached
from pymager.library import spool
from pymager.library.cache import Cache
from pymager.library.singleflight import SingleFlight
from pymager.names import DerivedName
from pymager.ports import BlobInfo, BlobStore, MetadataStore, Original
from pymager.telemetry.observer import OFF, Observer
from pymager.workers.pool import Worker, WorkerPool

_REMEMBERED = 60.0
_MOST_REMEMBERED = 10_000
_WHOLE = 1 << 20  # a derived picture up to this size is answered in one piece


class RevisionGone(PymagerError):
    """The revision that a picture was to be derived from is not there any more: start again from the row."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A derived picture: its bytes are `body`, or else in `chunks`. `is_new`: it was rendered for whoever asks."""

    info: BlobInfo
    body: bytes | None
    chunks: AsyncIterator[bytes] | None = None
    is_new: bool = False


def check_whole(original: Original, info: BlobInfo) -> None:
    """Raises `OriginalLost` where a blob is not as long as its row says."""
    if info.size != original.size:
        raise OriginalLost(f"the blob of '{original.id}' has {info.size} bytes, its row says {original.size}")


class Derivation:
    """Makes derived pictures, each once, and remembers for a minute which could not be made."""

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        workers: WorkerPool,
        memory: Cache,
        encoding: Encoding,
        spool: Path,
        deadline: float,
        observer: Observer = OFF,
    ) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._memory = memory
        self._encoding = encoding
        self._spool = spool
        self._flights: SingleFlight[Picture, Worker] = SingleFlight(
            metadata, workers.slot, deadline=deadline, observer=observer
        )
        self._failures: OrderedDict[str, tuple[float, type[PictureError], str]] = OrderedDict()
        self.recipes = {format.name: recipe(encoding, format.name) for format in formats.OUTPUTS.values()}

    def key(self, original: Original, name: DerivedName) -> str:
        """Where the picture is, or is to be."""
        format = formats.OUTPUTS[name.extension]
        return keys.derived_key(original, self.recipes[format.name], name.width, name.height, format.extension)

    @asynccontextmanager
    async def open(self, original: Original, name: DerivedName, *, looked: bool = False) -> AsyncIterator[Picture]:
        """The picture, from the blob store or made now; `looked` says that it was not in the store just now.

        Raises `RevisionGone`, `PictureError`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        key = self.key(original, name)
        async with AsyncExitStack() as stack:
            yield await self._opened(stack, key, original, name, looked)

    async def whole(self, key: str) -> Picture | None:
        """The picture where the store has it and it is small enough to be answered in one piece.

        Raises `NotFound` where the store does not have it.
        """
        kept = self._memory.get(key)
        if kept is not None and kept.info.size > _WHOLE:
            return None
        async with self._stored(key) as picture:
            return picture if picture.body is not None else None

    async def close(self, seconds: float) -> None:
        """Finish the renders that are under way, or stop them after so many seconds; their leases are released."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._flights.drain()
        await self._flights.abort()

    async def _opened(
        self, stack: AsyncExitStack, key: str, original: Original, name: DerivedName, looked: bool
    ) -> Picture:
        is_new = False
        for turn in range(2):
            if turn or not looked:
                with suppress(NotFound):
                    stored = await stack.enter_async_context(self._stored(key))
                    return replace(stored, is_new=True) if is_new else stored
            picture = await self._made(key, original, name)
            is_new = picture.is_new
            if picture.body is not None:
                return picture
        # A large one is not answered from memory: the second turn has found it, or it has gone again.
        with suppress(NotFound):
            stored = await stack.enter_async_context(self._stored(key))
            return replace(stored, is_new=is_new)
        raise RevisionGone(key)

    @asynccontextmanager
    async def _stored(self, key: str) -> AsyncIterator[Picture]:
        async with self._blobs.open(key) as blob:
            if blob.info.size <= _WHOLE:
                body = b"".join([chunk async for chunk in blob.chunks])
                self._memory.put(blob.info, body)
                yield Picture(blob.info, body)
            else:
                self._memory.put(blob.info, None)
                yield Picture(blob.info, None, blob.chunks)

    async def _made(self, key: str, original: Original, name: DerivedName) -> Picture:
        self._refuse_what_failed(key)

        async def look() -> Picture | None:
            try:
                async with self._stored(key) as picture:
                    return Picture(picture.info, picture.body)
            except NotFound:
                return None

        async def make(worker: Worker) -> Picture:
            return await self._make(worker, key, original, name)

        try:
            return await self._flights.run(key, look, make)
        except PictureError as error:
            self._remember_failure(key, error)
            raise

    async def _make(self, worker: Worker, key: str, original: Original, name: DerivedName) -> Picture:
        format = formats.OUTPUTS[name.extension]
        target = RenderJob(name.width, name.height, format.name, self._encoding)
        try:
            async with self._local(original) as path:
                rendered = await worker.render(path, target, self._spool)
                reached("derive.rendered")
                info = await self._put(key, path, rendered, format.content_type)
        except NotFound:
            raise RevisionGone(key) from None
        except NotAPicture as error:  # it was one when it was uploaded: nothing that a reader can mend
            raise Undecodable(
                f"the original can't be decoded any more; the operator should check it: {error}"
            ) from error
        reached("derive.blob-put")
        await self._stand_by(original, key)
        body = rendered if isinstance(rendered, bytes) else None
        self._memory.put(info, body)
        return Picture(info, body, is_new=True)

    async def _put(self, key: str, path: Path, rendered: bytes | Path | None, content_type: str) -> BlobInfo:
        try:
            return await self._blobs.put(key, path if rendered is None else rendered, content_type)
        except (OSError, Unavailable):
            if rendered is not None or path.exists():
                raise
            raise NotFound(key) from None  # the original's own file, deleted in the meantime
        finally:
            if isinstance(rendered, Path):
                rendered.unlink(missing_ok=True)

    @asynccontextmanager
    async def _local(self, original: Original) -> AsyncIterator[Path]:
        """The original as a local file: where the store has it, or in the spool."""
        async with self._blobs.open(keys.original_key(original)) as blob:
            check_whole(original, blob.info)
            if blob.file is not None:
                yield blob.file
                return
            path = self._spool / secrets.token_hex(8)
            try:
                await spool.write(path, blob.chunks)
                yield path
            finally:
                path.unlink(missing_ok=True)

    async def _stand_by(self, original: Original, key: str) -> None:
        """Take back what was written for a revision that went in the meantime. Raises `RevisionGone`."""
        with suppress(NotFound):
            if (await self._metadata.get(original.id)).revision == original.revision:
                return
        await self._blobs.delete([key])
        raise RevisionGone(key)

    def _refuse_what_failed(self, key: str) -> None:
        if (failure := self._failures.get(key)) is not None:
            until, kind, sentence = failure
            if monotonic() < until:
                raise kind(sentence)
            del self._failures[key]

    def _remember_failure(self, key: str, error: PictureError) -> None:
        # Not the error itself: its traceback would keep alive what the request held.
        self._failures[key] = (monotonic() + _REMEMBERED, type(error), str(error))
        self._failures.move_to_end(key)
        if len(self._failures) > _MOST_REMEMBERED:
            self._failures.popitem(last=False)
