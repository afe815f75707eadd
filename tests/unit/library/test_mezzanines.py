"""Mezzanines: made once, used by all variants that they serve, made again when lost, deleted with their revision."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pymager import keys
from pymager.engine.recipe import current_recipes, mezzanine_recipe
from pymager.errors import (
    AlreadyExists,
    NoSpace,
    OriginalNotFound,
    PymagerError,
    RevisionGone,
    Unavailable,
    Undecodable,
)
from pymager.formats import Encoding
from pymager.library import mezzanines as mezzanines_module
from pymager.library.quota import Quota
from pymager.operations.sweep import Sweep
from pymager.ports import Blob, Original
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.observer import Observer
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.variants.mezzanine import max_bytes
from pymager.variants.variant import Variant
from pymager_filesystem import FolderBlobs
from tests.unit.hooked import away, lost, once
from tests.unit.place import OLD, VARIANT, Place, body_of, opened, planted
from tests.unit.telemetry.counted import above_zero
from tests.urls import parse_derived
from tests.waiting import until

SIDE = 256
_SIZE = 4_000, 3_000
_RENDERED = b"80x60 of a mezzanine of (4000, 3000)"
_MADE = b"mezzanine of 256"


def variant(name: str) -> Variant:
    return parse_derived(f"cat-{name}")[1]


@pytest.fixture
def shared() -> SharedMetrics:
    return SharedMetrics()


@pytest.fixture
async def place(tmp_path: Path, shared: SharedMetrics) -> AsyncIterator[Place]:
    async with opened(tmp_path, mezzanine_side=SIDE, observer=Observer(Metrics(shared))) as place:
        yield place
        await place.library.close()
        assert await place.is_sound()
        assert place.mezzanines._shared == {}


def padded(text: str) -> str:
    """A text that is as long as an original of which a mezzanine pays."""
    return text.ljust(200_000)


async def large(place: Place, text: str = "picture", mezzanine: bytes | None = None, id: str = "cat") -> Original:
    """Store a large original without an inspection, with this mezzanine."""
    text = padded(text)
    original = replace(planted(id, text, OLD), width=_SIZE[0], height=_SIZE[1])
    await place.blobs.inner.put(keys.original_key(original), text.encode(), "image/jpeg")
    await place.metadata.inner.add(original)
    if mezzanine is not None:
        await place.blobs.inner.put(key_of(original), mezzanine, "image/jpeg")
    return original


def key_of(original: Original, side: int = SIDE) -> str:
    return keys.mezzanine_key(original, mezzanine_recipe(side))


async def rendered(place: Place, original: Original, variant: Variant = VARIANT) -> bytes:
    return await body_of(await place.derivation.render(original, variant, place.derivation.key(original, variant)))


def counted(place: Place) -> list[str]:
    """The keys of the blobs that are opened from now on."""
    seen: list[str] = []

    async def note(key: str) -> None:
        seen.append(key)

    place.blobs.before["open"] = note
    return seen


async def stored(place: Place, key: str) -> bytes:
    async with place.blobs.inner.open(key) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


def blob_failures() -> list[Any]:
    async def full(*arguments: Any) -> None:
        raise NoSpace("the store is full")

    async def unreadable(*arguments: Any) -> None:
        raise OSError("the spool's disk is broken")

    return [full, unreadable, away, lost]


def only_mezzanines(hook: Callable[..., Any]) -> Callable[..., Any]:
    async def chosen(key: str, *arguments: Any) -> None:
        if key.startswith(keys.DERIVED):
            await hook(key, *arguments)

    return chosen


# Uploads


async def test_an_upload_stores_the_mezzanine_beside_the_original(place: Place, shared: SharedMetrics) -> None:
    cat = await place.add(padded("picture"))
    assert await place.blobs.keys() == {keys.original_key(cat), key_of(cat)}
    assert await stored(place, key_of(cat)) == _MADE
    assert above_zero(shared, "pymager_mezzanines_total") == {("made",): 1}


async def test_the_mezzanine_of_an_upload_counts_against_the_quota(place: Place) -> None:
    text = padded("picture")
    quota = Quota(2 * len(text))
    seen = []

    async def note(*arguments: Any) -> None:
        seen.append(quota.reserved)

    place.blobs.before["put"] = note
    with quota.upload("ann", len(text)) as reservation:
        async with place.spooled(text, reservation) as body:
            await place.library.add("cat", body)
        assert quota.reserved == len(text)
    assert seen == [len(text) + max_bytes(len(text))] * 2
    assert quota.reserved == 0


async def test_an_upload_that_leaves_no_room_for_its_mezzanine_makes_none_and_a_render_does(place: Place) -> None:
    text = padded("picture")
    with Quota(len(text)).upload("ann", len(text)) as reservation:
        async with place.spooled(text, reservation) as body:
            cat = await place.library.add("cat", body)
    assert await place.blobs.keys() == {keys.original_key(cat)}
    assert b"of a mezzanine" in await rendered(place, cat, variant("20x20.jpg"))
    assert await stored(place, key_of(cat)) == _MADE


async def test_an_upload_that_gets_no_mezzanine_stores_none(place: Place) -> None:
    cat = await place.add(padded("small"))
    assert await place.blobs.keys() == {keys.original_key(cat)}


async def test_without_mezzanines_an_upload_makes_none_and_a_render_looks_for_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        cat = await place.add(padded("picture"))
        assert await place.blobs.keys() == {keys.original_key(cat)}
        dog = await large(place, id="dog")
        seen = counted(place)
        assert b"of a mezzanine" not in await rendered(place, dog)
        assert seen == [place.derivation.key(dog, VARIANT), keys.original_key(dog)]


@pytest.mark.parametrize("hook", blob_failures())
async def test_a_mezzanine_that_cannot_be_stored_does_not_fail_the_upload(
    place: Place, shared: SharedMetrics, hook: Callable[..., Any]
) -> None:
    place.blobs.before["put"] = only_mezzanines(hook)
    cat = await place.add(padded("picture"))
    assert await place.rows() == [cat]
    assert await place.blobs.keys() == {keys.original_key(cat)}
    assert above_zero(shared, "pymager_mezzanines_total") == {("made",): 1, ("not_stored",): 1}
    place.blobs.before.clear()
    assert b"of a mezzanine" in await rendered(place, cat, variant("20x20.jpg"))
    assert key_of(cat) in await place.blobs.keys()


async def test_an_upload_whose_original_cannot_be_stored_leaves_no_mezzanine(place: Place) -> None:
    async def full(key: str, *arguments: Any) -> None:
        if key.startswith(keys.ORIGINALS):
            async with asyncio.timeout(60):
                while not await place.blobs.keys(keys.DERIVED):
                    await asyncio.sleep(0.002)
            raise NoSpace("the store is full")

    place.blobs.before["put"] = full
    with pytest.raises(NoSpace):
        await place.add(padded("picture"))
    assert (await place.rows(), await place.blobs.keys()) == ([], set())


async def test_an_upload_that_is_canceled_stops_the_put_of_its_mezzanine(place: Place) -> None:
    async def never(*arguments: Any) -> None:
        await asyncio.Event().wait()

    place.blobs.before["put"] = never
    upload = asyncio.create_task(place.add(padded("picture")))
    await until(lambda: place.blobs.calls["put"] == 2)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await place.blobs.keys() == set()


async def test_an_upload_that_loses_deletes_its_mezzanine_too(place: Place) -> None:
    outcomes = await asyncio.gather(*(place.add(padded(f"picture {n}")) for n in range(5)), return_exceptions=True)
    [winner] = [outcome for outcome in outcomes if isinstance(outcome, Original)]
    assert [type(outcome) for outcome in outcomes if outcome is not winner] == [AlreadyExists] * 4
    assert await place.blobs.keys() == {keys.original_key(winner), key_of(winner)}


@pytest.mark.parametrize("error", [NoSpace("full"), Unavailable("refused", outcome_known=True)])
async def test_an_upload_that_was_not_committed_leaves_no_mezzanine(place: Place, error: PymagerError) -> None:
    async def fail(*arguments: Any) -> None:
        raise error

    place.metadata.before |= {"add": fail}
    with pytest.raises(type(error)):
        await place.add(padded("picture"))
    assert await place.blobs.keys() == set()


async def test_a_delete_and_a_replace_delete_the_mezzanine(place: Place) -> None:
    await place.add(padded("picture"))
    cat, _ = await place.put(padded("another picture"))
    await place.library.close()
    assert await place.blobs.keys() == {keys.original_key(cat), key_of(cat)}
    await place.library.remove("cat")
    await place.library.close()
    assert await place.blobs.keys() == set()
    with pytest.raises(OriginalNotFound):
        await place.derived(cat)


# Renders


async def test_variants_come_from_the_mezzanine_and_the_original_is_not_opened(
    place: Place, shared: SharedMetrics
) -> None:
    cat = await large(place, mezzanine=_MADE)
    seen = counted(place)
    assert await rendered(place, cat) == _RENDERED
    assert await rendered(place, cat, variant("100x75.png")) == b"100x75 of a mezzanine of (4000, 3000)"
    assert keys.original_key(cat) not in seen
    assert seen.count(key_of(cat)) == 2
    assert above_zero(shared, "pymager_mezzanines_total") == {("used",): 2}
    assert place.blobs.calls["put"] == 2


async def test_variants_that_the_mezzanine_does_not_serve_come_from_the_original_without_a_look(place: Place) -> None:
    cat = await large(place, mezzanine=_MADE)
    seen = counted(place)
    assert b"of a mezzanine" not in await rendered(place, cat, variant("800x600.jpg"))
    assert key_of(cat) not in seen


async def test_a_small_original_costs_no_look_for_a_mezzanine(place: Place) -> None:
    cat = await place.plant("picture")
    seen = counted(place)
    await rendered(place, cat)
    assert key_of(cat) not in seen


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff"])
def test_a_small_original_gets_none(place: Place, format: str) -> None:
    for size, expected in (((60, 40), 0), ((256, 256), 0), ((100, 256), 0), ((2400, 1800), 1)):
        original = replace(planted("cat", "x"), format=format, width=size[0], height=size[1], size=10**7)
        assert len(place.mezzanines.keys_of(original)) == expected, size


async def test_a_hit_looks_for_no_mezzanine(place: Place) -> None:
    cat = await large(place)
    await place.derived(cat)
    seen = counted(place)
    await place.derived(cat)
    assert seen == [place.derivation.key(cat, VARIANT)]


async def test_a_missing_mezzanine_is_made_once_for_all_variants_that_wait(place: Place, shared: SharedMetrics) -> None:
    cat = await large(place)
    seen = counted(place)
    names = [variant(f"{side}x{side}.{format}") for side in (20, 30, 40) for format in ("jpg", "png")]
    bodies = await asyncio.gather(*(rendered(place, cat, name) for name in names))
    assert all(b"of a mezzanine" in body for body in bodies)
    assert seen.count(keys.original_key(cat)) == 1
    assert await stored(place, key_of(cat)) == _MADE
    assert above_zero(shared, "pymager_mezzanines_total") == {("missing",): 1, ("made",): 1, ("used",): 6}


async def test_renders_at_the_same_time_read_the_mezzanine_from_the_bucket_once(place: Place) -> None:
    cat = await large(place, mezzanine=_MADE)
    seen = counted(place)
    gate = asyncio.Event()

    async def wait(key: str) -> None:
        seen.append(key)
        if key == key_of(cat):
            await gate.wait()

    place.blobs.before["open"] = wait
    both = [asyncio.create_task(rendered(place, cat, variant(name))) for name in ("20x20.jpg", "30x30.jpg")]
    await until(lambda: place.mezzanines._shared and place.mezzanines._shared[cat.revision].users == 2)
    gate.set()
    await asyncio.gather(*both)
    assert seen.count(key_of(cat)) == 1


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"\xff\xd8"])
async def test_a_damaged_mezzanine_is_made_again_and_replaced(
    place: Place, shared: SharedMetrics, damaged: bytes
) -> None:
    cat = await large(place, mezzanine=damaged.replace(b"\xff\xd8", b"half of it"))
    assert await rendered(place, cat) == _RENDERED
    assert await stored(place, key_of(cat)) == _MADE
    assert above_zero(shared, "pymager_mezzanines_total") == {("damaged",): 1, ("made",): 1, ("used",): 1}
    await rendered(place, cat, variant("20x20.jpg"))
    assert above_zero(shared, "pymager_mezzanines_total")["made",] == 1


async def test_a_damaged_mezzanine_is_made_again_once_for_all_renders_that_use_it(place: Place) -> None:
    cat = await large(place, mezzanine=b"garbage")
    seen = counted(place)
    bodies = await asyncio.gather(*(rendered(place, cat, variant(f"{side}x{side}.jpg")) for side in (20, 30)))
    assert all(b"of a mezzanine" in body for body in bodies)
    assert seen.count(keys.original_key(cat)) <= 2  # one each if they did not meet
    assert await stored(place, key_of(cat)) == _MADE


async def test_if_a_new_mezzanine_is_damaged_too_the_variant_comes_from_the_original(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = await large(place, mezzanine=b"garbage")
    make = mezzanines_module.Worker.make_mezzanine

    async def damage(*arguments: Any) -> Path | None:
        path = await make(*arguments)
        assert path is not None
        path.write_text("garbage")
        return path

    monkeypatch.setattr(mezzanines_module.Worker, "make_mezzanine", damage)
    body = await rendered(place, cat)
    assert b"80x60" in body and b"mezzanine" not in body


async def test_a_mezzanine_whose_file_is_deleted_during_the_render_is_made_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = await large(place, mezzanine=_MADE)
    inner = place.blobs.inner.open

    @asynccontextmanager
    async def vanished(key: str, *range: Any) -> AsyncIterator[Blob]:
        async with inner(key, *range) as blob:
            yield replace(blob, file=Path("/nowhere/mezzanine.jpg")) if key == key_of(cat) else blob

    monkeypatch.setattr(place.blobs.inner, "open", vanished)
    assert await rendered(place, cat) == _RENDERED


async def test_an_original_of_which_no_mezzanine_can_be_made_is_rendered_itself_and_not_tried_again_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, shared: SharedMetrics
) -> None:
    cat = await large(place, "too-large-for-a-mezzanine")
    for now, tries in ((1_000.0, 1), (1_059.0, 1), (1_061.0, 2)):
        monkeypatch.setattr(mezzanines_module, "monotonic", lambda now=now: now)
        body = await rendered(place, cat, variant(f"{int(now) % 100 + 20}x20.jpg"))
        assert b"x20" in body and b"mezzanine" not in body
        assert above_zero(shared, "pymager_mezzanines_total")["not_made",] == tries


async def test_an_original_that_gets_no_mezzanine_after_all_is_rendered_itself(place: Place) -> None:
    cat = await large(place, "small")
    seen = counted(place)
    assert b"of a mezzanine" not in await rendered(place, cat)
    assert key_of(cat) not in await place.blobs.keys()
    assert seen.count(keys.original_key(cat)) == 2
    assert b"of a mezzanine" not in await rendered(place, cat, variant("20x20.jpg"))
    assert seen.count(keys.original_key(cat)) == 3  # it is not tried again for a minute


@pytest.mark.parametrize("text", ["no-picture", "segfault"])
async def test_an_original_that_cannot_be_decoded_any_more_fails_as_without_mezzanines(place: Place, text: str) -> None:
    cat = await large(place, text)
    with pytest.raises(Undecodable):
        await rendered(place, cat)


@pytest.mark.parametrize("hook", blob_failures())
async def test_a_new_mezzanine_that_cannot_be_stored_is_used_all_the_same(
    place: Place, hook: Callable[..., Any]
) -> None:
    cat = await large(place)

    async def fail(key: str, *arguments: Any) -> None:
        if key == key_of(cat):
            await hook(key, *arguments)

    place.blobs.before["put"] = fail
    assert await rendered(place, cat) == _RENDERED
    assert key_of(cat) not in await place.blobs.keys()
    place.blobs.before.clear()
    await rendered(place, cat, variant("20x20.jpg"))
    assert key_of(cat) in await place.blobs.keys()


async def test_a_failure_of_the_store_is_not_remembered(place: Place) -> None:
    cat = await large(place)
    for key in (key_of(cat), keys.original_key(cat)):

        async def fail(opened: str, failing: str = key) -> None:
            if opened == failing:
                raise Unavailable("the connection broke", outcome_known=True)

        place.blobs.before["open"] = fail
        with pytest.raises(Unavailable):
            await rendered(place, cat)
    place.blobs.before.clear()
    assert await rendered(place, cat) == _RENDERED


async def test_if_the_first_of_several_renders_fails_the_next_one_makes_the_mezzanine(place: Place) -> None:
    cat = await large(place)

    async def fail(key: str) -> None:
        if key == keys.original_key(cat):
            await until(lambda: place.mezzanines._shared[cat.revision].users == 2)
            place.blobs.before.clear()
            raise Unavailable("the connection broke", outcome_known=True)

    place.blobs.before["open"] = fail
    names = [variant("20x20.jpg"), variant("30x30.jpg")]
    outcomes = await asyncio.gather(*(rendered(place, cat, name) for name in names), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Unavailable", "bytes"]


async def test_a_mezzanine_of_a_revision_that_was_deleted_meanwhile_is_deleted_again(place: Place) -> None:
    cat = await large(place)

    async def remove(key: str, *arguments: Any) -> None:
        if key == key_of(cat):
            await place.metadata.inner.remove("cat")

    place.blobs.before["put"] = remove
    with pytest.raises(RevisionGone):
        await rendered(place, cat)
    assert await place.blobs.keys(keys.DERIVED) == set()


async def test_a_mezzanine_of_a_revision_that_was_replaced_meanwhile_is_deleted_again(place: Place) -> None:
    cat = await large(place)
    successor = replace(planted("cat", "small", OLD), width=10, height=10)

    async def replace_row(key: str, *arguments: Any) -> None:
        if key == key_of(cat):
            await place.blobs.inner.put(keys.original_key(successor), b"small", "image/jpeg")
            await place.metadata.inner.replace(successor)

    place.blobs.after["put"] = replace_row
    assert b"mezzanine" not in await place.derived(cat)
    assert await place.blobs.keys(keys.DERIVED) == {place.derivation.key(successor, VARIANT)}


async def test_a_deleted_original_without_its_blob_is_gone_and_not_lost(place: Place) -> None:
    cat = await large(place)
    await place.library.remove("cat")
    await place.library.close()
    with pytest.raises(RevisionGone):
        await rendered(place, cat)
    with pytest.raises(OriginalNotFound):
        await place.derived(cat)


async def test_a_render_that_is_stopped_while_it_makes_a_mezzanine_leaves_nothing(place: Place) -> None:
    cat = await large(place, "wait")
    pending = asyncio.create_task(rendered(place, cat))
    await until(lambda: list(place.spool.folder.glob("*.started")), 60)
    await place.derivation.close(0)
    with pytest.raises(asyncio.CancelledError):
        await pending
    assert place.mezzanines._shared == {}


async def test_a_render_that_is_stopped_while_its_mezzanine_is_stored_stops_that_too(place: Place) -> None:
    cat = await large(place)

    async def never(*arguments: Any) -> None:
        await asyncio.Event().wait()

    place.blobs.before["put"] = never
    pending = asyncio.create_task(rendered(place, cat))
    await until(lambda: place.blobs.calls["put"])
    await place.derivation.close(0)
    with pytest.raises(asyncio.CancelledError):
        await pending
    assert await place.blobs.keys(keys.DERIVED) == set()


async def test_over_a_folder_the_mezzanine_is_used_in_place(tmp_path: Path) -> None:
    async with (
        FolderBlobs(f"file://{tmp_path}/blobs") as blobs,
        opened(tmp_path, blobs, mezzanine_side=SIDE) as place,
    ):
        cat = await large(place, mezzanine=_MADE)
        seen: list[Path] = []
        render = mezzanines_module.Worker.render

        async def note(worker: Any, path: Path, *arguments: Any) -> Any:
            seen.append(path)
            return await render(worker, path, *arguments)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(mezzanines_module.Worker, "render", note)
            assert await rendered(place, cat) == _RENDERED
        assert [path.name for path in seen] == ["mezzanine.jpg"]
        assert seen[0].is_relative_to(tmp_path / "blobs")


# Recipes and sweeps


async def test_another_side_has_other_keys_and_each_is_current_where_it_is_used() -> None:
    sides = (None, 256, 512)
    recipes = [current_recipes(Encoding(), side) for side in sides]
    assert [len(each) for each in recipes] == [len(recipes[0]), len(recipes[0]) + 1, len(recipes[0]) + 1]
    assert len(set.union(*recipes)) == sum(map(len, recipes))
    assert mezzanine_recipe(256) in recipes[1]


async def test_a_sweep_deletes_mezzanines_of_no_row_and_of_outdated_recipes_only(place: Place) -> None:
    cat = await large(place, mezzanine=_MADE)
    outdated = key_of(cat, 512)
    ghost = key_of(planted("ghost", "x"))
    for key in (outdated, ghost):
        await place.blobs.inner.put(key, b"x", "image/jpeg")
    days = 86_400.0
    place.blobs.ages = dict.fromkeys(await place.blobs.keys(), 30 * days)
    recipes = current_recipes(Encoding(), SIDE)
    for marks, left in (({mezzanine_recipe(512)}, {key_of(cat), outdated}), (set(), {key_of(cat)})):
        sweep = Sweep(place.blobs, place.metadata, recipes | marks, grace=3_600, recipe_age=7 * days)
        report = await sweep.run()
        assert await place.blobs.keys(keys.DERIVED) == left
        assert report.deleted == 1
    assert await rendered(place, cat) == _RENDERED


async def test_a_mezzanine_that_a_sweep_deletes_before_the_commit_of_its_upload_is_made_again(place: Place) -> None:
    async def sweep(original: Original) -> None:
        place.blobs.ages[key_of(original)] = 7_200.0  # its put was long before that of a large original
        await Sweep(place.blobs, place.metadata, current_recipes(Encoding(), SIDE), grace=3_600, recipe_age=1).run()

    place.metadata.before["add"] = once(sweep)
    cat = await place.add(padded("picture"))
    assert await place.blobs.keys() == {keys.original_key(cat)}
    assert b"of a mezzanine" in await rendered(place, cat, variant("20x20.jpg"))
    assert key_of(cat) in await place.blobs.keys()


def test_a_mezzanine_belongs_to_its_revision() -> None:
    cat = planted("cat", "x")
    key = key_of(cat)
    assert key.startswith(keys.derived_prefix(cat))
    assert keys.owner_of(key) == keys.Owner("cat", cat.revision, mezzanine_recipe(SIDE))
