"""Creates or upgrades what the two stores need: folders, a bucket, tables."""

from pymager import composition
from pymager.settings.model import Settings


async def prepare(settings: Settings) -> list[str]:
    """Prepare both stores; safe to run more than once. Returns one sentence for each thing that was done."""
    return [line for store in composition.backends(settings) for line in await store.prepare()]
