"""A migration from one URL to another: opens both stores, copies, and heeds signals."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import click

from pymager import registry
from pymager.errors import ConfigurationError, Unavailable
from pymager.library.spool import Spool
from pymager.operations import copy_blobs, copy_rows
from pymager.operations.batch import Copying
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from pymager.ports import Backend
from pymager.settings.model import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def migrate_blobs(
    settings: Settings, source_url: str, target_url: str, *, jobs: int, originals_only: bool, verify: bool
) -> Report:
    """Copy all blobs. Raises `ConfigurationError` and `Unavailable`, which name the argument."""
    _check(source_url, target_url)
    with _named("FROM"):
        source = registry.load_blobs(source_url)
    with _named("TO"):
        target = registry.load_blobs(target_url)
    async with _opened(source, target), stoppable(jobs) as copying:
        with Spool(settings.spool) as spool:
            copy = copy_blobs.BlobCopy(source, target, spool.folder, copying, verify=verify)
            await copying.run(copy_blobs.every(source, originals_only=originals_only), lambda info: info.key, copy.copy)
    return copying.report


async def migrate_metadata(source_url: str, target_url: str, *, jobs: int) -> Report:
    """Copy all rows, and look for rows that are only in TO. Raises `ConfigurationError` and `Unavailable`."""
    _check(source_url, target_url)
    with _named("FROM"):
        source = registry.load_metadata(source_url)
    with _named("TO"):
        target = registry.load_metadata(target_url)
    async with _opened(source, target), stoppable(jobs) as copying:
        copy = copy_rows.RowCopy(source, target, copying)
        await copying.run(copy_rows.every(source, copying), lambda row: row.id, copy.copy)
        if copying.report.seen:
            await copying.run(copy_rows.every(target, copying), lambda row: row.id, copy.look_for)
    return copying.report


def _check(source_url: str, target_url: str) -> None:
    if source_url == target_url:
        raise ConfigurationError("TO: is the same store as FROM")


@asynccontextmanager
async def _opened(source: Backend, target: Backend) -> AsyncIterator[None]:
    """Both open; TO is prepared before, and what was done is said."""
    async with AsyncExitStack() as stack:
        with _named("FROM"):
            await stack.enter_async_context(source)
        with _named("TO"):
            for line in await target.prepare():
                click.echo(f"TO: {line}")
            await stack.enter_async_context(target)
        yield


@contextmanager
def _named(argument: str) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{argument}: {error}") from error
    except Unavailable as error:
        raise Unavailable(f"{argument}: {error}", outcome_known=error.outcome_known) from error


@asynccontextmanager
async def stoppable(jobs: int, report: Report | None = None) -> AsyncIterator[Copying]:
    """A copy that the first signal stops, once what is being copied is done, and the second at once."""
    progress = Progress(sys.stderr)
    copying = Copying(jobs, progress, report=report)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop(number: signal.Signals) -> None:
        if copying.report.stopped is not None:
            task.cancel()
        copying.stop(f"stopped by {number.name}")

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield copying
    except asyncio.CancelledError:
        task.uncancel()
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        progress.close()
