"""Describes originals that earlier versions stored without a description, when they are first needed.

One worker process decodes an original, however many requests on however many replicas need its description. The result
is written to the row with a conditional write, which changes nothing else of the row.
"""

import asyncio
from collections import OrderedDict
from functools import partial
from pathlib import Path
from time import monotonic

import structlog

from pymager.errors import BackendError, NotFound, OriginalLost, Overloaded, PictureError, RevisionGone, Unavailable
from pymager.library.derivation import local_original
from pymager.library.recent import remember
from pymager.library.singleflight import SingleFlight
from pymager.ports import BlobStore, Description, MetadataStore, Original
from pymager.telemetry.observer import OFF, Observer
from pymager.workers import cost
from pymager.workers.pool import WorkerPool
from pymager.workers.queue import JobKind
from pymager.workers.worker import Worker

_MAX_WAIT_SECONDS = 10.0
_FAILURE_TTL_SECONDS = 3_600.0
_MAX_REMEMBERED = 10_000

log = structlog.get_logger("pymager.library")


class Descriptions:
    """Describes originals in worker processes. With `read_only`, the results stay in memory.

    An original that cannot be decoded any more is tried once an hour.
    """

    def __init__(
        self,
        blobs: BlobStore,
        metadata: MetadataStore,
        workers: WorkerPool,
        spool_folder: Path,
        deadline: float,
        *,
        read_only: bool = False,
        observer: Observer = OFF,
    ) -> None:
        """`deadline` is how many seconds to wait for a description while other replicas hold its lease."""
        self._blobs = blobs
        self._metadata = metadata
        self._workers = workers
        self._spool_folder = spool_folder
        self._read_only = read_only
        self._flights: SingleFlight[Description, Worker] = SingleFlight(
            metadata, partial(workers.reserve, JobKind.INSPECTION), deadline=deadline, observer=observer
        )
        self._unsaved: OrderedDict[str, Description] = OrderedDict()
        self._failures: OrderedDict[str, float] = OrderedDict()

    async def described(self, original: Original) -> Original:
        """The row with its description; the row as it is if it cannot be described within a few seconds."""
        if original.description is not None or monotonic() < self._failures.get(original.revision, 0.0):
            return original
        try:
            async with asyncio.timeout(_MAX_WAIT_SECONDS):
                return original.with_description(await self._description(original))
        except PictureError as error:
            log.warning("original not described", id=original.id, revision=original.revision, error=str(error))
            remember(self._failures, original.revision, monotonic() + _FAILURE_TTL_SECONDS, _MAX_REMEMBERED)
        except (TimeoutError, BackendError, OriginalLost, Overloaded, RevisionGone) as error:
            log.info(
                "original not described; the next request tries again",
                id=original.id,
                revision=original.revision,
                error=str(error),
            )
        return original

    async def describe(self, original: Original) -> Original:
        """The row with its description, which is in the catalog afterwards, except in read-only mode.

        Raises `RevisionGone`, `PictureError`, `OriginalLost`, `Overloaded`, `NoSpace` and `Unavailable`.
        """
        described = original.with_description(original.description or await self._description(original))
        if original.revision in self._unsaved and not self._read_only:
            raise Unavailable("the description was not stored", outcome_known=True)
        return described

    async def close(self, seconds: float) -> None:
        """Finish the work that runs, or stop it after this many seconds; its leases are released."""
        await self._flights.close(seconds)

    async def _description(self, original: Original) -> Description:
        """The description from memory, from another replica, or made now; written to the catalog if it can be."""
        description = self._unsaved.get(original.revision)
        if description is None:
            key = f"description/{original.id}/{original.revision}"
            description = await self._flights.run(
                key,
                partial(self._look, original),
                lambda worker: self._make(worker, original),
                reserve=partial(self._workers.reserve, JobKind.INSPECTION, cost.of_original(original)),
            )
        else:
            await self._save(original, description)
        return description

    async def _look(self, original: Original) -> Description | None:
        """The description that another replica has written. Raises `RevisionGone`."""
        try:
            current = await self._metadata.get(original.id)
        except NotFound:
            raise RevisionGone(original.id) from None
        if current.revision != original.revision:
            raise RevisionGone(original.id)
        return current.description

    async def _make(self, worker: Worker, original: Original) -> Description:
        try:
            async with local_original(self._blobs, original, self._spool_folder) as path:
                description = (await worker.inspect(path)).description
        except NotFound:
            raise RevisionGone(original.id) from None
        await self._save(original, description)
        return description

    async def _save(self, original: Original, description: Description) -> None:
        """Write the description, or remember it if it cannot be written now. Does nothing if the revision is gone."""
        remember(self._unsaved, original.revision, description, _MAX_REMEMBERED)
        if self._read_only:
            return
        try:
            await self._metadata.describe(original.id, original.revision, description)
        except BackendError as error:
            log.warning("description not stored", id=original.id, revision=original.revision, error=str(error))
        else:
            self._unsaved.pop(original.revision, None)
