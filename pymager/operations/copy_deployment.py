"""Copies what shows that a blob store and a catalog belong together: a copy belongs to the deployment of its source."""

from pymager.errors import ConfigurationError
from pymager.library import deployment
from pymager.operations import sweep_number
from pymager.operations.store_pair import named
from pymager.ports import BlobStore, MetadataStore


async def copy_id_of_blobs(source: BlobStore, target: BlobStore) -> None:
    """Give TO the deployment id of FROM. Raises `ConfigurationError` if TO has another, `NoSpace` and `Unavailable`.

    The numbers of sweeps are not copied: the next sweep of TO writes its own.
    """
    with named("FROM"):
        ours = await deployment.id_of_blobs(source)
    with named("TO"):
        theirs = await deployment.id_of_blobs(target)
        _refuse_other(ours, theirs)
        if ours is not None and theirs is None:
            await deployment.give_id_to_blobs(target, ours)


async def copy_properties(source: MetadataStore, target: MetadataStore) -> None:
    """Give TO the deployment id and the sweep number of FROM. Raises `ConfigurationError` if TO has another id.

    Also raises `Unavailable`.
    """
    with named("FROM"):
        ours = await source.get_property(deployment.PROPERTY)
        number = await sweep_number.number_in_catalog(source)
    with named("TO"):
        theirs = await target.get_property(deployment.PROPERTY)
        if ours is not None and theirs is None:
            theirs = await target.set_property(deployment.PROPERTY, ours, None)
        _refuse_other(ours, theirs)
        await sweep_number.raise_number(target, number)


def _refuse_other(ours: str | None, theirs: str | None) -> None:
    if theirs not in (None, ours):
        raise ConfigurationError(
            f"must be new or a copy of FROM, but it belongs to the deployment {theirs}, and FROM to {ours or 'none'}"
        )
