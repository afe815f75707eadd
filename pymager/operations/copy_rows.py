"""`copy-metadata`: copies every row from one catalog to another, and reads it back to compare every field."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import fields
from functools import partial

from pymager import registry
from pymager.errors import AlreadyExists, Fenced, NotFound
from pymager.operations.batch import Batch, stoppable_batch
from pymager.operations.copy_deployment import copy_properties
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Existing, Extra, Failed, Outcome, Report
from pymager.operations.store_pair import opened_pair
from pymager.ports import MetadataStore, Original

_PAGE_SIZE = 500
_FENCED = (
    "TO rejects this revision: the original was deleted there, or a sweep of TO found its blob before the row existed"
)


async def copy_rows(
    source_url: str, target_url: str, *, jobs: int, progress: Progress, echo: Callable[[str], None]
) -> Report:
    """Copy all rows, then look for rows that only TO has; `echo` gets a line for each thing that was created in TO.

    Raises `ConfigurationError` and `Unavailable`, which name the argument.
    """
    async with (
        opened_pair(registry.load_metadata, source_url, target_url, echo) as (source, target),
        stoppable_batch(jobs, progress) as batch,
    ):
        await copy_properties(source, target)
        copier = RowCopier(source, target, batch)
        await batch.run(list_rows(source, batch), lambda row: row.id, copier.copy)
        if batch.report.processed:
            await batch.run(list_rows(target, batch), lambda row: row.id, copier.check_extra)
    return batch.report


async def list_rows(metadata: MetadataStore, batch: Batch) -> AsyncGenerator[Original, None]:
    """All rows, read page by page."""
    cursor: str | None = None
    while True:
        page = await batch.retry(partial(metadata.list_page, cursor, _PAGE_SIZE))
        for original in page.items:
            yield original
        cursor = page.next
        if cursor is None:
            return


class RowCopier:
    """Copies single rows from one catalog to another. Nothing else may write to either of them."""

    def __init__(self, source: MetadataStore, target: MetadataStore, batch: Batch) -> None:
        self._source = source
        self._target = target
        self._retry = batch.retry

    async def copy(self, original: Original) -> Outcome:
        """Copy a row. Raises `NoSpace` and, after several attempts, `Unavailable`."""
        # Each attempt reads the row first, which makes it safe to add again after a lost answer.
        return await self._retry(lambda: self._copy(original))

    async def check_extra(self, original: Original) -> Outcome | None:
        """`Extra` for a row of TO that FROM does not have. Raises `Unavailable` after several attempts."""
        try:
            await self._retry(lambda: self._source.get(original.id))
        except NotFound:
            return Extra()
        return None

    async def _copy(self, original: Original) -> Outcome:
        found = await self._find(original.id)
        if found is not None:
            return await self._described(original, found)
        try:
            await self._target.add(original)
        except AlreadyExists:
            found = await self._find(original.id)
            return _compared(original, found) if found else Failed("another process is writing to TO")
        except Fenced:
            found = await self._find(original.id)
            return _compared(original, found) if found else Failed(_FENCED)
        found = await self._find(original.id)
        if found is None:
            return Failed("TO accepted the row but does not have it")
        return Done() if found == original else _compared(original, found)

    async def _described(self, original: Original, found: Original) -> Outcome:
        """Compare a row that TO has, and give it the description if only FROM has it."""
        description, outcome = original.description, _compared(original, found)
        if found.description is not None or description is None or isinstance(outcome, Failed):
            return outcome
        await self._target.describe(original.id, original.revision, description)
        if await self._find(original.id) == original:
            return Done()
        return Failed("TO accepted the description but does not have it")

    async def _find(self, id: str) -> Original | None:
        try:
            return await self._target.get(id)
        except NotFound:
            return None


def _compared(original: Original, found: Original) -> Outcome:
    """Compare two rows. One of them can lack the description, which can be made anew."""
    if original == found:
        return Existing()
    if original.description is None and found.description is not None:
        original = original.with_description(found.description)
    elif original.description is not None and found.description is None:
        found = found.with_description(original.description)
    if original == found:
        return Existing()
    values = [(field.name, getattr(found, field.name), getattr(original, field.name)) for field in fields(Original)]
    differences = [f"{name} is {theirs}, in FROM {ours}" for name, theirs, ours in values if theirs != ours]
    return Failed(f"TO has a different row for this id: {'; '.join(differences)}")
