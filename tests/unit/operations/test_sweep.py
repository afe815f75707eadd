"""The sweep: deletes everything that is left behind and nothing else, also during concurrent writes."""

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from pymager import keys, names
from pymager.errors import AlreadyExists, Fenced, NotFound, OriginalNotFound, Unavailable
from pymager.operations import sweep
from pymager.operations.recipe_marks import mark_recipes
from pymager.operations.sweep import Sweep
from pymager.operations.sweep_report import SweepReport as Report
from pymager.ports import BlobInfo, Original
from pymager.variants.variant import Variant
from tests.unit.hooked import HookedBlobs, HookedMetadata, away
from tests.unit.place import OLD, Place, planted

CURRENT, FORMER = "a" * 12, "b" * 12
HOUR, DAY = 3_600.0, 86_400.0


async def keep(blobs: HookedBlobs, key: str, age: float = 2 * HOUR) -> str:
    """Store a blob of this age. Sweeps have known an original as an orphan for two hours, if it is one."""
    await blobs.inner.put(key, b"x" * 10, "image/jpeg")
    blobs.ages[key] = age
    if (owner := keys.owner_of(key)) is not None and owner.recipe is None:
        mark = keys.orphan_key(owner)
        await blobs.inner.put(mark, b"", "application/octet-stream")
        blobs.ages[mark] = 2 * HOUR
    return key


async def row(metadata: HookedMetadata, id: str) -> Original:
    original = planted(id, "x" * 10)
    await metadata.inner.add(original)
    return original


async def swept(blobs: HookedBlobs, metadata: HookedMetadata, **options: Any) -> Report:
    given = {"grace": HOUR, "recipe_age": 7 * DAY} | options
    return await Sweep(blobs, metadata, {CURRENT}, **given).run()


