"""Variants: rendered once, written back, and never left behind for a deleted revision."""

import asyncio
import gc
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pymager import keys
from pymager.errors import NoSpace, NotFound, Overloaded, RevisionGone, Unavailable, Undecodable
from pymager.formats import Encoding
from pymager.library import derivation as derivation_module
from pymager.library.content import VariantContent
from pymager.library.derivation import Derivation
from pymager.library.memory_tier import MemoryTier
from pymager.library.mezzanines import Mezzanines
from pymager.ports import Original
from pymager.variants.variant import Variant
from pymager_filesystem import FolderBlobs
from tests.unit.full_disk import files_of_at_most
from tests.unit.hooked import away, lost, once
from tests.unit.place import VARIANT, Place, body_of, opened
from tests.urls import parse_derived
from tests.waiting import until


async def had(place: Place, original: Original, variant: Variant = VARIANT) -> VariantContent:
    """The variant from wherever it is, or rendered."""
    key = place.derivation.key(original, variant)
    try:
        return await place.derivation.stored(original, key)
    except NotFound:
        return await place.derivation.render(original, variant, key)


async def made(place: Place, original: Original) -> bytes:
    return await body_of(await had(place, original))


async def test_a_variant_is_rendered_once_and_then_read_from_the_store(place: Place) -> None:
    cat = await place.plant("picture")
    first = await made(place, cat)
    assert b"80x60" in first
    assert await place.blobs.keys(keys.DERIVED) == {place.derivation.key(cat, VARIANT)}
    assert await made(place, cat) == first
    assert place.blobs.calls["put"] == 1
    cached = place.library.cache.get(place.derivation.key(cat, VARIANT))
    assert cached is not None
    assert cached.body == first


async def test_concurrent_requests_render_and_write_a_variant_once(place: Place) -> None:
    cat = await place.plant("picture")
    bodies = await asyncio.gather(*(made(place, cat) for _ in range(100)))
    assert len(set(bodies)) == 1
    assert place.blobs.calls["put"] == 1


async def test_each_size_format_and_recipe_is_its_own_variant(place: Place) -> None:
    cat = await place.plant("picture")
    other = Derivation(
        *(
            place.blobs,
            place.metadata,
            place.workers,
            MemoryTier(0),
            Encoding(jpeg_quality=50),
            place.spool.folder,
            60.0,
        ),
        mezzanines=Mezzanines(place.blobs, place.metadata, place.spool.folder, None),
    )
    names = [VARIANT, variant("80x61.jpg"), variant("80x60.png")]
    derived = {place.derivation.key(cat, name) for name in names} | {other.key(cat, VARIANT)}
    assert len(derived) == 4
    assert other.key(cat, names[2]) == place.derivation.key(cat, names[2])  # a PNG has no quality
    assert place.derivation.key(cat, variant("80x60.jpeg")) == place.derivation.key(cat, VARIANT)


async def test_a_variant_that_was_deleted_from_the_store_is_rendered_again(place: Place) -> None:
    cat = await place.plant("picture")
    await made(place, cat)
    await place.blobs.inner.delete([place.derivation.key(cat, VARIANT)])
    assert b"80x60" in await made(place, cat)
    assert place.blobs.calls["put"] == 2


async def test_a_revision_that_is_deleted_during_a_render_leaves_no_variant(place: Place) -> None:
    cat = await place.plant("picture")

    async def remove(*arguments: object) -> None:
        await place.metadata.inner.remove("cat")

    place.blobs.after["put"] = remove
    with pytest.raises(RevisionGone):
        await made(place, cat)
    assert await place.blobs.keys(keys.DERIVED) == set()
    assert place.library.cache.get(place.derivation.key(cat, VARIANT)) is None


async def test_a_render_without_the_original_blob_raises_revision_gone(place: Place) -> None:
    cat = await place.plant("picture")
    await place.metadata.inner.remove("cat")
    await place.blobs.inner.delete([keys.original_key(cat)])
    with pytest.raises(RevisionGone):
        await made(place, cat)


async def test_a_job_whose_file_is_deleted_meanwhile_goes_on_because_the_row_decides(place: Place) -> None:
    cat = await place.plant("unlink")
    assert await made(place, cat)


async def test_a_failure_to_render_is_cached_for_a_minute(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    cat, tries = await place.plant("too-much"), []
    for now in (1_000.0, 1_001.0, 1_059.0, 1_061.0, 1_120.0):
        monkeypatch.setattr(derivation_module, "monotonic", partial(float, now))
        with pytest.raises(Undecodable, match="this has too many pixels"):
            await made(place, cat)
        tries.append(place.metadata.calls["acquire"])
    assert tries == [1, 1, 1, 2, 2]
    place.derivation._raise_known_failure(place.derivation.key(cat, variant("1x1.jpg")))


async def test_the_cache_of_failures_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation_module, "_MAX_FAILURES", 2)
    several = [await place.plant("too-much", id) for id in "abc"]
    for cat in (*several, several[1], several[0]):
        with pytest.raises(Undecodable):
            await made(place, cat)
    assert place.metadata.calls["acquire"] == 4


