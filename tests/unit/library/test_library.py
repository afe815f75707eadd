"""Reading and deleting originals and their variants."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from pymager import keys
from pymager.errors import (
    OriginalLost,
    OriginalNotFound,
    Overloaded,
    RevisionMismatch,
    Unavailable,
)
from pymager.library.library import Located
from pymager.ports import Original
from pymager.variants.variant import Variant
from tests.unit.hooked import away, lost, once
from tests.unit.place import VARIANT, Place


async def read(place: Place, original: Original, start: int = 0, stop: int | None = None) -> tuple[Original, bytes]:
    async with place.library.open(original, start, stop) as (found, blob):
        return found, b"".join([chunk async for chunk in blob.chunks])


def removing(place: Place, *, clean: bool = True) -> Callable[..., Awaitable[None]]:
    """Another replica's DELETE, with its clean-up."""

    async def remove(*arguments: object) -> None:
        gone = await place.metadata.inner.remove("cat")
        if clean:
            await place.blobs.inner.delete([keys.original_key(gone)])

    return remove


def replacing(place: Place, text: str) -> Callable[..., Awaitable[None]]:
    """Another replica's PUT, with its clean-up."""

    async def put(*arguments: object) -> None:
        await removing(place)()
        await place.plant(text)

    return put


async def test_an_original_is_read_whole_and_in_ranges(place: Place) -> None:
    cat = await place.plant("0123456789")
    assert await place.library.get("cat") == cat
    assert await read(place, cat) == (cat, b"0123456789")
    assert await read(place, cat, 2, 5) == (cat, b"234")


async def test_an_id_without_a_row_is_not_found(place: Place) -> None:
    with pytest.raises(OriginalNotFound, match="'cat'"):
        await place.library.get("cat")
    with pytest.raises(OriginalNotFound):
        await place.library.remove("cat")
    with pytest.raises(OriginalNotFound):
        await place.library.locate("cat", VARIANT)


async def test_a_get_during_a_delete_finds_nothing(place: Place) -> None:
    cat = await place.plant("picture")
    await removing(place)()
    with pytest.raises(OriginalNotFound):
        await read(place, cat)
    with pytest.raises(OriginalNotFound):
        await place.derived(cat)


async def test_a_get_during_a_replace_starts_again_from_the_row(place: Place) -> None:
    cat = await place.plant("0123456789")
    await replacing(place, "abcdefghij")()
    (new,) = await place.rows()
    assert await read(place, cat) == (new, b"abcdefghij")
    assert await read(place, cat, 2, 5) == (new, b"abcdefghij")
    assert b"80x60" in await place.derived(cat)
    assert await place.blobs.keys(keys.DERIVED) == {place.derivation.key(new, VARIANT)}


async def test_a_get_that_is_always_overtaken_by_a_replace_is_overloaded(place: Place) -> None:
    cat = await place.plant("picture")
    place.blobs.before["open"] = replacing(place, "picture")
    with pytest.raises(Overloaded, match="being replaced repeatedly"):
        await read(place, cat)
    assert place.blobs.calls["open"] == 8


@pytest.mark.parametrize("change", ["remove", "replace"])
async def test_a_render_during_a_change_leaves_nothing_of_the_old_revision(place: Place, change: str) -> None:
    cat = await place.plant("picture")
    place.blobs.after["put"] = once(removing(place) if change == "remove" else replacing(place, "picture"))
    if change == "remove":
        with pytest.raises(OriginalNotFound):
            await place.derived(cat)
        assert await place.blobs.keys() == set()
    else:
        assert b"80x60" in await place.derived(cat)
        (new,) = await place.rows()
        assert await place.blobs.keys() == {keys.original_key(new), place.derivation.key(new, VARIANT)}


async def test_a_row_without_its_blob_is_a_lost_original_and_not_retried(place: Place) -> None:
    cat = await place.plant("picture")
    await place.blobs.inner.delete([keys.original_key(cat)])
    with pytest.raises(OriginalLost, match=cat.revision):
        await read(place, cat)
    assert place.blobs.calls["open"] == 1
    with pytest.raises(OriginalLost):
        await place.derived(cat)
    await place.metadata.inner.remove("cat")


async def test_a_failure_of_the_store_is_not_a_loss(place: Place) -> None:
    cat = await place.plant("picture")
    place.blobs.before["open"] = away
    with pytest.raises(Unavailable):
        await read(place, cat)
    with pytest.raises(Unavailable):
        await place.derived(cat)


async def test_an_error_of_the_reader_is_not_translated(place: Place) -> None:
    cat = await place.plant("picture")
    with pytest.raises(ConnectionResetError):
        async with place.library.open(cat):
            raise ConnectionResetError


