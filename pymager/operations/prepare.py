"""`init` and `upgrade`: create what the stores need, and bring the catalog's schema up to date."""

from pymager import composition
from pymager.library import deployment
from pymager.settings.model import Settings


async def prepare(settings: Settings, *, adopt: bool = False) -> list[str]:
    """Prepare both stores: folders, a bucket, tables, the schema, the deployment id. Safe to run more than once.

    Returns a sentence for each thing that was done. `adopt` pairs stores although nothing shows that they belong
    together. Raises `ConfigurationError`, `NoSpace` and `Unavailable`.
    """
    blobs, metadata = composition.backends(settings)
    done = [*await blobs.prepare(), *await metadata.prepare()]
    async with composition.unverified_backends(settings) as (blobs, metadata):
        return done + await deployment.pair(blobs, metadata, adopt=adopt)


async def upgrade(settings: Settings) -> list[str]:
    """Bring the catalog's schema up to date, without touching the blob store. Safe to run more than once.

    Returns a sentence for each thing that was done. Raises `ConfigurationError` and `Unavailable`.
    """
    _, metadata = composition.backends(settings)
    return await metadata.prepare()