async def test_a_cached_failure_keeps_no_request_alive(place: Place) -> None:
    class Request:
        pass

    cat = await place.plant("too-much")

    async def make_request() -> weakref.ref[Request]:
        request = Request()
        with pytest.raises(Undecodable):
            await made(place, cat)
        return weakref.ref(request)

    request = await make_request()
    await asyncio.sleep(0)  # the loop lets go of what it ran last
    gc.collect()
    assert request() is None


@pytest.mark.parametrize("hook", [away, lost])
async def test_a_failure_of_the_store_is_not_cached(place: Place, hook: object) -> None:
    cat = await place.plant("picture")
    place.blobs.before["put"] = once(hook)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await made(place, cat)
    assert b"80x60" in await made(place, cat)


async def test_a_full_spool_is_not_a_bad_picture(place: Place) -> None:
    cat = await place.plant("picture" + " " * 300_000)
    with files_of_at_most(100_000), pytest.raises(NoSpace):
        await made(place, cat)
    assert b"80x60" in await made(place, cat)


async def test_a_variant_too_large_for_the_cache_is_streamed(place: Place) -> None:
    cat = await place.plant("big")
    for _ in range(2):
        content = await had(place, cat)
        assert content.body is None
        assert content.info.size == 5 << 20
        assert await body_of(content) == b"\xff" * (5 << 20)
    assert place.blobs.calls["put"] == 1
    cached = place.library.cache.get(place.derivation.key(cat, VARIANT))
    assert cached is not None
    assert cached.body is None


async def test_a_large_variant_is_rendered_once_for_concurrent_requests(place: Place) -> None:
    cat = await place.plant("big")
    bodies = await asyncio.gather(*(made(place, cat) for _ in range(10)))
    assert {len(body) for body in bodies} == {5 << 20}
    assert place.blobs.calls["put"] == 1


async def test_an_original_that_is_its_own_variant_is_written_back(place: Place) -> None:
    cat = await place.plant("original")
    assert await made(place, cat) == await made(place, cat) == b"original"
    assert place.blobs.calls["put"] == 1


@pytest.mark.parametrize("text", ["picture", "original", "big"])
async def test_a_store_of_files_needs_no_copy(tmp_path: Path, text: str) -> None:
    async with FolderBlobs(f"file://{tmp_path / 'blobs'}") as folder, opened(tmp_path, folder) as place:
        cat = await place.plant(text)
        assert len(await made(place, cat)) > 0
        assert await place.is_sound()


async def test_a_file_that_is_deleted_before_it_is_written_back_is_gone(tmp_path: Path) -> None:
    async with FolderBlobs(f"file://{tmp_path / 'blobs'}") as folder, opened(tmp_path, folder) as place:
        cat = await place.plant("original")

        async def delete(*arguments: object) -> None:
            await place.metadata.inner.remove("cat")
            await place.blobs.inner.delete([keys.original_key(cat)])

        place.blobs.before["put"] = delete
        with pytest.raises(RevisionGone):
            await made(place, cat)
        assert await place.blobs.keys() == set()


async def test_a_client_that_leaves_does_not_stop_the_render(place: Place) -> None:
    cat = await place.plant("wait")
    client = asyncio.create_task(made(place, cat))
    await until(lambda: list(place.spool.folder.glob("*.started")))
    client.cancel()
    await asyncio.wait([client])
    (started,) = place.spool.folder.glob("*.started")
    started.with_suffix(".go").touch()
    async with asyncio.timeout(60):
        while await place.blobs.keys(keys.DERIVED) != {place.derivation.key(cat, VARIANT)}:
            await asyncio.sleep(0.005)


async def test_a_full_queue_refuses_only_missing_variants(place: Place) -> None:
    there, waiting = await place.plant("picture", "there"), await place.plant("wait", "waiting")
    await made(place, there)
    busy = [asyncio.create_task(made_as(place, waiting, f"{side}x1.jpg")) for side in range(1, 11)]
    await until(lambda: place.workers.state.renders == 8)
    with pytest.raises(Overloaded):
        await made_as(place, waiting, "99x1.jpg")
    assert b"80x60" in await made(place, there)
    for task in busy:
        task.cancel()
    await place.derivation.close(0)
    await asyncio.wait(busy)


async def made_as(place: Place, original: Original, name: str) -> None:
    await had(place, original, variant(name))


def variant(name: str) -> Variant:
    return parse_derived(f"cat-{name}")[1]


async def test_an_animation_waits_with_its_weight_and_other_variants_do_not(place: Place) -> None:
    cat = replace(await place.plant("picture"), frames=95)
    async with place.workers.reserve(), place.workers.reserve():
        names = (variant("80x60.gif"), Variant(80, 60, "gif", animated=True), Variant(80, 60, "gif", frame=90))
        tasks = [asyncio.create_task(had(place, cat, name)) for name in names]
        await until(lambda: place.workers.state.renders + place.workers.state.animations == 3)
        assert (place.workers.state.renders, place.workers.state.animations) == (2, 1)
    for task in tasks:
        assert b"80x60" in await body_of(await task)
