"""A wrong catalog: the sweep deletes no original because of it, and a right one lets it do its work."""

import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from pymager import keys, names
from pymager.errors import ConfigurationError, NoSpace, NotFound
from pymager.library import deployment
from pymager.operations import orphans, sweep_number
from pymager.operations.sweep import Sweep, sweep_once
from pymager.operations.sweep_report import SweepReport
from pymager.ports import BlobInfo, Original
from pymager.settings.model import Settings
from pymager.testing.backends import MemoryMetadata
from pymager.variants.variant import Variant
from tests.unit.hooked import HookedBlobs, HookedMetadata
from tests.unit.place import OLD, planted

RECIPE = "a" * 12
HOUR = 3_600.0


@pytest.fixture
async def metadata(blobs: HookedBlobs) -> HookedMetadata:
    metadata = HookedMetadata()
    await deployment.pair(blobs, metadata)
    return metadata


async def upload(blobs: HookedBlobs, metadata: HookedMetadata | None, id: str) -> Original:
    """An old original with a variant; without a row if there is no catalog."""
    original = planted(id, "x" * 10)
    for key in (keys.original_key(original), variant_of(original)):
        await blobs.inner.put(key, b"x" * 10, "image/jpeg")
        blobs.ages[key] = 100 * HOUR
    if metadata is not None:
        await metadata.inner.add(original)
    return original


def variant_of(original: Original) -> str:
    return keys.derived_key(original, RECIPE, Variant(8, 6, "jpeg"))


async def swept(blobs: HookedBlobs, metadata: HookedMetadata, **options: Any) -> SweepReport:
    settings = Settings(sweep_grace=options.pop("grace", HOUR), **options.pop("settings", {}))
    return await sweep_once(settings, blobs, metadata, {RECIPE}, **options)


async def pictures(blobs: HookedBlobs) -> set[str]:
    return await blobs.keys(keys.ORIGINALS) | await blobs.keys(keys.DERIVED)


def age_marks(blobs: HookedBlobs, orphaned: list[Original], age: float) -> None:
    for original in orphaned:
        blobs.ages[keys.orphan_key(keys.Owner(original.id, original.revision, None))] = age


