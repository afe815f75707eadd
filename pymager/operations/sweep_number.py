"""Numbers the sweeps in both stores, which shows that a catalog was restored from a backup, or created anew.

A sweep first raises the number in the catalog, then in the blob store. So the catalog's number is never lower, unless
the catalog went back in time since the last sweep, or is not the one that the blob store was swept with.
"""

from contextlib import suppress

from pymager import keys
from pymager.errors import NoSpace
from pymager.ports import BlobStore, MetadataStore

PROPERTY = "sweeps"


async def number_in_catalog(metadata: MetadataStore) -> int:
    """The number of the last sweep that the catalog knows of; 0 for none. Raises `Unavailable`."""
    return int(await metadata.get_property(PROPERTY) or 0)


async def is_catalog_older(blobs: BlobStore, metadata: MetadataStore) -> bool:
    """Whether the blob store knows of a later sweep than the catalog. Raises `Unavailable`."""
    marks = await _numbers_in_blobs(blobs)  # first: a sweep that begins now raises the catalog's number before them
    return await number_in_catalog(metadata) < max(marks, default=0)


async def begin_sweep(blobs: BlobStore, metadata: MetadataStore) -> None:
    """Raise the number in both stores. Raises `Unavailable`. If the blob store is full, its number stays lower."""
    marks = await _numbers_in_blobs(blobs)
    current = await metadata.get_property(PROPERTY)
    following = max(int(current or 0), *marks, 0) + 1
    # If another sweep begins at the same time, they share its number.
    number = int(await metadata.set_property(PROPERTY, str(following), current))
    with suppress(NoSpace):
        await blobs.put(f"{keys.SWEEPS}{number}", b"", "application/octet-stream")
        await blobs.delete([f"{keys.SWEEPS}{mark}" for mark in marks if mark < number])


async def raise_number(metadata: MetadataStore, least: int) -> None:
    """Let the catalog's number be `least` or more. Raises `Unavailable`."""
    current = await metadata.get_property(PROPERTY)
    if int(current or 0) < least:
        await metadata.set_property(PROPERTY, str(least), current)


async def _numbers_in_blobs(blobs: BlobStore) -> list[int]:
    names = [info.key.removeprefix(keys.SWEEPS) async for info in blobs.list(keys.SWEEPS)]
    return [int(name) for name in names if name.isascii() and name.isdecimal()]