async def test_a_remove_deletes_the_original_and_its_variants(place: Place) -> None:
    cat = await place.plant("picture")
    dog = await place.plant("picture", "dog")
    for original in (cat, dog):
        for side in range(1, 4):
            await place.derived(original, Variant(side, 1, "jpeg"))
    await place.library.remove("cat")
    assert [row.id for row in await place.rows()] == ["dog"]
    await place.library.close()
    there = await place.blobs.keys()
    assert len(there) == 4
    assert all("/dog/" in key for key in there)
    assert place.library.cache.get(place.derivation.key(cat, Variant(1, 1, "jpeg"))) is None


async def test_a_remove_returns_before_its_clean_up(place: Place) -> None:
    await place.plant("picture")
    stuck = asyncio.Event()

    async def wait(*arguments: object) -> None:
        await stuck.wait()

    place.blobs.before["delete"] = wait
    await place.library.remove("cat")
    assert await place.rows() == []
    stuck.set()


@pytest.mark.parametrize("method", ["delete", "list"])
async def test_a_clean_up_that_fails_is_left_to_the_sweep(place: Place, method: str) -> None:
    cat = await place.plant("picture")
    await place.derived(cat)
    place.blobs.before[method] = away
    await place.library.remove("cat")
    await place.library.close()
    assert place.derivation.key(cat, VARIANT) in await place.blobs.keys()


async def test_more_than_a_thousand_variants_are_deleted_in_several_calls(place: Place) -> None:
    cat = await place.plant("picture")
    for number in range(1, 1_102):
        await place.blobs.inner.put(keys.derived_key(cat, "a" * 12, Variant(number, 1, "jpeg")), b"x", "image/jpeg")
    await place.library.remove("cat")
    await place.library.close()
    assert await place.blobs.keys() == set()
    assert place.blobs.calls["delete"] == 3


async def test_a_remove_of_another_revision_removes_nothing(place: Place) -> None:
    cat = await place.plant("picture")
    with pytest.raises(RevisionMismatch):
        await place.library.remove("cat", "0" * 32)
    assert await place.rows() == [cat]
    await place.library.remove("cat", cat.revision)
    assert await place.rows() == []


async def test_of_many_removes_one_succeeds(place: Place) -> None:
    await place.plant("picture")
    outcomes = await asyncio.gather(*(place.library.remove("cat") for _ in range(50)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType"] + ["OriginalNotFound"] * 49


@pytest.mark.parametrize("done", [True, False])
async def test_a_remove_with_a_lost_answer_is_sent_once_and_its_outcome_is_unknown(place: Place, done: bool) -> None:
    cat = await place.plant("picture")
    (place.metadata.after if done else place.metadata.before)["remove"] = lost
    with pytest.raises(Unavailable) as caught:
        await place.library.remove("cat")
    assert not caught.value.outcome_known
    assert place.metadata.calls["remove"] == 1
    assert await place.rows() == ([] if done else [cat])
    assert await place.blobs.keys() == {keys.original_key(cat)}


async def test_a_listing_comes_from_the_catalog(place: Place) -> None:
    several = [await place.plant("picture", id) for id in "abc"]
    page = await place.library.page(None, 2)
    assert list(page.items) == several[:2]
    assert (await place.library.page(page.next, 2)).items == (several[2],)
    with pytest.raises(ValueError, match="cursor"):
        await place.library.page("nonsense", 2)


async def test_a_variant_is_located_by_the_current_row(place: Place) -> None:
    cat = await place.plant("picture")
    assert await place.library.locate("cat", VARIANT) == Located(
        cat, VARIANT, place.derivation.key(cat, VARIANT), VARIANT
    )


async def test_reading_changes_nothing(place: Place) -> None:
    cat = await place.plant("picture")
    before = await place.blobs.keys()
    await read(place, cat)
    await place.library.page(None, 10)
    assert (await place.blobs.keys(), await place.rows()) == (before, [replace(cat)])


async def test_a_variant_that_a_delete_removes_while_it_is_written_is_a_404(place: Place) -> None:
    """Not 503: the store can only say that it accepted a blob and does not have it."""
    original = await place.plant("picture")

    async def deleted_meanwhile(key: str, *_: object) -> None:
        await place.metadata.inner.remove(original.id)
        await place.blobs.inner.delete([key])
        raise Unavailable("the bucket accepted it but does not have it", outcome_known=False)

    place.blobs.after["put"] = deleted_meanwhile
    with pytest.raises(OriginalNotFound):
        await place.library.variant(original.id, VARIANT, lambda info: True)
