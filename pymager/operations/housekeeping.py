"""Background work of a server process: marks the current recipes, sweeps periodically, and delivers purges."""

import asyncio
import time

import structlog

from pymager.composition import Components
from pymager.engine.recipe import current_recipes
from pymager.errors import BackendError, ConfigurationError, LeaseHeld
from pymager.library.leases import acquire, holding
from pymager.operations.recipe_marks import mark_recipes
from pymager.operations.sweep import sweep_once
from pymager.operations.sweep_report import SweepReport, counts
from pymager.settings import translation
from pymager.settings.model import Settings
from pymager.telemetry.families import LAST_SWEEP, SWEEPS, SWEPT
from pymager.telemetry.observer import Observer

_MAX_PAUSE_SECONDS = 43_200.0  # recipe marks are refreshed daily
_SWEEP_LEASE = "sweep"
_TAKEOVER_PAUSE_SECONDS = 5.0

log = structlog.get_logger("pymager.housekeeping")


async def run_housekeeping(settings: Settings, components: Components) -> None:
    """Mark recipes, sweep, and take over purges that no other process delivers, until canceled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_mark_and_sweep(settings, components))
        if components.delivery is not None and not settings.read_only:
            group.create_task(components.delivery.run())


async def _mark_and_sweep(settings: Settings, components: Components) -> None:
    """Mark recipes and sweep every `sweep_interval` seconds, one replica at a time. The first sweep is one away."""
    recipes = current_recipes(translation.encoding(settings), settings.mezzanine_side)
    for outcome in ("done", "failed", "refused"):
        components.observer.count(SWEEPS, outcome, by=0)
    is_first = True
    while True:
        try:
            await mark_recipes(components.blobs, recipes)
            if settings.sweep_interval and not settings.read_only and not is_first:
                await _sweep_alone(settings, components, recipes)
        except BackendError as error:
            log.warning("housekeeping failed; will retry", error=str(error) or type(error).__name__)
        is_first = False
        await asyncio.sleep(min(settings.sweep_interval or _MAX_PAUSE_SECONDS, _MAX_PAUSE_SECONDS))


async def _sweep_alone(settings: Settings, components: Components, recipes: set[str]) -> None:
    """Sweep under a lease; skip it while another server process sweeps."""
    metadata, observer = components.metadata, components.observer
    try:
        lease = await acquire(metadata, _SWEEP_LEASE)
    except LeaseHeld as held:
        await asyncio.sleep(_TAKEOVER_PAUSE_SECONDS)
        try:
            # An unchanged token means that its holder has stopped.
            lease = await acquire(metadata, _SWEEP_LEASE, held.token)
        except LeaseHeld:
            log.info("sweep skipped: another server process is sweeping")
            return
    try:
        async with holding(metadata, lease):
            report = await sweep_once(settings, components.blobs, metadata, recipes)
    except BackendError:
        observer.count(SWEEPS, "failed")
        raise
    except ConfigurationError as error:
        observer.count(SWEEPS, "refused")
        log.error("sweep refused", reason=str(error))
        return
    _count_sweep(observer, report)
    if report.refusal is not None:
        log.error("sweep refused", reason=report.refusal, **counts(report))
    else:
        log.info("sweep finished", **counts(report))


def _count_sweep(observer: Observer, report: SweepReport) -> None:
    observer.count(SWEEPS, "done" if report.refusal is None else "refused")
    if observer.metrics is not None:
        observer.metrics.value(LAST_SWEEP).set(time.time())
        for name, number in counts(report).items():
            observer.count(SWEPT, name, by=number)
