"""The composition root: settings in, open components out. The one place that knows all parts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from pymager import registry
from pymager.errors import ConfigurationError, NoSpace, Unavailable
from pymager.library import dates, deployment
from pymager.library.derivation import Derivation
from pymager.library.descriptions import Descriptions
from pymager.library.library import Library
from pymager.library.memory_tier import MemoryTier
from pymager.library.mezzanines import Mezzanines
from pymager.library.overlays import Overlays
from pymager.library.quota import Quota
from pymager.library.resolution import Resolver
from pymager.library.shared_tier import SharedTier
from pymager.library.spool import Spool
from pymager.ports import BlobStore, Cache, MetadataStore, Purger
from pymager.purging.delivery import Delivery
from pymager.purging.tags import Tags
from pymager.sandbox import confinement
from pymager.settings import translation
from pymager.settings.model import Settings
from pymager.telemetry.families import SANDBOX
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import OFF, Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.telemetry.stores import ObservedBlobs, ObservedMetadata
from pymager.variants.urls import VariantUrls
from pymager.workers.pool import WorkerPool

log = structlog.get_logger("pymager")


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of the service, open. `tags` is None if nothing uses them, and `delivery` if there are no purgers."""

    blobs: BlobStore
    metadata: MetadataStore
    spool: Spool
    quota: Quota
    workers: WorkerPool
    derivation: Derivation
    library: Library
    urls: VariantUrls
    shared: SharedTier | None = None
    observer: Observer = OFF
    exact_dates_from: datetime = dates.ALWAYS
    tags: Tags | None = None
    delivery: Delivery | None = None


@asynccontextmanager
async def opened_backends(settings: Settings) -> AsyncIterator[tuple[BlobStore, MetadataStore]]:
    """The two stores, open. Raises `ConfigurationError`, also if they do not belong together, and `Unavailable`."""
    async with unverified_backends(settings) as (blobs, metadata):
        await deployment.verify(blobs, metadata)
        yield blobs, metadata


@asynccontextmanager
async def unverified_backends(settings: Settings) -> AsyncIterator[tuple[BlobStore, MetadataStore]]:
    """The two stores, open, which may belong to different deployments. Raises `ConfigurationError`, `Unavailable`."""
    blobs, metadata = backends(settings)
    async with blobs, metadata:
        yield blobs, metadata


@asynccontextmanager
async def paired_backends(settings: Settings) -> AsyncIterator[tuple[BlobStore, MetadataStore]]:
    """The two stores, open. New stores get a deployment id, as `pymager init` gives them.

    If a store is down meanwhile, the next sweep verifies that they belong together. Raises `ConfigurationError`, also
    if they do not belong together, and `Unavailable`.
    """
    async with unverified_backends(settings) as (blobs, metadata):
        try:
            for change in await deployment.pair(blobs, metadata):
                log.info("stores paired", change=change)
        except (NoSpace, Unavailable) as error:
            log.warning("deployment id not verified; the next sweep verifies it", error=str(error))
        yield blobs, metadata


def backends(settings: Settings) -> tuple[BlobStore, MetadataStore]:
    """The two stores, not open. Raises `ConfigurationError`, which names the setting."""
    with _named("PYMAGER_BLOBS"):
        blobs = registry.load_blobs(settings.blobs_url)
    with _named("PYMAGER_METADATA"):
        metadata = registry.load_metadata(settings.metadata_url)
    return blobs, metadata


def purgers(settings: Settings) -> list[Purger]:
    """The purgers, not open. Raises `ConfigurationError`, which names the setting."""
    with _named("PYMAGER_PURGERS"):
        found = [registry.load_purger(url) for url in settings.purgers]
        names = [purger.name for purger in found]
        for purger in found:
            if names.count(purger.name) > 1:
                raise ConfigurationError(f"must list each cache once, got {purger.name} twice")
            if purger.tag_header is not None and purger.tag_header not in settings.cache_tags:
                raise ConfigurationError(
                    f"{purger.name} finds pictures by their tags: PYMAGER_CACHE_TAGS must contain {purger.tag_header}"
                )
    return found


def check_urls(settings: Settings) -> None:
    """Raises `ConfigurationError` if a URL of a store, a cache or a purger is wrong. Opens and connects nothing."""
    backends(settings)
    purgers(settings)
    if settings.shared_cache:
        _shared_cache(settings)


@contextmanager
def _named(setting: str) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from error