async def test_the_age_of_an_orphan_counts_from_when_a_sweep_first_saw_it(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    ghost = await upload(blobs, None, "ghost")
    before = await pictures(blobs)
    for age in (0.0, HOUR - 60):
        age_marks(blobs, [ghost], age)
        report = await swept(blobs, metadata)
        assert (report.orphans, report.waiting, report.deleted, report.refusal) == (2, 2, 0, None)
        assert await pictures(blobs) == before
    assert metadata.calls["fence"] == 0, "the row of a fenced revision could not be restored"
    age_marks(blobs, [ghost], HOUR + 60)
    report = await swept(blobs, metadata)
    assert (report.orphans, report.waiting, report.deleted) == (2, 0, 2)
    assert await pictures(blobs) == await blobs.keys(keys.ORPHANS) == set()


async def test_the_count_starts_again_once_a_sweep_has_seen_the_row(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    cat = await upload(blobs, None, "cat")
    await swept(blobs, metadata)
    age_marks(blobs, [cat], 2 * HOUR)
    await metadata.add(cat)
    await swept(blobs, metadata)
    assert await blobs.keys(keys.ORPHANS) == set()
    await metadata.inner.remove("cat")
    age_marks(blobs, [cat], 0.0)
    assert (await swept(blobs, metadata)).deleted == 0


async def test_without_a_grace_period_an_orphan_is_deleted_by_the_first_sweep_that_sees_it(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    await upload(blobs, None, "ghost")
    assert (await swept(blobs, metadata, grace=0.0)).deleted == 2
    assert await blobs.keys(keys.ORPHANS) == set()


async def test_a_full_store_is_swept_without_marks(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    await upload(blobs, None, "ghost")

    async def full(*arguments: object) -> None:
        raise NoSpace("the disk is full")

    blobs.before["put"] = full
    assert (await swept(blobs, metadata)).waiting == 2
    assert (await swept(blobs, metadata, grace=0.0)).deleted == 2


async def test_the_variants_of_an_original_that_is_gone_are_deleted_at_once(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    ghost = await upload(blobs, None, "ghost")
    await blobs.inner.delete([keys.original_key(ghost)])
    assert (await swept(blobs, metadata)).deleted == 1
    assert metadata.calls["fence"] == 0


@pytest.mark.parametrize(
    ("rows", "orphaned", "percent", "is_refused"),
    [
        (0, 100, 1.0, False),
        (0, 101, 1.0, True),
        (900, 101, 1.0, True),
        (899, 101, 10.1, False),
        (899, 101, 10.0, True),
        (0, 101, 100.0, False),
        (0, 101, 0.0, True),
    ],
)
async def test_more_orphans_than_the_limit_are_all_kept(
    blobs: HookedBlobs, metadata: HookedMetadata, rows: int, orphaned: int, percent: float, is_refused: bool
) -> None:
    for number in range(rows):
        await upload(blobs, metadata, f"cat{number}")
    for number in range(orphaned):
        await upload(blobs, None, f"ghost{number}")
    before = await pictures(blobs)
    report = await swept(blobs, metadata, grace=0.0, settings={"sweep_max_orphan_percent": percent})
    assert (report.originals, report.orphaned_originals) == (rows + orphaned, orphaned)
    assert (report.refusal is not None, metadata.calls["fence"] > 0) == (is_refused, not is_refused)
    if is_refused:
        assert await pictures(blobs) == before
        assert f"{orphaned} of {rows + orphaned} originals have no row" in (report.refusal or "")
    else:
        assert report.deleted == 2 * orphaned


@pytest.mark.parametrize(("orphans", "is_refused"), [(10, False), (11, True)])
async def test_a_sweep_of_a_prefix_has_a_lower_limit_because_there_can_be_many(
    blobs: HookedBlobs, metadata: HookedMetadata, orphans: int, is_refused: bool
) -> None:
    for number in range(orphans):
        await upload(blobs, None, f"a{number}")
    await upload(blobs, metadata, "b")
    before = await pictures(blobs)
    report = await swept(blobs, metadata, grace=0, prefix="a")
    assert (report.refusal is not None) == is_refused
    assert (await pictures(blobs) == before) == is_refused
    assert (await swept(blobs, metadata, grace=0)).refusal is None  # of all ids it is within the limit


async def test_a_refused_sweep_still_deletes_outdated_variants_and_counts_the_age_of_orphans(
    blobs: HookedBlobs, metadata: HookedMetadata
) -> None:
    cat = await upload(blobs, metadata, "cat")
    outdated = keys.derived_key(cat, "b" * 12, Variant(8, 6, "jpeg"))
    await blobs.inner.put(outdated, b"x", "image/jpeg")
    blobs.ages[outdated] = 1_000 * HOUR
    ghosts = [await upload(blobs, None, f"ghost{number}") for number in range(101)]
    report = await swept(blobs, metadata)
    assert (report.deleted, report.outdated, report.waiting) == (1, 1, 202)
    assert report.refusal is not None
    assert (await swept(blobs, metadata, force=True)).deleted == 0, "not yet old enough"
    age_marks(blobs, ghosts, 2 * HOUR)
    assert (await swept(blobs, metadata, dry_run=True, force=True)).deleted == 202
    assert (await swept(blobs, metadata)).deleted == 0
    report = await swept(blobs, metadata, force=True)
    assert (report.deleted, report.refusal) == (202, None)
    assert await pictures(blobs) == {keys.original_key(cat), variant_of(cat)}


async def test_more_orphans_than_fit_in_memory_are_left_to_later_sweeps(
    blobs: HookedBlobs, metadata: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "MAX_IN_MEMORY", 10)
    for number in range(25):
        await upload(blobs, None, f"ghost{number}")
    left = []
    for _ in range(3):
        await swept(blobs, metadata, grace=0.0)
        left.append(len(await blobs.keys(keys.ORIGINALS)))
        originals = {key.split("/")[2].split(".")[0] for key in await blobs.keys(keys.ORIGINALS)}
        variants = {key.split("/")[2] for key in await blobs.keys(keys.DERIVED)}
        assert originals == variants, "an original without its variants was kept, or a variant without its original"
    assert left == [15, 5, 0]


async def test_memory_stays_flat_however_many_originals_are_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(HookedBlobs):
        async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
            for number in range(20_000 if prefix == keys.ORIGINALS else 0):
                if number == 4_000:  # from here on memory must not grow
                    tracemalloc.start()
                key = f"{prefix}ghost{number}/{names.new_revision()}.jpg"
                yield BlobInfo(key, 10, "etag", OLD - timedelta(days=1))

    class Rowless(HookedMetadata):
        async def get(self, id: str) -> Original:
            raise NotFound(id)

    monkeypatch.setattr(orphans, "MAX_IN_MEMORY", 1_000)
    monkeypatch.setattr("pymager.operations.sweep._MAX_CACHED_REVISIONS", 1_000)
    report = await Sweep(Endless(), Rowless(), [], grace=HOUR, recipe_age=HOUR).run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.waiting, report.deleted) == (20_000, 0)
    assert peak < 2_000_000


@pytest.fixture
async def deployed(blobs: HookedBlobs, metadata: HookedMetadata) -> list[Original]:
    """The originals of a deployment that was swept: few, so that no limit protects them."""
    originals = [await upload(blobs, metadata, f"cat{number}") for number in range(5)]
    assert (await swept(blobs, metadata, grace=0.0)).orphans == 0
    return originals


def copied(metadata: HookedMetadata) -> HookedMetadata:
    """A backup of a catalog."""
    backup = HookedMetadata()
    for name in ("originals", "revisions", "properties"):
        getattr(backup.inner._data, name).update(getattr(metadata.inner._data, name))
    return backup


async def test_a_catalog_that_was_wiped_costs_no_original(blobs: HookedBlobs, deployed: list[Original]) -> None:
    before = await pictures(blobs)
    wiped = HookedMetadata()
    with pytest.raises(ConfigurationError, match=r"the blob store belongs to the deployment .*, the catalog to none"):
        await swept(blobs, wiped, grace=0.0, force=True)
    with pytest.raises(ConfigurationError, match=r"the catalog is empty.*pymager init --adopt"):
        await deployment.pair(blobs, wiped)
    await deployment.pair(blobs, wiped, adopt=True)
    for _ in range(3):
        report = await swept(blobs, wiped, grace=0.0)
        assert "this catalog is older" in (report.refusal or "")
    assert await pictures(blobs) == before
    assert wiped.calls["fence"] == 0


async def test_a_catalog_that_was_restored_from_last_week_costs_no_original_until_somebody_says_so(
    blobs: HookedBlobs, metadata: HookedMetadata, deployed: list[Original]
) -> None:
    last_week = copied(metadata)
    new = await upload(blobs, metadata, "dog")
    await swept(blobs, metadata, grace=0.0)
    before = await pictures(blobs)
    for _ in range(3):
        report = await swept(blobs, last_week, grace=0.0)
        assert (report.orphans, report.waiting, report.deleted) == (2, 2, 0)
        assert "this catalog is older" in (report.refusal or "")
    await last_week.add(new)  # the revision was not fenced
    await last_week.remove("dog")
    assert await pictures(blobs) == before
    assert (await swept(blobs, last_week, grace=0.0, force=True)).deleted == 2
    assert (await swept(blobs, last_week, grace=0.0)).refusal is None
    report = await swept(blobs, metadata, grace=0.0)  # the newer one comes back, and is the older one now
    assert "this catalog is older" in (report.refusal or "")


async def test_the_catalog_of_another_deployment_costs_no_original(
    blobs: HookedBlobs, metadata: HookedMetadata, deployed: list[Original]
) -> None:
    others = HookedMetadata()
    await deployment.pair(HookedBlobs(), others)
    before = await pictures(blobs)
    for attempt in (
        swept(blobs, others, grace=0.0, force=True),
        deployment.pair(blobs, others, adopt=True),
        deployment.verify(blobs, others),
    ):
        with pytest.raises(ConfigurationError, match="belong to different deployments"):
            await attempt
    assert await pictures(blobs) == before


async def test_two_deployments_on_one_prefix_cost_no_original(
    blobs: HookedBlobs, metadata: HookedMetadata, deployed: list[Original]
) -> None:
    second = HookedMetadata()
    other_blobs = HookedBlobs()
    await deployment.pair(other_blobs, second)
    for key in await other_blobs.keys(keys.DEPLOYMENTS):  # as if both had been prepared at the same time
        await blobs.inner.put(key, b"", "application/octet-stream")
    before = await pictures(blobs)
    for catalog in (metadata, second):
        with pytest.raises(ConfigurationError, match="marks of several deployments"):
            await swept(blobs, catalog, grace=0.0, force=True)
    assert await pictures(blobs) == before


async def test_stores_without_an_id_are_not_swept(blobs: HookedBlobs) -> None:
    metadata = HookedMetadata()
    await upload(blobs, None, "ghost")
    with pytest.raises(ConfigurationError, match=r"no deployment id.*pymager init"):
        await swept(blobs, metadata, grace=0.0, force=True)


async def test_sweeps_raise_one_number_in_both_stores(blobs: HookedBlobs, metadata: HookedMetadata) -> None:
    for number in range(1, 4):
        await swept(blobs, metadata)
        assert await blobs.keys(keys.SWEEPS) == {f"sweep/{number}"}
        assert await sweep_number.number_in_catalog(metadata) == number
    await swept(blobs, metadata, dry_run=True)
    assert await blobs.keys(keys.SWEEPS) == {"sweep/3"}


@pytest.mark.parametrize("method", ["set_property", "put"])
async def test_a_sweep_that_dies_while_it_takes_its_number_does_no_harm(
    blobs: HookedBlobs, metadata: HookedMetadata, method: str
) -> None:
    class Killed(BaseException):
        pass

    async def die(*arguments: object) -> None:
        raise Killed

    await swept(blobs, metadata)
    hooks = metadata.after if method == "set_property" else blobs.after
    hooks[method] = die
    with pytest.raises(Killed):
        await sweep_number.begin_sweep(blobs, metadata)
    hooks.clear()
    assert not await sweep_number.is_catalog_older(blobs, metadata)
    assert (await swept(blobs, metadata)).refusal is None
    assert len(await blobs.keys(keys.SWEEPS)) == 1


async def test_concurrent_sweeps_never_make_the_catalog_look_older(blobs: HookedBlobs) -> None:
    import asyncio

    metadata = MemoryMetadata("memory:")

    async def begin() -> None:
        for _ in range(20):
            await sweep_number.begin_sweep(blobs, metadata)
            assert not await sweep_number.is_catalog_older(blobs, metadata)

    await asyncio.gather(*(begin() for _ in range(5)))
