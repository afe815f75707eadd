"""Uploads and replacements: one winner, no lost bytes, and a correct outcome after a lost answer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pymager import keys
from pymager.errors import (
    AlreadyExists,
    Fenced,
    NoSpace,
    NotAPicture,
    NotFound,
    Overloaded,
    PymagerError,
    RevisionMismatch,
    Unavailable,
)
from pymager.ports import Original
from pymager.web.failures import PreconditionFailed
from tests.unit.hooked import away, lost, once
from tests.unit.place import OLD, VARIANT, Place, planted
from tests.waiting import until


async def originals(place: Place) -> set[str]:
    return await place.blobs.keys(keys.ORIGINALS)


async def test_an_upload_is_stored_with_the_result_of_its_inspection(place: Place) -> None:
    cat = await place.add("picture")
    assert (cat.id, cat.format, cat.width, cat.size) == ("cat", "jpeg", 12_345, 7)
    assert cat.sha256 == planted("cat", "picture").sha256
    assert cat.created == (await place.blobs.stat(keys.original_key(cat))).modified
    assert await place.rows() == [cat]


async def test_a_refused_picture_leaves_nothing(place: Place) -> None:
    with pytest.raises(NotAPicture, match="poem"):
        await place.add("no-picture")
    with pytest.raises(NotAPicture, match="poem"):
        await place.put("no-picture")
    assert (await place.rows(), await place.blobs.keys()) == ([], set())


async def test_of_many_uploads_of_one_id_one_succeeds_and_its_bytes_stay(place: Place) -> None:
    outcomes = await asyncio.gather(*(place.add(f"picture {n}") for n in range(9)), return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, Original)]
    assert [type(outcome) for outcome in outcomes if outcome not in winners] == [AlreadyExists] * 8
    assert await place.rows() == winners
    assert await originals(place) == {keys.original_key(winners[0])}


async def test_a_losing_upload_deletes_its_blob_only_if_the_row_has_another_revision(place: Place) -> None:
    await place.plant("first")
    seen: list[int] = []

    async def note(*arguments: object) -> None:
        seen.append(place.metadata.calls["get"])

    place.blobs.before["delete"] = note
    with pytest.raises(AlreadyExists):
        await place.add("second")
    assert seen == [1]


async def test_an_upload_whose_revision_is_current_deletes_nothing(place: Place) -> None:
    async def twice(*arguments: object) -> None:
        raise AlreadyExists("as a driver that retries would say")

    place.metadata.after["add"] = twice
    with pytest.raises(AlreadyExists):
        await place.add("picture")
    assert len(await originals(place)) == len(await place.rows()) == 1


async def test_a_losing_upload_that_cannot_read_the_row_leaves_its_blob_to_the_sweep(place: Place) -> None:
    await place.plant("first")
    place.metadata.before["get"] = away
    with pytest.raises(AlreadyExists):
        await place.add("second")
    assert len(await originals(place)) == 2


async def test_a_fenced_upload_is_not_acknowledged_and_leaves_nothing(place: Place) -> None:
    async def sweep(original: Original, *arguments: object) -> None:
        assert await place.metadata.inner.fence("cat", original.revision)

    place.metadata.before["add"] = once(sweep)
    with pytest.raises(Fenced):
        await place.add("picture")
    assert (await place.rows(), await originals(place)) == ([], set())
    place.metadata.before["add"] = once(sweep)
    with pytest.raises(Fenced):
        await place.put("picture")
    cat = await place.plant("picture")
    place.metadata.before["replace"] = sweep
    with pytest.raises(Fenced):
        await place.put("new")
    assert (await place.rows(), await originals(place)) == ([cat], {keys.original_key(cat)})


@pytest.mark.parametrize("error", [NoSpace("full"), Unavailable("refused", outcome_known=True)])
async def test_an_upload_that_certainly_was_not_committed_leaves_nothing(place: Place, error: PymagerError) -> None:
    async def fail(*arguments: object) -> None:
        raise error

    place.metadata.before |= {"add": fail, "replace": fail}
    with pytest.raises(type(error)):
        await place.add("picture")
    with pytest.raises(type(error)):
        await place.put("picture")
    assert await originals(place) == set()
    cat = await place.plant("picture")
    with pytest.raises(type(error)):
        await place.put("new")
    assert await originals(place) == {keys.original_key(cat)}


async def test_an_add_that_took_effect_with_a_lost_answer_is_acknowledged(place: Place) -> None:
    place.metadata.after["add"] = lost
    cat = await place.add("picture")
    assert await place.rows() == [cat]
    assert (await place.put("picture", "dog"))[1]
    assert place.metadata.calls["add"] == 2


@pytest.mark.parametrize("verb", ["add", "put"])
async def test_a_lost_add_has_an_unknown_outcome_and_deletes_nothing(place: Place, verb: str) -> None:
    place.metadata.before["add"] = lost
    with pytest.raises(Unavailable) as caught:
        await getattr(place, verb)("picture")
    assert not caught.value.outcome_known
    assert place.metadata.calls["add"] == 1
    assert len(await originals(place)) == 1


async def test_a_lost_answer_and_another_row_give_an_unknown_outcome(place: Place) -> None:
    async def removed_and_added(*arguments: object) -> None:
        await place.metadata.inner.remove("cat")
        await place.plant("another's")
        await lost()

    place.metadata.after["add"] = removed_and_added
    with pytest.raises(Unavailable) as caught:
        await place.add("picture")
    assert not caught.value.outcome_known
    assert len(await originals(place)) == 2


@pytest.mark.parametrize("verb", ["add", "replace"])
async def test_a_lost_answer_and_a_failed_read_give_an_unknown_outcome(place: Place, verb: str) -> None:
    """The failed read certainly changed nothing, but the failed mutation may have."""

    async def lost_for_good(*arguments: object) -> None:
        place.metadata.before["get"] = away
        await lost()

    if verb == "replace":
        await place.plant("picture")
    place.metadata.after[verb] = lost_for_good
    with pytest.raises(Unavailable) as caught:
        await (place.add() if verb == "add" else place.put("new"))
    assert not caught.value.outcome_known
    place.metadata.before.clear()


async def test_a_put_without_an_original_is_new(place: Place) -> None:
    cat, is_new = await place.put("picture")
    assert is_new
    assert await place.rows() == [cat]


async def test_a_put_replaces_the_original_and_deletes_its_variants(place: Place) -> None:
    old = await place.plant("old picture")
    await place.derived(old)
    new, is_new = await place.put("new picture")
    assert not is_new
    assert await place.rows() == [new]
    await place.library.close()
    assert await place.blobs.keys() == {keys.original_key(new)}


@pytest.mark.parametrize("created", [datetime(2199, 1, 1, tzinfo=UTC), OLD])
async def test_a_replacement_is_dated_a_second_later_whatever_the_clocks_say(place: Place, created: datetime) -> None:
    await place.plant("picture", created=created)
    before = created
    for number in range(3):
        new, _ = await place.put(f"picture {number}")
        assert new.created >= before + timedelta(seconds=1)
        assert (await place.rows())[0].created == new.created
        before = new.created


async def test_a_replacement_is_dated_after_all_variants_of_the_old_original(place: Place) -> None:
    old = await place.plant("old picture", created=OLD)
    before = datetime.now(UTC).replace(microsecond=0)
    await place.derived(old)
    new, _ = await place.put("new picture")
    assert new.created >= before + timedelta(seconds=1)


async def test_an_original_that_follows_a_removed_one_is_dated_after_it(place: Place) -> None:
    await place.plant("old picture", created=datetime(2199, 1, 1, tzinfo=UTC))
    await place.library.remove("cat")
    new, is_new = await place.put("new picture")
    assert is_new
    assert new.created == datetime(2199, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert await place.rows() == [new]


async def test_a_variant_is_dated_no_earlier_than_its_original(place: Place) -> None:
    original = await place.plant("picture", created=datetime(2199, 1, 1, tzinfo=UTC))
    for _ in range(2):  # rendered, and then from the store
        variant = await place.library.variant("cat", VARIANT, lambda info: True)
        assert variant.info.modified == original.created
        place.library.cache.discard("derived/")


async def test_the_condition_gets_the_current_row_before_each_attempt(place: Place) -> None:
    first = await place.plant("first")
    seen: list[Original | None] = []

    async def another_writes(*arguments: object) -> None:
        second = planted("cat", "second")
        await place.blobs.inner.put(keys.original_key(second), b"second", "image/jpeg")
        await place.metadata.inner.replace(second)

    place.metadata.before["replace"] = once(another_writes)
    async with place.spooled("third") as body:
        third, is_new = await place.library.put("cat", body, seen.append)
    assert not is_new
    assert [original and original.size for original in seen] == [5, 6]
    assert seen[0] == first
    assert await place.rows() == [third]


async def test_a_failed_condition_changes_nothing(place: Place) -> None:
    def refuse(current: Original | None) -> None:
        raise PreconditionFailed("no")

    cat = await place.plant("picture")
    for id in ("cat", "dog"):
        with pytest.raises(PreconditionFailed):
            async with place.spooled("another") as body:
                await place.library.put(id, body, refuse)
    assert (await place.rows(), await originals(place)) == ([cat], {keys.original_key(cat)})


async def test_a_put_that_meets_a_remove_becomes_an_add(place: Place) -> None:
    await place.plant("old")

    async def remove(*arguments: object) -> None:
        await place.metadata.inner.remove("cat")

    place.metadata.before["replace"] = once(remove)
    cat, is_new = await place.put("new")
    assert is_new
    assert await place.rows() == [cat]


async def test_a_put_that_meets_an_add_becomes_a_replace(place: Place) -> None:
    async def add(*arguments: object) -> None:
        await place.plant("another's")

    place.metadata.before["add"] = once(add)
    cat, is_new = await place.put("new")
    assert not is_new
    await place.library.close()
    assert (await place.rows(), await originals(place)) == ([cat], {keys.original_key(cat)})


@pytest.mark.parametrize("error", [RevisionMismatch, NotFound])
async def test_a_put_that_loses_every_race_gives_up_and_leaves_nothing(place: Place, error: type[PymagerError]) -> None:
    cat = await place.plant("old")

    async def late(*arguments: object) -> None:
        raise error("too late")

    place.metadata.before["replace"] = late
    with pytest.raises(Overloaded, match="try again"):
        await place.put("new")
    assert place.metadata.calls["replace"] == 8
    assert (await place.rows(), await originals(place)) == ([cat], {keys.original_key(cat)})


async def test_concurrent_puts_of_one_id_leave_one_original_and_its_blob(place: Place) -> None:
    outcomes = await asyncio.gather(*(place.put(f"picture {n}") for n in range(9)), return_exceptions=True)
    stored = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert {type(outcome) for outcome in outcomes if outcome not in stored} <= {Overloaded}
    assert [is_new for _, is_new in stored].count(True) == 1
    await place.library.close()
    (row,) = await place.rows()
    assert row in [original for original, _ in stored]
    assert await originals(place) == {keys.original_key(row)}


async def test_a_replace_that_took_effect_with_a_lost_answer_is_acknowledged_and_cleaned_up(place: Place) -> None:
    old = await place.plant("old")
    await place.derived(old)
    place.metadata.after["replace"] = lost
    new, is_new = await place.put("new")
    await place.library.close()
    assert not is_new
    assert (await place.rows(), await place.blobs.keys()) == ([new], {keys.original_key(new)})
    assert place.metadata.calls["replace"] == 1


async def test_a_lost_replace_has_an_unknown_outcome_and_deletes_nothing(place: Place) -> None:
    old = await place.plant("old")
    await place.derived(old)
    before = await place.blobs.keys()
    place.metadata.before["replace"] = lost
    with pytest.raises(Unavailable) as caught:
        await place.put("new")
    await place.library.close()
    assert not caught.value.outcome_known
    assert await place.rows() == [old]
    assert await place.blobs.keys() > before
    assert len(await originals(place)) == 2


async def test_a_put_that_cannot_read_the_row_changes_nothing(place: Place) -> None:
    cat = await place.plant("old")
    place.metadata.before["get"] = once(away)
    with pytest.raises(Unavailable):
        await place.put("new")
    assert (await place.rows(), await originals(place)) == ([cat], {keys.original_key(cat)})


async def test_a_put_of_the_same_bytes_changes_nothing_and_asks_no_worker(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = await place.add("picture")
    variant = await place.derived(cat)
    before = await place.blobs.keys()
    monkeypatch.setattr(place.workers, "inspect", None)
    place.blobs.calls.clear()
    place.metadata.calls.clear()
    assert await place.put("picture") == (cat, False)
    assert (place.blobs.calls, place.metadata.calls) == ({"stat": 1}, {"get": 1})
    await place.library.close()
    assert (await place.rows(), await place.blobs.keys()) == ([cat], before)
    assert await place.derived(cat) == variant
    assert await place.is_sound()


@pytest.mark.parametrize("lost_bytes", ["all", "some"])
async def test_a_put_of_the_same_bytes_replaces_a_lost_or_damaged_blob(place: Place, lost_bytes: str) -> None:
    old = await place.add("picture")
    if lost_bytes == "all":
        await place.blobs.inner.delete([keys.original_key(old)])
    else:
        await place.blobs.inner.put(keys.original_key(old), b"pict", "image/jpeg")
    new, is_new = await place.put("picture")
    await place.library.close()
    assert (is_new, new.revision == old.revision) == (False, False)
    assert (await place.rows(), await originals(place)) == ([new], {keys.original_key(new)})


async def test_a_put_of_the_same_bytes_that_meets_a_delete_adds_them_again(place: Place) -> None:
    old = await place.add("picture")

    async def delete(*arguments: object) -> None:
        await place.library.remove("cat")
        await place.library.close()

    place.blobs.before["stat"] = once(delete)
    new, is_new = await place.put("picture")
    assert (is_new, new.revision == old.revision) == (True, False)
    assert (await place.rows(), await originals(place)) == ([new], {keys.original_key(new)})


async def test_a_put_of_the_same_bytes_obeys_its_condition(place: Place) -> None:
    def refuse(current: Original | None) -> None:
        raise PreconditionFailed("no")

    cat = await place.add("picture")
    with pytest.raises(PreconditionFailed):
        async with place.spooled("picture") as body:
            await place.library.put("cat", body, refuse)
    assert await place.rows() == [cat]


async def test_a_put_of_the_same_bytes_that_cannot_look_for_the_blob_has_a_known_outcome(place: Place) -> None:
    cat = await place.add("picture")
    place.blobs.before["stat"] = lost
    with pytest.raises(Unavailable) as caught:
        await place.put("picture")
    assert caught.value.outcome_known
    assert await place.rows() == [cat]


STAGES = [("blobs", "put"), ("metadata", "get"), ("metadata", "add"), ("metadata", "replace"), ("blobs", "delete")]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("store", "method"), STAGES)
@pytest.mark.parametrize("verb", ["add", "put"])
async def test_an_upload_canceled_anywhere_leaves_no_row_without_its_blob(
    place: Place, verb: str, store: str, method: str, when: str
) -> None:
    await place.plant("old")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def stop(*arguments: object) -> None:
        reached.set()
        await go_on.wait()

    getattr(getattr(place, store), when)[method] = once(stop)
    uploads = [asyncio.create_task(getattr(place, verb)("new", id)) for id in ("cat", "dog")]
    await until(lambda: reached.is_set() or all(upload.done() for upload in uploads))
    for upload in uploads:
        upload.cancel()
    await asyncio.wait(uploads)
    go_on.set()
    await place.library.close()
    assert await place.is_sound()
    assert "cat" in [row.id for row in await place.rows()]