@asynccontextmanager
async def opened(
    settings: Settings, shared_metrics: SharedMetrics | None = None, *, pairs_stores: bool = True
) -> AsyncIterator[Components]:
    """All components, open. Running work is finished at the end. Metrics are off if `shared_metrics` is None.

    With `pairs_stores`, new stores get a deployment id. Raises `ConfigurationError` and `Unavailable`.
    """
    stores = paired_backends if pairs_stores else opened_backends
    cache = MemoryTier(settings.memory_cache)
    with observing(settings, shared_metrics) as observer, Spool(settings.spool) as spool:
        quota = Quota(translation.max_spool_bytes(settings, spool.folder))
        limits = translation.worker_limits(settings), translation.picture_limits(settings)
        background = translation.encoding(settings).background
        workers = WorkerPool(
            *(settings.workers, settings.queue_size, *limits),
            background=background,
            confinement=_confinement(settings, observer),
            observer=observer,
        )
        async with AsyncExitStack() as stack:
            blobs, metadata = await stack.enter_async_context(stores(settings))
            await stack.enter_async_context(workers)
            shared = await stack.enter_async_context(shared_tier(settings, observer))
            if observer.on:
                blobs, metadata = ObservedBlobs(blobs, observer), ObservedMetadata(metadata, observer)
            tags = await _tags(settings, metadata)
            delivery = await stack.enter_async_context(_delivering(settings, metadata, tags, observer))
            deadline = 3 * settings.worker_timeout + 30
            overlays = Overlays(metadata, translation.watermarks_of(settings))
            mezzanines = Mezzanines(blobs, metadata, spool.folder, settings.mezzanine_side, observer)
            derivation = Derivation(
                blobs,
                metadata,
                workers,
                cache,
                translation.encoding(settings),
                spool.folder,
                deadline,
                observer,
                mezzanines=mezzanines,
                max_side=settings.max_side,
                overlays=overlays,
                shared=shared,
            )
            descriptions = Descriptions(
                blobs, metadata, workers, spool.folder, deadline, read_only=settings.read_only, observer=observer
            )
            resolver = Resolver(
                translation.encoding(settings),
                translation.picture_limits(settings),
                settings.max_side,
                overlays,
                descriptions.described,
                negotiation=translation.negotiation(settings),
            )
            library = Library(blobs, metadata, workers, derivation, cache, resolver, descriptions, mezzanines, delivery)
            urls = translation.variant_urls(settings)
            try:
                exact_from = await dates.exact_from(metadata, may_write=not settings.read_only)
                yield Components(
                    blobs,
                    metadata,
                    spool,
                    quota,
                    workers,
                    derivation,
                    library,
                    urls,
                    shared,
                    observer,
                    exact_from,
                    tags,
                    delivery,
                )
            finally:
                await library.close()


@asynccontextmanager
async def shared_tier(settings: Settings, observer: Observer = OFF) -> AsyncIterator[SharedTier | None]:
    """The cache that replicas share, open; None without one. Raises `ConfigurationError`, which names the setting."""
    if not settings.shared_cache:
        yield None
        return
    cache = _shared_cache(settings)
    secret = settings.signing_keys[0].get_secret_value() if settings.signing_keys else b""
    async with cache:
        yield SharedTier(cache, secret, settings.shared_cache_timeout, observer)


def _shared_cache(settings: Settings) -> Cache:
    with _named("PYMAGER_SHARED_CACHE"):
        return registry.load_cache(settings.shared_cache)


async def _tags(settings: Settings, metadata: MetadataStore) -> Tags | None:
    """The tags of the deployment, if something uses them. Raises `ConfigurationError` and `Unavailable`."""
    if not settings.cache_tags and not settings.purgers:
        return None
    id = await metadata.get_property(deployment.PROPERTY)
    if id is None:
        raise ConfigurationError(
            "PYMAGER_CACHE_TAGS, PYMAGER_PURGERS: the stores have no deployment id, which tags need; run `pymager init`"
        )
    return Tags(id)


@asynccontextmanager
async def opened_delivery(settings: Settings, metadata: MetadataStore) -> AsyncIterator[Delivery]:
    """What delivers purges, open, for a command. Raises `ConfigurationError` and `Unavailable`."""
    async with _delivering(settings, metadata, await _tags(settings, metadata), OFF) as delivery:
        if delivery is None:
            raise ConfigurationError("PYMAGER_PURGERS: must name a cache for this command")
        yield delivery


@asynccontextmanager
async def _delivering(
    settings: Settings, metadata: MetadataStore, tags: Tags | None, observer: Observer
) -> AsyncIterator[Delivery | None]:
    found = purgers(settings)
    if tags is None or not found:
        yield None
        return
    async with AsyncExitStack() as stack:
        with _named("PYMAGER_PURGERS"):
            delivery = await stack.enter_async_context(Delivery(metadata, found, tags, settings.purge_repeat, observer))
        yield delivery


@contextmanager
def observing(settings: Settings, shared_metrics: SharedMetrics | None) -> Iterator[Observer]:
    """What observes the service; spans that are still queued are sent at the end."""
    metrics = None if shared_metrics is None else Metrics(shared_metrics)
    if not settings.otel:
        yield Observer(metrics, timed=settings.server_timing)
        return
    from pymager.telemetry.tracing import Tracer

    tracer = Tracer()
    try:
        yield Observer(metrics, tracer, timed=settings.server_timing)
    finally:
        tracer.close()


def _confinement(settings: Settings, observer: Observer) -> confinement.Confinement:
    """The sandbox of worker processes. Raises `ConfigurationError` if it is required, and the kernel lacks a part."""
    chosen = confinement.chosen(settings.sandbox)
    observer.count(SANDBOX, "landlock", by=chosen.landlock)
    observer.count(SANDBOX, "seccomp", by=int(chosen.seccomp))
    return chosen
