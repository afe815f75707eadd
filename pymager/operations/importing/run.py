"""The run of an import: opens what it needs, processes all candidates, and writes the report."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pymager import composition
from pymager.errors import ConfigurationError, PymagerError
from pymager.operations.batch import Batch, batch_settings, stoppable_batch
from pymager.operations.importing import trees
from pymager.operations.importing.allowed_hosts import AllowedHosts
from pymager.operations.importing.candidates import Candidate, Source
from pymager.operations.importing.files import Folder
from pymager.operations.importing.importer import DryRun, Importer
from pymager.operations.importing.journal import Journal
from pymager.operations.importing.lists import ListSource
from pymager.operations.importing.report_file import ReportFile
from pymager.operations.importing.web import Web
from pymager.operations.progress import Progress
from pymager.operations.report import Failed, Outcome, Report
from pymager.operations.store_pair import named
from pymager.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """What to import: from a folder or a URL, or else from the list in the file `list`; `-` is standard input.

    `checkpoint` and `report` are files. `hosts` are those that sources over HTTP can have, and `http_timeout` is in
    seconds.
    """

    source: str | None = None
    list: str | None = None
    checkpoint: Path | None = None
    report: Path | None = None
    hosts: Sequence[str] = ()
    http_timeout: float = 60.0
    dry_run: bool = False


async def import_pictures(
    settings: Settings, order: Order, *, jobs: int, progress: Progress, show: Callable[[str], None]
) -> Report:
    """Import all candidates, `jobs` at a time. `show` gets what a dry run would import.

    Raises `ConfigurationError` and `Unavailable`.
    """
    settings = batch_settings(settings, jobs)
    report = Report("would be imported" if order.dry_run else "imported", may_be_empty=True)
    with Journal(order.checkpoint) as journal, ReportFile(order.report) as report_file:
        async with _opened_source(order, jobs) as source:
            total = await source.count()
            async with (
                stoppable_batch(jobs, progress, report, total=total) as batch,
                _processor(settings, order, batch, journal, show) as process,
            ):

                def record(candidate: Candidate, outcome: Outcome) -> None:
                    if isinstance(outcome, Failed):
                        report_file.refused(candidate.name, _id_of(candidate), outcome.reason)

                try:
                    await batch.run(source.candidates(), lambda candidate: candidate.name, process, record)
                except* ConfigurationError as errors:
                    raise errors.exceptions[0] from None
        report_file.summary(report)
    return report


@asynccontextmanager
async def _processor(
    settings: Settings, order: Order, batch: Batch, journal: Journal, show: Callable[[str], None]
) -> AsyncIterator[Callable[[Candidate], Awaitable[Outcome]]]:
    """What processes a candidate."""
    if order.dry_run:
        async with composition.opened_backends(settings) as (_, metadata):
            yield DryRun(metadata, batch, journal, settings.max_body, show).process
    else:
        async with composition.opened(settings) as components:
            importer = Importer(components.library, components.spool, batch, journal, settings.max_body)
            yield importer.process


@asynccontextmanager
async def _opened_source(order: Order, jobs: int) -> AsyncIterator[Source]:
    async with AsyncExitStack() as stack:
        if order.list is not None:
            web = Web(AllowedHosts(order.hosts), order.http_timeout, jobs)
            await stack.enter_async_context(web)
            yield ListSource(order.list, web, await stack.enter_async_context(trees.Trees()))
        elif (folder := _folder(order.source or "")) is not None:
            yield Folder(folder)
        else:
            assert order.source is not None
            with named("SOURCE"):
                tree = await stack.enter_async_context(trees.load(order.source))
            yield trees.TreeSource(tree, order.source)


def _folder(source: str) -> Path | None:
    """The folder that a path or a `file:` URL (RFC 8089) names, None for another URL."""
    if not trees.is_url(source) or Path(source).is_dir():
        return Path(source)
    return Path(unquote(urlsplit(source).path)) if urlsplit(source).scheme == "file" else None


def _id_of(candidate: Candidate) -> str | None:
    try:
        return candidate.id()
    except (PymagerError, OSError):
        return None