async def test_orphans_of_every_kind_are_deleted_and_blobs_in_use_stay(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    cat = await row(metadata, "cat")
    ghost, old = planted("ghost", "x"), planted("cat", "x")
    used = {await keep(blobs, key(cat)) for key in (keys.original_key, _derived)}
    orphans = {await keep(blobs, key(original)) for original in (ghost, old) for key in (keys.original_key, _derived)}
    report = await swept(blobs, metadata)
    assert await blobs.keys() == used
    assert (report.seen, report.orphans, report.deleted, report.freed) == (6, len(orphans), 4, 40)


async def test_a_sweep_of_a_prefix_deletes_only_ids_with_this_prefix(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    orphans = {id: await keep(blobs, keys.original_key(planted(id, "x"))) for id in ("ant", "cat", "cow", "élan")}
    await keep(blobs, _derived(planted("cat", "x")))
    assert (await swept(blobs, metadata, prefix="ca")).deleted == 2
    assert await blobs.keys(keys.ORIGINALS) == {orphans["ant"], orphans["cow"], orphans["élan"]}
    reports = await asyncio.gather(*(swept(blobs, metadata, prefix=prefix) for prefix in ("a", "c", "co", "é", "z")))
    assert await blobs.keys() == set()
    assert sum(report.foreign for report in reports) == 0


def _derived(original: Original, recipe: str = CURRENT) -> str:
    return keys.derived_key(original, recipe, Variant(8, 6, "jpeg"))


async def test_young_blobs_stay(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    ghost = planted("ghost", "x")
    for age in (0.0, HOUR - 60, -DAY):
        key = await keep(blobs, keys.original_key(ghost), age)
        report = await swept(blobs, metadata)
        assert (report.young, report.deleted) == (1, 0)
        assert await blobs.keys() == {key}
    assert metadata.calls["fence"] == 0
    assert (await swept(blobs, metadata, grace=0.0)).deleted == 0  # dated ahead, by a clock that is


@pytest.mark.parametrize(
    "key",
    [
        "original/readme.txt",
        "original/cat/readme.txt",
        "original/cat/" + "A" * 32 + ".jpg",
        "original/cat/" + "a" * 31 + ".jpg",
        "original/cat/" + "a" * 32,
        "derived/readme.txt",
        "derived/cat/thumbs/small/8x6.jpg",
        "derived/cat/" + "a" * 32 + "/8x6.jpg",
        "recipe/cake.txt",
        "recipe/more/" + FORMER,
        "other/cat/" + "a" * 32 + ".jpg",
        "readme.txt",
    ],
)
async def test_blobs_that_pymager_did_not_write_stay(blobs: HookedBlobs, metadata: HookedMetadata, key: str) -> None:
    await keep(blobs, key, 1_000 * DAY)
    report = await swept(blobs, metadata)
    assert await blobs.keys() == {key}
    assert report.deleted == 0
    assert report.foreign == (not key.startswith(("other", "readme")))


async def test_an_orphan_is_fenced_before_it_is_deleted(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    ghost = planted("ghost", "x")
    await keep(blobs, keys.original_key(ghost))
    fenced: list[int] = []

    async def note(*arguments: object) -> None:
        fenced.append(metadata.calls["fence"])

    blobs.before["delete"] = note
    await swept(blobs, metadata)
    assert fenced[0] == metadata.calls["fence"] == 1
    with pytest.raises(Fenced):
        await metadata.add(ghost)


async def test_an_uploader_paused_between_put_and_commit_is_refused(place: Place) -> None:
    async def sweep_now(original: Original, *arguments: object) -> None:
        await keep(place.blobs, keys.original_key(original))
        assert (await swept(place.blobs, place.metadata)).deleted == 1

    place.metadata.before["add"] = sweep_now
    with pytest.raises(Fenced):
        await place.add("picture")
    assert (await place.rows(), await place.blobs.keys()) == ([], set())


async def test_an_upload_that_commits_just_before_the_fence_keeps_its_blob(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    cat = planted("cat", "x")
    key = await keep(blobs, keys.original_key(cat))

    async def commit(*arguments: object) -> None:
        await metadata.inner.add(cat)

    metadata.before["fence"] = commit
    report = await swept(blobs, metadata)
    assert await blobs.keys(keys.ORIGINALS) == {key}
    assert (report.orphans, report.waiting, report.deleted) == (0, 0, 0)
    await swept(blobs, metadata)
    assert await blobs.keys() == {key}, "its mark is left"


async def test_each_revision_is_looked_up_once_for_all_of_its_blobs(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    for original in (planted("ghost", "x"), await row(metadata, "cat")):
        for side in range(1, 51):
            await keep(blobs, keys.derived_key(original, CURRENT, Variant(side, 1, "jpeg")))
    await swept(blobs, metadata)
    assert (metadata.calls["get"], metadata.calls["fence"]) == (2, 0)


async def test_variants_of_a_former_recipe_are_deleted_after_days(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    cat = await row(metadata, "cat")
    current = await keep(blobs, _derived(cat), 1_000 * DAY)
    former = await keep(blobs, _derived(cat, FORMER), 6 * DAY)
    assert (await swept(blobs, metadata)).outdated == 0
    blobs.ages[former] = 8 * DAY
    report = await swept(blobs, metadata)
    assert (report.outdated, report.orphans, report.deleted) == (1, 0, 1)
    assert await blobs.keys() == {current}
    assert metadata.calls["fence"] == 0


async def test_a_recipe_that_another_replica_marked_recently_is_current(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    cat = await row(metadata, "cat")
    key = await keep(blobs, _derived(cat, FORMER), 100 * DAY)
    mark = await keep(blobs, keys.recipe_key(FORMER), 7.9 * DAY)
    await swept(blobs, metadata)
    assert await blobs.keys() == {key, mark}
    blobs.ages[mark] = 8.1 * DAY
    assert (await swept(blobs, metadata)).deleted == 2
    assert await blobs.keys() == set()


async def test_the_mark_of_a_current_recipe_stays_however_old(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    mark = await keep(blobs, keys.recipe_key(CURRENT), 100 * DAY)
    await swept(blobs, metadata)
    assert await blobs.keys() == {mark}


async def test_recipes_are_marked_once_a_day(blobs: HookedBlobs) -> None:
    await mark_recipes(blobs, [CURRENT, FORMER, CURRENT])
    assert await blobs.keys() == {keys.recipe_key(CURRENT), keys.recipe_key(FORMER)}
    assert blobs.calls["put"] == 2
    await mark_recipes(blobs, [CURRENT, FORMER])
    assert blobs.calls["put"] == 2
    blobs.ages[keys.recipe_key(CURRENT)] = 1.1 * DAY
    await mark_recipes(blobs, [CURRENT, FORMER])
    assert blobs.calls["put"] == 3


async def test_a_dry_run_lists_what_it_would_delete_and_changes_nothing(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    cat, ghost = await row(metadata, "cat"), planted("ghost", "x")
    garbage = {
        await keep(blobs, keys.original_key(ghost)),
        await keep(blobs, _derived(cat, FORMER), 100 * DAY),
        await keep(blobs, keys.recipe_key(FORMER), 100 * DAY),
    }
    before = await blobs.keys()
    listed: list[str] = []
    report = await swept(blobs, metadata, dry_run=True, on_delete=listed.append)
    assert set(listed) == garbage
    assert (report.deleted, report.tidied) == (3, 0)
    assert await blobs.keys() == before
    for calls in (blobs.calls, metadata.calls):
        assert not calls.keys() & {"fence", "delete", "tidy", "put", "add", "remove"}
    await metadata.add(ghost)  # not fenced


async def test_both_backends_tidy(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    ages: list[float] = []

    async def note(older_than: float) -> None:
        ages.append(older_than)

    blobs.before["tidy"] = metadata.before["tidy"] = note
    await metadata.inner.acquire("dead")
    for grace in (HOUR, 0.0):
        await swept(blobs, metadata, grace=grace)
    assert ages == [HOUR, HOUR, 60.0, 60.0]


async def test_more_orphans_than_fit_in_one_delete(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    for number in range(1_200):
        await keep(blobs, keys.derived_key(planted(f"ghost{number}", "x"), CURRENT, Variant(8, 6, "jpeg")))
    assert (await swept(blobs, metadata)).deleted == 1_200
    assert await blobs.keys() == set()
    assert blobs.calls["delete"] == 3


async def test_an_interrupted_sweep_can_be_started_again(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    for number in range(10):
        await keep(blobs, keys.original_key(planted(f"ghost{number}", "x")))
    blobs.before["delete"] = away
    with pytest.raises(Unavailable):
        await swept(blobs, metadata)
    blobs.before.clear()
    assert (await swept(blobs, metadata)).deleted == 10


class Endless(HookedBlobs):
    """Lists many blobs, each of its own dead revision, without storing them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.peak = 0

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        for number in range(self.count if prefix == keys.DERIVED else 0):
            if number == 12_000:  # from here on memory must not grow
                tracemalloc.start()
            key = f"{prefix}ghost{number}/{names.new_revision()}/{CURRENT}/8x6.jpg"
            yield BlobInfo(key, 10, "etag", OLD - timedelta(days=1))
        self.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


async def test_memory_stays_flat_however_many_blobs_there_are(
    metadata: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rowless(HookedMetadata):
        async def get(self, id: str) -> Original:
            raise NotFound(id)

        async def fence(self, id: str, revision: str) -> bool:
            return True

    monkeypatch.setattr(sweep, "_MAX_CACHED_REVISIONS", 1_000)
    endless = Endless(30_000)
    report = await swept(endless, Rowless())
    assert report.deleted == 30_000
    assert endless.peak < 2_000_000


@pytest.mark.parametrize("seed", range(8))
async def test_a_sweep_during_writes_deletes_nothing_that_was_acknowledged(place: Place, seed: int) -> None:
    """Every blob is old enough at once; the tasks interleave at random points."""
    chance = random.Random(seed)

    async def dawdle(*arguments: object) -> None:
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)

    for hooked in (place.blobs, place.metadata):
        for method in ("put", "open", "delete", "list", "get", "add", "replace", "remove", "fence"):
            hooked.before[method] = hooked.after[method] = dawdle
    acknowledged: dict[str, Original] = {}

    async def write(id: str) -> None:
        """The only writer of this id, so that the acknowledged state is known."""
        for _ in range(6):
            try:
                if chance.random() < 0.3 and id in acknowledged:
                    await place.library.remove(id)
                    del acknowledged[id]
                elif chance.random() < 0.5:
                    acknowledged[id] = (await place.put("picture", id))[0]
                else:
                    acknowledged[id] = await place.add("picture", id)
                    await place.derived(acknowledged[id])
            except (AlreadyExists, Fenced, OriginalNotFound):
                pass

    async def sweep_all_the_time() -> None:
        while True:
            await swept(place.blobs, place.metadata, grace=-HOUR)

    sweeping = asyncio.create_task(sweep_all_the_time())
    await asyncio.gather(*(write(f"id{number}") for number in range(6)))
    sweeping.cancel()
    await asyncio.wait([sweeping])
    assert sweeping.cancelled()
    await place.library.close()
    assert {original.id: original for original in await place.rows()} == acknowledged
    assert await place.is_sound()
    await swept(place.blobs, place.metadata, grace=-HOUR)
    there = await place.blobs.keys(keys.ORIGINALS)
    assert there == {keys.original_key(original) for original in acknowledged.values()}
