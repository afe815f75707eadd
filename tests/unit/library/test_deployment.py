"""The deployment id: which stores are paired, which are refused, and what is said."""

import asyncio

import pytest

from pymager import keys
from pymager.errors import ConfigurationError
from pymager.library import deployment
from pymager.ports import Original
from tests.unit.hooked import HookedBlobs, HookedMetadata
from tests.unit.place import planted


async def upload(blobs: HookedBlobs | None, metadata: HookedMetadata | None, id: str = "cat") -> Original:
    original = planted(id, "x")
    if blobs is not None:
        await blobs.inner.put(keys.original_key(original), b"x", "image/jpeg")
    if metadata is not None:
        await metadata.inner.add(original)
    return original


async def test_new_stores_get_the_same_random_id_once(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    assert await deployment.verify(blobs, metadata) is None
    changes = await deployment.pair(blobs, metadata)
    id = await deployment.verify(blobs, metadata)
    assert id is not None
    assert len(id) == 32
    assert changes == [f"gave the catalog the deployment id {id}", f"gave the blob store the deployment id {id}"]
    assert await deployment.pair(blobs, metadata) == []
    assert await deployment.require(blobs, metadata) == id
    other_blobs, other_metadata = HookedBlobs(), HookedMetadata()
    await deployment.pair(other_blobs, other_metadata)
    assert await deployment.verify(other_blobs, other_metadata) != id


async def test_many_processes_that_pair_new_stores_agree(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    await asyncio.gather(*(deployment.pair(blobs, metadata) for _ in range(20)))
    assert await blobs.keys(keys.DEPLOYMENTS) == {keys.DEPLOYMENTS + await deployment.require(blobs, metadata)}


@pytest.mark.parametrize("with_row", [True, False])
async def test_an_existing_deployment_gets_an_id(blobs: HookedBlobs, metadata: HookedMetadata, with_row: bool) -> None:
    if with_row:
        for number in range(3):  # the first ones are deleted while the stores are paired
            await upload(None, metadata, f"a{number}")
        await upload(blobs, metadata)
    await deployment.pair(blobs, metadata)
    await deployment.require(blobs, metadata)


@pytest.mark.parametrize(("lacking", "with_row"), [("blobs", True), ("blobs", False), ("catalog", True)])
async def test_a_store_without_an_id_takes_that_of_the_other(lacking: str, with_row: bool) -> None:
    blobs, metadata = HookedBlobs(), HookedMetadata()
    await deployment.pair(blobs, metadata)
    id = await deployment.require(blobs, metadata)
    if lacking == "blobs":
        blobs = HookedBlobs()
    else:
        metadata = HookedMetadata()
    if with_row:
        await upload(blobs, metadata)
    with pytest.raises(ConfigurationError, match=f"belongs to the deployment {id}.*if they belong.*`pymager init`"):
        await deployment.verify(blobs, metadata)
    assert len(await deployment.pair(blobs, metadata)) == 1
    assert await deployment.require(blobs, metadata) == id


async def test_a_new_catalog_is_not_given_the_id_of_a_blob_store_that_has_one(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    """Otherwise two deployments on one blob store would sweep each other's originals."""
    await deployment.pair(blobs, metadata)
    id = await deployment.require(blobs, metadata)
    another = HookedMetadata()
    with pytest.raises(
        ConfigurationError, match=f"the blob store belongs to the deployment {id}.*`pymager init --adopt`"
    ):
        await deployment.pair(blobs, another)
    assert await another.inner.get_property(deployment.PROPERTY) is None
    await deployment.pair(blobs, another, adopt=True)
    assert await deployment.require(blobs, another) == id


@pytest.mark.parametrize("having", ["none", "blobs", "catalog"])
@pytest.mark.parametrize("rows", [0, 3])
async def test_stores_that_have_nothing_in_common_are_paired_only_if_told_so(having: str, rows: int) -> None:
    blobs, metadata = HookedBlobs(), HookedMetadata()
    if having == "blobs":
        await deployment.pair(blobs, HookedMetadata())
    elif having == "catalog":
        await deployment.pair(HookedBlobs(), metadata)
    await upload(blobs, None)
    for number in range(rows):
        await upload(None, metadata, f"dog{number}")
    with pytest.raises(ConfigurationError) as refusal:
        await deployment.pair(blobs, metadata)
    for word in ("PYMAGER_BLOBS", "PYMAGER_METADATA", "has originals", "pymager init --adopt"):
        assert word in str(refusal.value)
    assert (f"none of the first {rows}" if rows else "the catalog is empty") in str(refusal.value)
    await deployment.pair(blobs, metadata, adopt=True)
    await deployment.require(blobs, metadata)


async def test_different_ids_are_refused_with_both_names(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    await deployment.pair(blobs, HookedMetadata())
    await deployment.pair(HookedBlobs(), metadata)
    before = await blobs.keys(), await metadata.get_property(deployment.PROPERTY)
    for attempt in (deployment.verify(blobs, metadata), deployment.pair(blobs, metadata, adopt=True)):
        with pytest.raises(ConfigurationError, match=r"PYMAGER_BLOBS, PYMAGER_METADATA: .*different deployments"):
            await attempt
    assert (await blobs.keys(), await metadata.get_property(deployment.PROPERTY)) == before


async def test_two_deployments_that_are_prepared_on_one_prefix_at_once_are_both_refused(blobs: HookedBlobs) -> None:
    catalogs = HookedMetadata(), HookedMetadata()
    outcomes = await asyncio.gather(*(deployment.pair(blobs, one) for one in catalogs), return_exceptions=True)
    refused = [isinstance(outcome, ConfigurationError) for outcome in outcomes]
    assert True in refused
    verified = await asyncio.gather(*(deployment.verify(blobs, one) for one in catalogs), return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in verified) <= 1
