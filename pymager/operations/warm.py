"""`warm`: renders variants ahead of the first request.

It goes through the library, so variants that serving replicas render at the same time are not rendered twice. A variant
that exists costs a read of the catalog and a look into the blob store, so an interrupted run is simply started again.
"""

import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
    Overloaded,
    PictureError,
    SizeNotAllowed,
    UnsupportedFormat,
)
from pymager.operations.batch import Batch, stoppable_batch
from pymager.operations.checkpoint import Checkpoint
from pymager.operations.id_list import read_lines
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Existing, Failed, Missing, Outcome, Report
from pymager.settings.model import Settings
from pymager.variants.urls import VariantUrls
from pymager.variants.variant import Variant

_PAGE_SIZE = 500

NamedVariant = tuple[str, Variant]


@dataclass(frozen=True, slots=True)
class VariantSet:
    """What to render of each original: sizes as `800x600`, formats as the extensions in variant URLs."""

    sizes: Sequence[str]
    formats: Sequence[str]

    def variants(self, urls: VariantUrls) -> list[Variant]:
        """Every size in every format, without duplicates.

        Raises `InvalidName`, `UnsupportedFormat` and `SizeNotAllowed`.
        """
        all = [urls.parse(f"x-{size}.{format}").variant for size in self.sizes for format in self.formats]
        return list(dict.fromkeys(all))


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
    task = {"sizes": [*wanted.sizes], "formats": [*wanted.formats], "prefix": prefix}
    checkpoint = Checkpoint(checkpoint_path, task)
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

    def __init__(self, components: Components, batch: Batch, *, announced: Variant | None = None) -> None:
        self._blobs = components.blobs
        self._library = components.library
        self._batch = batch
        self._announced = announced

    async def warm(self, named: NamedVariant) -> Outcome:
        """Render a variant unless it exists. Raises `NoSpace` and, after several attempts, `Unavailable`."""
        id, variant = named
        try:
            return await self._batch.retry(partial(self._find_or_render, id, variant))
        except OriginalNotFound:
            if variant == self._announced:
                self._batch.print_line(f"{id}: no original has this id")
            return Missing()
        except (PictureError, OriginalLost, Overloaded) as error:
            return Failed(str(error))

    async def _find_or_render(self, id: str, variant: Variant) -> Outcome:
        located = await self._library.locate(id, variant)
        try:
            await self._blobs.stat(located.key)
            return Existing()
        except NotFound:
            async with await self._library.render(located) as content:
                return Done(content.info.size)


@asynccontextmanager
async def _opened(
    settings: Settings, wanted: VariantSet, jobs: int, progress: Progress
) -> AsyncIterator[tuple[Components, Batch, list[Variant]]]:
    # This process serves nothing, so it needs no cache; and its jobs must never fill the queue and be refused.
    settings = settings.model_copy(update={"memory_cache": 0, "queue_size": max(settings.queue_size, jobs)})
    async with composition.opened(settings, pairs_stores=False) as components:
        try:
            variants = wanted.variants(components.urls)
        except InvalidName:
            raise ConfigurationError(
                "--sizes, --formats: must be comma-separated sizes such as 800x600 and formats such as jpg"
            ) from None
        except (SizeNotAllowed, UnsupportedFormat) as error:
            raise ConfigurationError(f"--sizes, --formats: {error}") from None
        report = Report("rendered", "without an original", may_be_empty=True)
        async with stoppable_batch(jobs, progress, report) as batch:
            yield components, batch, variants


async def _all_variants(ids: Sequence[str], variants: Sequence[Variant]) -> AsyncGenerator[NamedVariant, None]:
    for id in ids:
        for variant in variants:
            yield id, variant


async def _listed_variants(file: str, variants: Sequence[Variant], batch: Batch) -> AsyncGenerator[NamedVariant, None]:
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
    id, variant = named
    return f"{id}-{variant.file_name}"
