"""`check`: finds lost and damaged originals."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pymager import keys
from pymager.errors import Unavailable
from pymager.operations.batch import Batch
from pymager.operations.check import Completer, check_rows
from pymager.operations.copy_rows import list_rows
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from pymager.ports import Original
from tests.unit.hooked import HookedBlobs, HookedMetadata, away, once
from tests.unit.place import Place, planted


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


@asynccontextmanager
async def completing(place: Place, jobs: int = 4) -> AsyncIterator[tuple[Completer, Batch, io.StringIO]]:
    screen = io.StringIO()
    batch = Batch(jobs, Progress(screen), Report("described", may_be_empty=True), retry_pauses=(0.0, 0.0))
    yield Completer(place.blobs, place.metadata, place.library, batch), batch, screen


async def completed(place: Place) -> tuple[Report, str]:
    async with completing(place) as (completer, batch, screen):
        await batch.run(list_rows(place.metadata, batch), lambda row: row.id, completer.complete)
        return batch.report, screen.getvalue()


async def test_a_completion_describes_what_is_not_described_and_reads_nothing_else(place: Place) -> None:
    described = await place.add("picture", "described")
    bare = [await place.plant("picture", f"bare{number}") for number in range(20)]
    place.blobs.calls.clear()
    report, _ = await completed(place)
    assert (report.done, report.existing, report.is_complete) == (20, 1, True)
    rows = {row.id: row for row in await place.rows()}
    assert rows.pop("described") == described
    assert all(row.description is not None for row in rows.values())
    assert all(rows[row.id].created == row.created and rows[row.id].revision == row.revision for row in bare)
    assert place.blobs.calls["open"] == 2 * 20  # to check, and to decode
    report, _ = await completed(place)
    assert (report.done, report.existing) == (0, 21)
    assert place.blobs.calls["open"] == 2 * 20


async def test_a_completion_names_what_is_lost_damaged_or_not_a_picture_any_more(place: Place) -> None:
    await place.plant("picture", "fine")
    await place.plant("no-picture", "undecodable")
    gone, changed = await place.plant("picture", "gone"), await place.plant("picture", "changed")
    await place.blobs.inner.delete([keys.original_key(gone)])
    await place.blobs.inner.put(keys.original_key(changed), b"Picture", "image/jpeg")
    report, screen = await completed(place)
    assert (report.done, report.failed, report.is_complete) == (1, 3, False)
    assert "gone: the blob is missing\n" in screen
    assert "changed: the blob has the SHA-256" in screen
    assert "undecodable: cannot be described: " in screen
    await place.metadata.inner.remove("gone")
    await place.metadata.inner.remove("changed")


async def test_a_completion_tries_again_if_a_store_is_down_for_a_moment(place: Place) -> None:
    await place.plant("picture")
    place.metadata.before["describe"] = once(away)
    report, _ = await completed(place)
    assert (report.done, report.is_complete) == (1, True)
    assert (await place.library.get("cat")).description is not None


async def test_a_completion_that_cannot_write_is_not_complete(place: Place) -> None:
    await place.plant("picture")
    place.metadata.before["describe"] = away
    report, screen = await completed(place)
    assert (report.done, report.failed) == (0, 1)
    assert "the description was not stored" in screen


@pytest.mark.parametrize("step", ["open", "describe"])
async def test_what_is_replaced_or_deleted_during_a_completion_is_left_alone(place: Place, step: str) -> None:
    await place.plant("picture", "replaced")
    await place.plant("picture", "deleted")

    async def change(*arguments: object) -> None:
        hooks.pop(step, None)
        for id in ("replaced", "deleted"):
            row = await place.metadata.inner.remove(id)
            await place.blobs.inner.delete([keys.original_key(row)])
        await place.plant("another picture", "replaced")

    hooks = place.blobs.before if step == "open" else place.metadata.before
    hooks[step] = change
    report, screen = await completed(place)
    assert (report.failed, screen) == (0, "")
    (row,) = await place.rows()
    assert (row.id, row.size, row.description) == ("replaced", len("another picture"), None)
