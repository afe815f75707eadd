"""Puts the parts together: settings in, an open library out. The one place that knows them all."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog

from pymager import registry
from pymager.engine.jobs import Encoding, Limits
from pymager.errors import BackendError, ConfigurationError, Held
from pymager.library.cache import Memory
from pymager.library.derivation import Derivation
from pymager.library.library import Library, Sizes
from pymager.library.singleflight import kept
from pymager.library.spool import Spool
from pymager.operations.sweep import Report, Sweep, mark_recipes
from pymager.ports import BlobStore, MetadataStore
from pymager.settings.model import Settings
from pymager.settings.sources import without_password
from pymager.telemetry.families import LAST_SWEEP, SWEEPS, SWEPT
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import OFF, Observer
from pymager.telemetry.shared_memory import Board
from pymager.telemetry.stores import ObservedBlobs, ObservedMetadata
from pymager.workers.pool import WorkerLimits, Workers

_DAY = 86_400.0
_SWEEP_LEASE = "sweep"

log = structlog.get_logger("pymager")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything open."""

    blobs: BlobStore
    metadata: MetadataStore
    spool: Spool
    workers: Workers
    derivation: Derivation
    library: Library
    observer: Observer = OFF


@asynccontextmanager
async def opened_backends(settings: Settings) -> AsyncIterator[tuple[BlobStore, MetadataStore]]:
    """The two stores, open. Raises `ConfigurationError` and `Unavailable`."""
    blobs, metadata = backends(settings)
    async with blobs, metadata:
        yield blobs, metadata


def backends(settings: Settings) -> tuple[BlobStore, MetadataStore]:
    """The two stores, not open. Raises `ConfigurationError`, which names the setting."""
    with _named("PYMAGER_BLOBS"):
        blobs = registry.load_blobs(settings.blobs_url)
    with _named("PYMAGER_METADATA"):
        metadata = registry.load_metadata(settings.metadata_url)
    return blobs, metadata


@contextmanager
def _named(setting: str) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from error


@asynccontextmanager
async def opened(settings: Settings, board: Board | None = None) -> AsyncIterator[Parts]:
    """All parts, open; what is under way is finished at the end. With a `board`, they count on it."""
    memory = Memory(settings.memory_cache)
    with observing(settings, board) as observer, Spool(settings.spool) as spool:
        limits = worker_limits(settings), picture_limits(settings)
        workers = Workers(settings.workers, settings.queue, *limits, observer=observer)
        async with opened_backends(settings) as opened_stores, workers:
            blobs, metadata = opened_stores
            if observer.on:
                for outcome in ("done", "failed"):
                    observer.count(SWEEPS, outcome, by=0)
                blobs, metadata = ObservedBlobs(blobs, observer), ObservedMetadata(metadata, observer)
            deadline = 3 * settings.worker_seconds + 30
            derivation = Derivation(
                blobs, metadata, workers, memory, encoding(settings), spool.folder, deadline, observer
            )
            library = Library(blobs, metadata, workers, derivation, memory, sizes(settings))
            try:
                yield Parts(blobs, metadata, spool, workers, derivation, library, observer)
            finally:
                await library.close()


@contextmanager
def observing(settings: Settings, board: Board | None) -> Iterator[Observer]:
    """What is to be seen of the service; spans that have not been sent yet are sent at the end."""
    metrics = None if board is None else Metrics(board)
    if not settings.otel:
        yield Observer(metrics, timed=settings.server_timing)
        return
    from pymager.telemetry.tracing import Tracer

    tracer = Tracer()
    try:
        yield Observer(metrics, tracer, timed=settings.server_timing)
    finally:
        tracer.close()


def encoding(settings: Settings) -> Encoding:
    """How derived pictures are encoded."""
    red, green, blue = bytes.fromhex(settings.background.removeprefix("#"))
    return Encoding(
        jpeg_quality=settings.jpeg_quality,
        webp_quality=settings.webp_quality,
        webp_method=settings.webp_method,
        avif_quality=settings.avif_quality,
        avif_speed=settings.avif_speed,
        jp2_quality=settings.jp2_quality,
        background=(red, green, blue),
    )


def picture_limits(settings: Settings) -> Limits:
    """What is accepted as a picture."""
    return Limits(settings.decoders, settings.max_pixels, settings.max_frames, settings.max_scans)


def worker_limits(settings: Settings) -> WorkerLimits:
    """What a worker process may use."""
    return WorkerLimits(
        memory=settings.worker_memory,
        cpu_seconds=max(1, round(settings.worker_seconds)),
        wall_seconds=settings.worker_seconds,
        jobs=settings.worker_jobs,
    )


def sizes(settings: Settings) -> Sizes:
    """Which sizes may be asked for."""
    if "*" in settings.sizes:
        return Sizes(None, settings.max_side)
    pairs = (size.split("x") for size in settings.sizes)
    return Sizes(frozenset((int(width), int(height)) for width, height in pairs), settings.max_side)


def sweep_of(
    settings: Settings,
    parts: tuple[BlobStore, MetadataStore, set[str]],
    *,
    prefix: str = "",
    dry_run: bool = False,
) -> Sweep:
    """A sweep of the ids that begin with `prefix`, with what the settings say about it."""
    blobs, metadata, recipes = parts
    return Sweep(
        blobs,
        metadata,
        recipes,
        grace=settings.sweep_grace,
        recipe_age=settings.recipe_days * _DAY,
        prefix=prefix,
        dry_run=dry_run,
        told=lambda key: print(key, file=sys.stdout) if dry_run else None,
    )


async def keep_house(settings: Settings, parts: Parts) -> None:
    """While serving: say which recipes are current, and sweep every so often; one of all replicas at a time."""
    recipes = set(parts.derivation.recipes.values())
    is_first = True
    while True:
        try:
            await mark_recipes(parts.blobs, recipes)
            if settings.sweep_interval and not settings.read_only and not is_first:
                await _sweep_alone(settings, parts, recipes)
        except BackendError as error:
            log.warning("housekeeping put off", error=str(error) or type(error).__name__)
        is_first = False
        await asyncio.sleep(min(settings.sweep_interval or _DAY / 2, _DAY / 2))


async def _sweep_alone(settings: Settings, parts: Parts, recipes: set[str]) -> None:
    try:
        lease = await parts.metadata.acquire(_SWEEP_LEASE)
    except Held as held:
        await asyncio.sleep(5)
        try:
            # Still that token: its holder is gone.
            lease = await parts.metadata.acquire(_SWEEP_LEASE, held.token)
        except Held:
            return
    try:
        async with kept(parts.metadata, lease):
            report = await sweep_of(settings, (parts.blobs, parts.metadata, recipes)).run()
    except BackendError:
        parts.observer.count(SWEEPS, "failed")
        raise
    _count_sweep(parts.observer, report)
    log.info("swept", **counts(report))


def _count_sweep(observer: Observer, report: Report) -> None:
    observer.count(SWEEPS, "done")
    if observer.metrics is not None:
        observer.metrics.count(LAST_SWEEP).set(time.time())
        for what, number in counts(report).items():
            observer.count(SWEPT, what, by=number)


def counts(report: Report) -> dict[str, int]:
    """A report as numbers by name."""
    return {name: getattr(report, name) for name in Report.__slots__}


def backends_named(settings: Settings) -> dict[str, str]:
    """The URLs of the stores, without passwords."""
    return {"blobs": without_password(settings.blobs_url), "metadata": without_password(settings.metadata_url)}
