"""`check`: verifies that every row has its blob, and that the blob's bytes have the recorded size and hash.

With `--complete`, it verifies the originals that have no description, and describes them.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from pymager import composition, keys
from pymager.errors import NotFound, OriginalLost, Overloaded, PictureError, RevisionGone, Unavailable
from pymager.library.library import Library
from pymager.operations.batch import Batch, batch_settings, stoppable_batch
from pymager.operations.copy_rows import list_rows
from pymager.operations.hashing import size_and_sha256
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Existing, Failed, Missing, Outcome, Report
from pymager.ports import BlobStore, MetadataStore, Original
from pymager.settings.model import Settings

_CONCURRENT_READS = 8
_PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """An original that is missing or damaged, or that could not be read; `problem` is a sentence."""

    id: str
    problem: str
    is_unread: bool = False


async def check(settings: Settings) -> tuple[int, list[Finding]]:
    """Check all originals. Returns their number and the findings. Raises `ConfigurationError` and `Unavailable`."""
    checked, findings = 0, []
    async with composition.opened_backends(settings) as (blobs, metadata):
        async for _, finding in check_rows(blobs, metadata):
            checked += 1
            if finding is not None:
                findings.append(finding)
    return checked, findings


async def complete(settings: Settings, *, jobs: int, progress: Progress) -> Report:
    """Check and describe the originals that have no description. Raises `ConfigurationError` and `Unavailable`.

    Those that have one are skipped, so a run that was interrupted continues where it ended. Safe while servers run.
    """
    settings = batch_settings(settings, jobs)
    async with (
        composition.opened(settings, pairs_stores=False) as components,
        stoppable_batch(jobs, progress, Report("described", "deleted meanwhile", may_be_empty=True)) as batch,
    ):
        completer = Completer(components.blobs, components.metadata, components.library, batch)
        await batch.run(list_rows(components.metadata, batch), lambda row: row.id, completer.complete)
    return batch.report


class Completer:
    """Checks and describes single originals."""

    def __init__(self, blobs: BlobStore, metadata: MetadataStore, library: Library, batch: Batch) -> None:
        self._blobs = blobs
        self._metadata = metadata
        self._library = library
        self._batch = batch

    async def complete(self, original: Original) -> Outcome:
        """Describe the original, unless it is described, damaged or lost. Raises `NoSpace` and `Unavailable`."""
        if original.description is not None:
            return Existing()
        finding = await _check_row(self._blobs, self._metadata, original)
        if finding is not None:
            return Failed(finding.problem)
        try:
            await self._batch.retry(partial(self._library.describe, original))
        except (NotFound, RevisionGone):
            return Missing()
        except (PictureError, OriginalLost, Overloaded) as error:
            return Failed(f"cannot be described: {error}")
        return Done(original.size)


async def check_rows(blobs: BlobStore, metadata: MetadataStore) -> AsyncIterator[tuple[Original, Finding | None]]:
    """Every row, with the finding if its blob is missing or damaged. Raises `Unavailable` if the catalog is."""
    cursor: str | None = None
    while True:
        page = await metadata.list_page(cursor, _PAGE_SIZE)
        for first in range(0, len(page.items), _CONCURRENT_READS):
            originals = page.items[first : first + _CONCURRENT_READS]
            findings = await asyncio.gather(*(_check_row(blobs, metadata, original) for original in originals))
            for result in zip(originals, findings, strict=True):
                yield result
        cursor = page.next
        if cursor is None:
            return


async def _check_row(blobs: BlobStore, metadata: MetadataStore, original: Original) -> Finding | None:
    try:
        problem = await _problem(blobs, original)
    except Unavailable as error:
        return Finding(original.id, f"the blob cannot be read: {error}", is_unread=True)
    if problem is None:
        return None
    # The original may have been deleted or replaced in the meantime, and its blob with it.
    try:
        current = await metadata.get(original.id)
    except NotFound:
        return None
    return Finding(original.id, problem) if current.revision == original.revision else None


async def _problem(blobs: BlobStore, original: Original) -> str | None:
    """What is wrong with the blob; None if nothing is. Raises `Unavailable`."""
    try:
        size, sha256 = await size_and_sha256(blobs, keys.original_key(original))
    except NotFound:
        return "the blob is missing"
    if size != original.size:
        return f"the blob has {size} bytes, the row says {original.size}"
    if sha256 != original.sha256:
        return f"the blob has the SHA-256 {sha256}, the row says {original.sha256}"
    return None
