"""What an operator does beside serving: sweep, check, prepare the stores."""

from pymager import composition
from pymager.engine.jobs import recipe
from pymager.formats import OUTPUTS
from pymager.operations.check import Finding, audit
from pymager.settings.model import Settings


async def sweep(settings: Settings, *, prefix: str = "", dry_run: bool) -> dict[str, int]:
    """One sweep of the ids that begin with `prefix`; returns its counts by name."""
    recipes = {recipe(composition.encoding(settings), format.name) for format in OUTPUTS.values()}
    async with composition.opened_backends(settings) as (blobs, metadata):
        sweep = composition.sweep_of(settings, (blobs, metadata, recipes), prefix=prefix, dry_run=dry_run)
        report = await sweep.run()
    return composition.counts(report)


async def check(settings: Settings) -> tuple[int, list[Finding]]:
    """How many originals there are, and what is wrong with them."""
    checked, findings = 0, []
    async with composition.opened_backends(settings) as (blobs, metadata):
        async for _, finding in audit(blobs, metadata):
            checked += 1
            if finding is not None:
                findings.append(finding)
    return checked, findings


async def prepare(settings: Settings) -> list[str]:
    """Make or bring up to date what the stores need; says what was done."""
    return [line for store in composition.backends(settings) for line in await store.prepare()]
