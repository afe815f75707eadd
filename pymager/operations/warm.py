"""`warm`: renders variants ahead of the first request.

It goes through the library, so variants that serving replicas render at the same time are not rendered twice. A variant
that exists costs a read of the catalog and a look into the blob store, so an interrupted run is simply started again.
"""

import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from pymager import composition, names
from pymager.composition import Components
from pymager.errors import (
    ConfigurationError,
    InvalidName,
    NotFound,
    OriginalLost,
    OriginalNotFound,
    PictureError,
    WatermarkMissing,
)
from pymager.operations.batch import Batch, batch_settings, stoppable_batch
from pymager.operations.checkpoint import Checkpoint
from pymager.operations.id_list import read_lines
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Existing, Failed, Missing, Outcome, Report
from pymager.operations.variant_set import VariantSet, Wanted
from pymager.settings.model import Settings

_PAGE_SIZE = 500
_MAX_SHOWN = 10

NamedVariant = tuple[str, Wanted]


async def warm_catalog(
    settings: Settings,
    wanted: VariantSet,
    *,
    jobs: int,
    prefix: str,
    checkpoint_path: Path | None,
    progress: Progress,
) -> Report:
    """Render variants of all originals whose ids start with `prefix`, from the checkpoint on.

    Raises `ConfigurationError` and `Unavailable`.
    """
    prefix = unicodedata.normalize("NFC", prefix)
    checkpoint = Checkpoint(checkpoint_path, wanted.task(settings, prefix))
    async with _opened(settings, wanted, jobs, progress) as (components, batch, variants):
        warmer = _Warmer(components, batch)
        cursor = checkpoint.load()
        while True:
            try:
                page = await batch.retry(partial(components.library.page, cursor, _PAGE_SIZE))
            except ValueError:
                raise ConfigurationError(
                    f"{checkpoint_path}: the checkpoint is from another catalog; delete the file to start over"
                ) from None
            ids = [original.id for original in page.items if original.id.startswith(prefix)]
            await batch.run(_all_variants(ids, variants), _label, warmer.warm)
            cursor = page.next
            if batch.report.stopped is not None:
                break
            if cursor is None:
                checkpoint.delete()
                break
            checkpoint.save(cursor)
    return batch.report


async def warm_ids(settings: Settings, wanted: VariantSet, *, jobs: int, file: str, progress: Progress) -> Report:
    """Render variants of the originals whose ids are in a file, one per line; `-` is standard input.

    Raises `ConfigurationError` and `Unavailable`.
    """
    async with _opened(settings, wanted, jobs, progress) as (components, batch, variants):
        warmer = _Warmer(components, batch, announced=variants[0])
        try:
            await batch.run(_listed_variants(file, variants, batch), _label, warmer.warm)
        except* ConfigurationError as errors:
            raise errors.exceptions[0] from None
    return batch.report


class _Warmer:
    """Renders single variants. An id without an original is printed once, for the variant `announced`."""

    def __init__(self, components: Components, batch: Batch, *, announced: Wanted | None = None) -> None:
        self._blobs = components.blobs
        self._library = components.library
        self._batch = batch
        self._announced = announced

    async def warm(self, named: NamedVariant) -> Outcome:
        """Render a variant unless it exists; stop the run if the picture of a watermark does not exist.

        Raises `NoSpace` and, after several attempts, `Unavailable`.
        """
        id, wanted = named
        try:
            return await self._batch.retry(partial(self._find_or_render, id, wanted))
        except OriginalNotFound:
            if wanted == self._announced:
                self._batch.print_line(f"{id}: no original has this id")
            return Missing()
        except WatermarkMissing as error:
            self._batch.stop(str(error))  # it would be missing for every original
            return Failed(str(error))
        except (PictureError, OriginalLost) as error:
            return Failed(str(error))

    async def _find_or_render(self, id: str, wanted: Wanted) -> Outcome:
        located = await self._library.locate(id, wanted.variant, wanted.accept)
        try:
            await self._blobs.stat(located.key)
            return Existing()
        except NotFound:
            async with await self._library.render(located) as content:
                return Done(content.info.size)


@asynccontextmanager
async def _opened(
    settings: Settings, wanted: VariantSet, jobs: int, progress: Progress
) -> AsyncIterator[tuple[Components, Batch, list[Wanted]]]:
    settings = batch_settings(settings, jobs)
    async with composition.opened(settings, pairs_stores=False) as components:
        variants = wanted.variants(settings, components.urls)
        report = Report("rendered", "without an original", may_be_empty=True)
        async with stoppable_batch(jobs, progress, report) as batch:
            _print_signed_only(batch, variants)
            yield components, batch, variants


def _print_signed_only(batch: Batch, variants: Sequence[Wanted]) -> None:
    """Say which variants only signed URLs can request: it may not be meant."""
    names = list(dict.fromkeys(wanted.variant.file_name for wanted in variants if wanted.signed_only))
    if names:
        more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
        batch.print_line(f"only signed URLs can request these: {', '.join(names[:_MAX_SHOWN])}{more}")


async def _all_variants(ids: Sequence[str], variants: Sequence[Wanted]) -> AsyncGenerator[NamedVariant, None]:
    for id in ids:
        for variant in variants:
            yield id, variant


async def _listed_variants(file: str, variants: Sequence[Wanted], batch: Batch) -> AsyncGenerator[NamedVariant, None]:
    async for line in read_lines(file):
        if not (text := line.strip()):
            continue
        try:
            id = names.parse_id(text)
        except InvalidName as error:
            batch.report.count(Missing())
            batch.print_line(f"{text}: {error}")
            continue
        for variant in variants:
            yield id, variant


def _label(named: NamedVariant) -> str:
    id, wanted = named
    return f"{id}-{wanted.variant.file_name}"
