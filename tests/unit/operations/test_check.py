"""`check`: finds lost and damaged originals."""

import pytest

from pymager import keys
from pymager.errors import Unavailable
from pymager.operations.check import check_rows
from pymager.ports import Original
from tests.unit.hooked import HookedBlobs, HookedMetadata, away, once
from tests.unit.place import planted


async def keep(
    blobs: HookedBlobs, metadata: HookedMetadata, id: str, text: str = "picture", stored: str | None = None
) -> Original:
    original = planted(id, text)
    await blobs.inner.put(keys.original_key(original), (text if stored is None else stored).encode(), "image/jpeg")
    await metadata.inner.add(original)
    return original


async def findings(blobs: HookedBlobs, metadata: HookedMetadata) -> dict[str, str]:
    return {found.id: found.problem async for _, found in check_rows(blobs, metadata) if found is not None}


async def test_every_row_is_checked_once(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    for number in range(1_207):
        await keep(blobs, metadata, f"id{number}")
    seen = [original.id async for original, found in check_rows(blobs, metadata) if found is None]
    assert len(seen) == len(set(seen)) == 1_207


async def test_an_empty_catalog_has_no_findings(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    assert await findings(blobs, metadata) == {}


async def test_each_kind_of_loss_is_reported(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    await keep(blobs, metadata, "fine")
    await keep(blobs, metadata, "short", "picture", "pict")
    await keep(blobs, metadata, "changed", "picture", "Picture")
    await keep(blobs, metadata, "empty", "picture", "")
    gone = await keep(blobs, metadata, "gone")
    await blobs.inner.delete([keys.original_key(gone)])
    found = await findings(blobs, metadata)
    assert found.keys() == {"short", "changed", "empty", "gone"}
    assert found["gone"] == "the blob is missing"
    assert found["short"] == "the blob has 4 bytes, the row says 7"
    assert "SHA-256" in found["changed"]


async def test_an_unreadable_blob_is_reported_and_the_others_are_checked(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    for id in "abc":
        await keep(blobs, metadata, id)
    blobs.before["open"] = once(away)
    assert [problem.split(":")[0] for problem in (await findings(blobs, metadata)).values()] == [
        "the blob cannot be read"
    ]


@pytest.mark.parametrize("replaced", [True, False])
async def test_an_original_that_is_deleted_during_the_check_is_not_a_finding(
    blobs: HookedBlobs, metadata: HookedMetadata, replaced: bool
) -> None:
    cat = await keep(blobs, metadata, "cat")

    async def go(*arguments: object) -> None:
        await metadata.inner.remove("cat")
        await blobs.inner.delete([keys.original_key(cat)])
        if replaced:
            await keep(blobs, metadata, "cat")

    blobs.before["open"] = once(go)
    assert await findings(blobs, metadata) == {}


async def test_an_unavailable_catalog_ends_the_check(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    metadata.before["list_page"] = away
    with pytest.raises(Unavailable):
        await findings(blobs, metadata)
