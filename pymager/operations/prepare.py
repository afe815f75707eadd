"""`init` and `upgrade`: create what the stores need, and bring the catalog's schema up to date."""

from pymager import composition
from pymager.settings.model import Settings


async def prepare(settings: Settings) -> list[str]:
    """Prepare both stores: folders, a bucket, tables, the schema. Safe to run more than once.

    Returns a sentence for each thing that was done. Raises `ConfigurationError` and `Unavailable`.
    """
    blobs, metadata = composition.backends(settings)
    return [*await blobs.prepare(), *await metadata.prepare()]


async def upgrade(settings: Settings) -> list[str]:
    """Bring the catalog's schema up to date, without touching the blob store. Safe to run more than once.

    Returns a sentence for each thing that was done. Raises `ConfigurationError` and `Unavailable`.
    """
    _, metadata = composition.backends(settings)
    return await metadata.prepare()
