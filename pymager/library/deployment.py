"""The deployment id, which shows that a blob store and a catalog belong together.

Both stores have the same random id: the catalog as a property, the blob store as the key of an empty blob. The catalog
decides: of several processes that pair new stores, one sets its id there, and all of them write that id to the blob
store. With another deployment's catalog, every original would be an orphan.
"""

import secrets
from dataclasses import dataclass

from pymager import keys
from pymager.errors import ConfigurationError
from pymager.ports import BlobStore, MetadataStore, Original

PROPERTY = "deployment"
_SAMPLE_SIZE = 100
_CORRECT = "Correct PYMAGER_BLOBS or PYMAGER_METADATA, or restore the right backup"


@dataclass(frozen=True, slots=True)
class DeploymentIds:
    """The ids that the two stores have; None if a store has none."""

    blobs: str | None
    catalog: str | None


async def id_of_blobs(blobs: BlobStore) -> str | None:
    """The id of the blob store. Raises `ConfigurationError` if two deployments wrote theirs, and `Unavailable`."""
    found = sorted([info.key.removeprefix(keys.DEPLOYMENTS) async for info in blobs.list(keys.DEPLOYMENTS)])
    if len(found) > 1:
        raise ConfigurationError(
            f"the blob store has the marks of several deployments: {', '.join(found)}. Give each deployment a bucket, "
            f"a prefix or a folder of its own, and delete the blob {keys.DEPLOYMENTS}ID of every other deployment"
        )
    return found[0] if found else None


async def give_id_to_blobs(blobs: BlobStore, id: str) -> None:
    """Write the id to a blob store that has none. Raises `NoSpace` and `Unavailable`."""
    await blobs.put(keys.DEPLOYMENTS + id, b"", "application/octet-stream")


async def verify(blobs: BlobStore, metadata: MetadataStore) -> str | None:
    """The id that both stores have; None if neither has one, as before the first `init` of this version.

    Raises `ConfigurationError` if they have different ids or only one has an id, and `Unavailable`.
    """
    ids = await _ids(blobs, metadata)
    if ids.blobs == ids.catalog:
        return ids.catalog
    if ids.blobs is None or ids.catalog is None:
        having, lacking = ("catalog", "blob store") if ids.blobs is None else ("blob store", "catalog")
        raise ConfigurationError(
            f"PYMAGER_BLOBS, PYMAGER_METADATA: the {having} belongs to the deployment {ids.catalog or ids.blobs}, the "
            f"{lacking} to none. {_CORRECT}; if they belong together, run `pymager init`"
        )
    raise _mismatch(ids)


async def require(blobs: BlobStore, metadata: MetadataStore) -> str:
    """The id that both stores have. Raises `ConfigurationError` if they do not have the same one, and `Unavailable`."""
    id = await verify(blobs, metadata)
    if id is None:
        raise ConfigurationError(
            "PYMAGER_BLOBS, PYMAGER_METADATA: the stores have no deployment id, which shows that they belong together; "
            "run `pymager init`"
        )
    return id


async def pair(blobs: BlobStore, metadata: MetadataStore, *, adopt: bool = False) -> list[str]:
    """Give both stores the same id. Safe to run more than once, and by several processes at the same time.

    Returns a sentence for each store that got an id. A store without an id is paired only if the catalog describes one
    of the originals in the blob store, or if the blob store is new: without originals, and without the id of a
    deployment whose catalog this is not. `adopt` skips this check. Raises `ConfigurationError`, `NoSpace` and
    `Unavailable`.
    """
    ids = await _ids(blobs, metadata)
    done = []
    if ids.blobs is None or ids.catalog is None:
        if not adopt:
            await _require_evidence(blobs, metadata, ids)
        id = ids.catalog
        if id is None:
            id = await metadata.set_property(PROPERTY, ids.blobs or secrets.token_hex(16), None)
            done.append(f"gave the catalog the deployment id {id}")
        if ids.blobs is None:
            await give_id_to_blobs(blobs, id)
            done.append(f"gave the blob store the deployment id {id}")
        ids = await _ids(blobs, metadata)
    if ids.blobs != ids.catalog:
        raise _mismatch(ids)
    return done


async def _ids(blobs: BlobStore, metadata: MetadataStore) -> DeploymentIds:
    """Both ids. Reads the blob store's first: a process that pairs new stores writes it last."""
    try:
        of_blobs = await id_of_blobs(blobs)
    except ConfigurationError as error:
        raise ConfigurationError(f"PYMAGER_BLOBS: {error}") from None
    return DeploymentIds(of_blobs, await metadata.get_property(PROPERTY))


async def _require_evidence(blobs: BlobStore, metadata: MetadataStore, ids: DeploymentIds) -> None:
    """Raise `ConfigurationError` if the blob store is not new, and the catalog describes none of its originals."""
    has_originals = await _has_any(blobs, keys.ORIGINALS)
    if ids.blobs is None and not has_originals:
        return
    sample = await _first_rows(metadata)
    for original in sample:
        if await _has_any(blobs, keys.original_key(original)):
            return
    what = "the catalog is empty, but the blob store has originals"
    if not has_originals:
        what = (
            f"the blob store belongs to the deployment {ids.blobs}, and this catalog, which has no deployment id, is "
            "not that deployment's"
        )
    elif sample:
        what = f"the blob store has originals, but none of the first {len(sample)} in the catalog"
    raise ConfigurationError(
        f"PYMAGER_BLOBS, PYMAGER_METADATA: {what}. {_CORRECT}; if they belong together, run `pymager init --adopt`"
    )


async def _has_any(blobs: BlobStore, prefix: str) -> bool:
    """Whether a key starts with `prefix`. By a listing, so that `init` needs no permission to read pictures."""
    async for _ in blobs.list(prefix):
        return True
    return False


async def _first_rows(metadata: MetadataStore) -> list[Original]:
    page = await metadata.list_page(None, _SAMPLE_SIZE)
    while not page.items and page.next is not None:
        page = await metadata.list_page(page.next, _SAMPLE_SIZE)
    return list(page.items)


def _mismatch(ids: DeploymentIds) -> ConfigurationError:
    return ConfigurationError(
        "PYMAGER_BLOBS, PYMAGER_METADATA: the stores belong to different deployments: the blob store to "
        f"{ids.blobs}, the catalog to {ids.catalog}. {_CORRECT}"
    )
